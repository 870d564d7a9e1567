"""`Metrics`: how many calls and requests a run made, and how long it took."""

from __future__ import annotations

from collections.abc import Sequence

from layercheck._core import Call
from layercheck.aws.classify import MismatchedAnswer
from layercheck.dispatch.outcome import Answer, Outcome, OutcomeKind


class Metrics:
    """Counts the calls, requests, throttles and splits of one run, with the pool's lock held.

    Attributes:
        calls: Calls that ended: answered, refused or given up; each counted once.
        requests: Requests sent.
        retries: Requests beyond the first of each call.
        throttles: Requests that the service throttled.
        splits: Batches that were split.
        foreign: Entries in answers for digests that were not asked.
        most_in_flight: The most calls that were in flight at once.
        first_at: When the first request started, seconds on the run's clock; None before.
    """

    def __init__(self) -> None:
        self.calls = self.requests = self.retries = 0
        self.throttles = self.splits = self.foreign = 0
        self.most_in_flight = 0
        self.first_at: float | None = None
        self._last_at = 0.0

    def sent(self, call: Call, in_flight: int) -> None:
        """Count a request that starts now."""
        self.requests += 1
        if call.requests > 1:
            self.retries += 1
        if self.first_at is None:
            self.first_at = call.started_at
        if in_flight > self.most_in_flight:
            self.most_in_flight = in_flight

    def sent_in_the_core(self, requests: int, retries: int) -> None:
        """Count requests that started in the core, each in the place of one that was answered."""
        self.requests += requests
        self.retries += retries

    def record(self, outcome: Outcome) -> None:
        """Count the end of a request."""
        kind = outcome.kind
        if kind is OutcomeKind.LEFT:
            return  # the run ended first, so nothing came of this request
        self._last_at = outcome.now
        if outcome.merged is not None:
            self.foreign += outcome.merged.foreign
        elif outcome.failure is not None:
            self.throttles += outcome.failure.kind == "throttled"
            if isinstance(outcome.failure.cause, MismatchedAnswer):
                self.foreign += outcome.failure.cause.foreign
        if kind is OutcomeKind.SPLIT:
            self.splits += 1
        # A split batch is over as a call: its two halves are calls of their own.
        if kind.is_final or kind is OutcomeKind.SPLIT:
            self.calls += 1

    def record_answers(self, answers: Sequence[Answer]) -> None:
        """Count answers that the core merged."""
        self.calls += len(answers)
        self._last_at = answers[-1][3]

    def landed(self, now: float) -> None:
        """Note that a thread came back from the core. A report that came before it told this time."""
        self._last_at = now

    def seconds(self, now: float, *, finished: bool) -> float:
        """Return the seconds from the first request until the last result, or until now."""
        if self.first_at is None:
            return 0.0
        return max(self._last_at if finished else now, self.first_at) - self.first_at
