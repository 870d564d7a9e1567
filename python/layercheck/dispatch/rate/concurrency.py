"""`ConcurrencyLimit`: how many calls may be in flight at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from layercheck.dispatch.outcome import Answer, Outcome, OutcomeKind

if TYPE_CHECKING:
    from layercheck.dispatch.rate.limiter import RateLimiter


class ConcurrencyLimit:
    """Limits the calls in flight by Little's law (rate x latency), with headroom, and never above `most`.

    A rate alone does not protect a service that became slow or hangs: at 500 calls a second, each second
    without an answer would add 500 calls that wait in the service. A limit that follows the *answers* keeps
    the calls in flight at what a healthy service needs, until the service shows that it needs more.

    Without a rate, nothing can be multiplied. The limit is then `most`, until the latency is so far above its
    own recent best that calls must be queueing in the service. From there the limit shrinks by a fifth in
    each latency, and grows by one call with each answer once the latency allows it.

    The latency is a moving average that follows a rise faster than a fall, because too many calls cost
    nothing on a healthy service, and too few cost speed.

    Args:
        most: Most calls at once.
        limiter: Tells the present rate.

    Attributes:
        limit: Most calls at once just now.
    """

    START = 8
    """Limit before anything is known."""
    START_WITHOUT_RATE = 16
    """The same where no rate limits what a service that hangs would get. It doubles with each latency."""
    LEAST = 8
    HEADROOM = 2.0
    RISE, FALL = 0.2, 0.05
    SLOW_TIMES, SLOW_BY_S = 2.0, 0.1
    """A service is slow at so many times the best latency, and so many seconds above it. The seconds keep the
    few milliseconds that a thread waits for the interpreter from counting as the service's latency."""
    MEMORY_S = 15.0
    """The best latency is that of the last one to two such spans, because a service may be slow for good."""

    def __init__(self, most: int, limiter: RateLimiter) -> None:
        self._most = most
        self._limiter = limiter
        start = self.START_WITHOUT_RATE if limiter.rate is None else self.START
        self._free = float(min(start, most))
        self._latency_s: float | None = None
        self._best_s = self._best_before_s = math.inf
        self._span_since = -math.inf
        self._shrunk_at = -math.inf
        self.limit = int(self._free)

    @property
    def latency_s(self) -> float | None:
        """The average latency in seconds; None before the first answer."""
        return self._latency_s

    def record(self, outcome: Outcome) -> None:
        """Take the latency of an answer into account."""
        if outcome.kind is not OutcomeKind.ANSWERED:
            return
        self.record_answers(((0, 0, outcome.call.started_at, outcome.now),))

    def record_answers(self, answers: Sequence[Answer]) -> None:
        """Take the latencies of several answers into account."""
        # In one loop without calls, because this is done for each call of the API.
        average = self._latency_s
        best = min(self._best_s, self._best_before_s)
        for _, _, started_at, now in answers:
            latency_s = now - started_at
            if average is None:
                average = latency_s
            else:
                average += (latency_s - average) * (self.RISE if latency_s > average else self.FALL)
            if now - self._span_since > self.MEMORY_S:
                self._span_since = now
                self._best_before_s, self._best_s = self._best_s, average
                best = min(self._best_s, self._best_before_s)
            elif average < self._best_s:
                self._best_s = average
                best = min(best, average)
            if average <= best * self.SLOW_TIMES or average <= best + self.SLOW_BY_S:
                if self._free < self._most:
                    self._free += 1.0
            elif now - self._shrunk_at > average:
                self._shrunk_at = now
                self._free = max(self._free * 0.8, min(self.LEAST, self._most))
        self._latency_s = average
        rate = self._limiter.rate
        if rate is None:
            self.limit = min(self._most, math.ceil(self._free))
        elif average is not None:
            self.limit = min(self._most, math.ceil(rate * average * self.HEADROOM + self.LEAST))

    @property
    def is_known(self) -> bool:
        """Whether the limit is not still growing from its start, nor held down by a slow service."""
        return self._limiter.rate is not None or self.limit >= self._most
