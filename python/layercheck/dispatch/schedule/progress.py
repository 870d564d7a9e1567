"""`RunProgress`: how many batches and rows are done, and how much time is left."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from layercheck._core import Plan
from layercheck.dispatch.outcome import Answer, Outcome, OutcomeKind

_SAMPLES = 40
"""Number of samples for the speed. They span ten seconds, so that a rate that recovers shows soon."""

_LEAST_S = 1.0
"""Shortest time that a speed is taken from, seconds: the first second says little about the rest."""


class RunProgress:
    """Counts finished batches in constant memory, with the pool's lock held.

    Args:
        plan: The plan of the run.
        next_open: For a run that goes on with a journal: returns the next call's digests from a number on,
            as start and stop. None for a run from the beginning.

    Attributes:
        batches: Batches in the plan.
        batches_done: Batches of which every digest has its outcome.
    """

    def __init__(self, plan: Plan, next_open: Callable[[int], tuple[int, int]] | None = None) -> None:
        self.batches = len(plan)
        self.batches_done = 0
        self._plan = plan
        self._open_calls: dict[int, int] = {}  # for each batch that was split: its calls that are still open
        self._seen: deque[tuple[float, int]] = deque(maxlen=_SAMPLES)
        if next_open is not None:
            self._resume(next_open)

    def record(self, outcome: Outcome) -> None:
        """Count the end of a request."""
        kind = outcome.kind
        if kind is OutcomeKind.LEFT:
            return
        if kind.is_final:
            if self._open_calls:
                self._ended(self._batch_of(outcome.call.start))
            else:
                self.batches_done += 1
        elif kind is OutcomeKind.SPLIT:
            batch = self._batch_of(outcome.call.start)
            self._open_calls[batch] = self._open_calls.get(batch, 1) + 1

    def record_answers(self, answers: Sequence[Answer]) -> None:
        """Count the calls that the core made."""
        if not self._open_calls:
            self.batches_done += len(answers)
            return
        for start, _, _, _ in answers:
            self._ended(self._batch_of(start))

    def rows_done(self, settled: int) -> int:
        """Return the number of rows that have their verdict.

        It is exact without duplicates and at the end. In between it is a proportion, because an exact number
        needs the number of rows of each digest, which takes as much memory as the verdicts.
        """
        plan = self._plan
        valid = plan.rows - plan.invalid
        return plan.invalid + (valid * settled // plan.unique if plan.unique else 0)

    def seconds_left(self, now: float, settled: int) -> float | None:
        """Return the seconds left at the speed of the last ten seconds; None while it is not known."""
        left = self._plan.unique - settled
        if not left:
            return 0.0
        self._seen.append((now, settled))
        first_at, first = self._seen[0]
        if now - first_at < _LEAST_S or settled <= first:
            return None
        return left * (now - first_at) / (settled - first)

    def _resume(self, next_open: Callable[[int], tuple[int, int]]) -> None:
        """Count every batch as done, except those that the run still asks."""
        self.batches_done = self.batches
        start, stop = next_open(0)
        while start < stop:
            self.batches_done -= 1
            start, stop = next_open(stop)

    def _ended(self, batch: int) -> None:
        open_calls = self._open_calls.get(batch, 1) - 1
        if open_calls:
            self._open_calls[batch] = open_calls
            return
        self._open_calls.pop(batch, None)
        self.batches_done += 1

    def _batch_of(self, start: int) -> int:
        packed = start - self._plan.unique
        if packed < 0:
            return start // self._plan.batch_size
        return self.batches + packed // self._plan.batch_size
