"""How much ground a run has covered: batches, rows, and the time that is left."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from layercheck._core import Plan
from layercheck.dispatch.schedule.scheduler import Call

_SAMPLES = 40
"""Speeds are those of so many events, ten seconds: a rate that has recovered shows soon."""

_LEAST_S = 1.0
"""The first second says little about the rest."""


class RunProgress:
    """Counts in constant memory. With the workers' lock held."""

    def __init__(self, plan: Plan) -> None:
        self.batches = len(plan)
        self.batches_done = 0
        self._plan = plan
        self._pieces: dict[int, int] = {}  # batches that were halved: calls that are still open
        self._seen: deque[tuple[float, int]] = deque(maxlen=_SAMPLES)

    def resume(self, next_open: Callable[[int], tuple[int, int]]) -> None:
        """A part was done before; `next_open` gives the calls of the rest one after the other."""
        self.batches_done = self.batches
        start, stop = next_open(0)
        while start < stop:
            self.batches_done -= 1
            start, stop = next_open(stop)

    def halved(self, call: Call) -> None:
        """Two calls take the place of one."""
        batch = self._batch_of(call)
        self._pieces[batch] = self._pieces.get(batch, 1) + 1

    def ended(self, call: Call) -> None:
        """The call has its outcome and is not asked again."""
        batch = self._batch_of(call)
        open_calls = self._pieces.get(batch, 1) - 1
        if open_calls:
            self._pieces[batch] = open_calls
            return
        self._pieces.pop(batch, None)
        self.batches_done += 1

    def _batch_of(self, call: Call) -> int:
        gathered = call.start - self._plan.unique
        if gathered < 0:
            return call.start // self._plan.batch_size
        return self.batches + gathered // self._plan.batch_size

    def rows_done(self, settled: int) -> int:
        """Rows that have their verdict: exact without duplicates and at the end, else in proportion.

        To be exact in between would take the number of rows of each digest, as much memory as the verdicts.
        """
        plan = self._plan
        valid = plan.rows - plan.invalid
        return plan.invalid + (valid * settled // plan.unique if plan.unique else 0)

    def seconds_left(self, now: float, settled: int) -> float | None:
        """At the speed of the last ten seconds; None while that says nothing."""
        left = self._plan.unique - settled
        if not left:
            return 0.0
        self._seen.append((now, settled))
        first_at, first = self._seen[0]
        if now - first_at < _LEAST_S or settled <= first:
            return None
        return left * (now - first_at) / (settled - first)
