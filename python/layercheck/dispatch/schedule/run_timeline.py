"""`RunTimeline`: the requests of a run over time, in constant memory."""

from __future__ import annotations

import time
from collections.abc import Sequence

from layercheck.dispatch.outcome import Answer, Outcome, OutcomeKind
from layercheck.dispatch.rate.limiter import RateLimiter
from layercheck.dispatch.schedule.metrics import Metrics
from layercheck.report.timeline import MAX_INTERVALS, SHORTEST_S, Interval, Timeline


class RunTimeline:
    """Counts requests, throttles and digests for each interval of a run, with the pool's lock held.

    When the last interval is full, each two become one. So a timeline of any run has some kilobytes.

    Args:
        metrics: Knows when the first request started. It records each outcome first.
        rate: The rate of the calls. It records each outcome first.
    """

    def __init__(self, metrics: Metrics, rate: RateLimiter) -> None:
        self._metrics = metrics
        self._rate = rate
        self._length_s = SHORTEST_S
        self._started_at = 0.0
        self._first_at: float | None = None
        self._requests = [0] * MAX_INTERVALS
        self._throttles = [0] * MAX_INTERVALS
        self._digests = [0] * MAX_INTERVALS
        self._rates: list[float | None] = [None] * MAX_INTERVALS
        self._used = 0
        # The interval that is counted now, and its bounds on the run's clock.
        self._at = 0
        self._from = self._until = 0.0
        self._suspects = 0  # refused digests that were counted when their request ended

    def record(self, outcome: Outcome) -> None:
        """Count the end of a request."""
        kind = outcome.kind
        if kind is OutcomeKind.LEFT:
            return
        if kind is OutcomeKind.SUSPECTED:
            self._suspects += 1
        elif kind is OutcomeKind.REFUSED and self._suspects:
            # The scheduler refuses all suspects before it refuses another digest.
            self._suspects -= 1
            return
        now = outcome.now
        if not self._from <= now < self._until:
            self._move_to(now)
        at = self._at
        self._requests[at] += 1
        if outcome.merged is not None:
            self._digests[at] += outcome.merged.answered
        elif outcome.failure is not None and outcome.failure.kind == "throttled":
            self._throttles[at] += 1
            self._rates[at] = self._rate.rate

    def record_answers(self, answers: Sequence[Answer]) -> None:
        """Count answers that the core merged. It calls nothing for each answer."""
        start, until = self._from, self._until
        requests = digests = 0
        for first, stop, _, at in answers:
            if not start <= at < until:
                self._add(requests, digests)
                requests = digests = 0
                self._move_to(at)
                start, until = self._from, self._until
            requests += 1
            digests += stop - first
        self._add(requests, digests)
        self._rates[self._at] = self._rate.rate

    def timeline(self) -> Timeline:
        """Return what was counted so far."""
        rate = next((each for each in self._rates[: self._used] if each is not None), None)
        intervals = []
        for at in range(self._used):
            # Nothing ended in an interval without a rate.
            rate = rate if self._rates[at] is None and not self._requests[at] else self._rates[at]
            counts = self._requests[at], self._throttles[at], self._digests[at]
            intervals.append(Interval(at * self._length_s, *counts, rate))
        return Timeline(self._started_at, self._length_s, tuple(intervals))

    def _add(self, requests: int, digests: int) -> None:
        self._requests[self._at] += requests
        self._digests[self._at] += digests

    def _move_to(self, now: float) -> None:
        """Count in the interval of this time from here on."""
        if self._first_at is None:
            first = self._metrics.first_at
            self._first_at = now if first is None else first
            self._started_at = time.time() - (time.monotonic() - self._first_at)
        seconds = max(now - self._first_at, 0.0)
        while seconds >= self._length_s * MAX_INTERVALS:
            self._double()
        self._at = int(seconds / self._length_s)
        self._used = max(self._used, self._at + 1)
        self._from = self._first_at + self._at * self._length_s
        self._until = self._from + self._length_s
        self._rates[self._at] = self._rate.rate

    def _double(self) -> None:
        half = MAX_INTERVALS // 2
        for counts in (self._requests, self._throttles, self._digests):
            counts[:] = [a + b for a, b in zip(counts[::2], counts[1::2], strict=True)] + [0] * half
        pairs = zip(self._rates[::2], self._rates[1::2], strict=True)
        self._rates[:] = [a if b is None else b for a, b in pairs] + [None] * half
        self._used = -(-self._used // 2)
        self._length_s *= 2
