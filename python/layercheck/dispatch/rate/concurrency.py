"""How many calls may be under way at once: rate x latency, measured as it goes."""

from __future__ import annotations

import math


class ConcurrencyLimit:
    """Sizes the calls in flight by Little's law, with headroom, and never above `most`.

    The rate alone does not protect a service that has become slow, or hangs: at 500 calls a second,
    each second without an answer would leave 500 more calls waiting in it. With a limit that follows what is
    *answered*, calls in flight stay at what a healthy service needs until it shows that it needs more.

    Without a rate there is nothing to multiply. Then there is room for `most`, until the latency is so far
    above its own recent best that calls are queueing at the service; from there on it shrinks by a fifth per
    latency, and grows again by one call per answer when the latency allows.

    Latency is a moving average that follows a rise faster than a fall: too much room costs nothing on a
    healthy service, too little costs speed.
    """

    START = 8
    """Before anything is known. It doubles with each latency."""
    LEAST = 8
    HEADROOM = 2.0
    RISE, FALL = 0.2, 0.05
    SLOW_TIMES, SLOW_BY_S = 2.0, 0.1
    """Slow is: so many times the best, and by so much. The second keeps our own waiting for the
    interpreter, a few milliseconds, from being taken for the service's."""
    MEMORY_S = 15.0
    """The best latency is that of the last one to two such spans: a service may be slow for good."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = float(min(self.START, most))
        self._latency_s: float | None = None
        self._best_s = self._best_before_s = math.inf
        self._span_since = -math.inf
        self._shrunk_at = -math.inf
        self.limit = int(self._free)

    @property
    def latency_s(self) -> float | None:
        """The average; None before the first answer."""
        return self._latency_s

    def answered(self, latency_s: float, now: float, rate: float | None) -> None:
        """A call took that long; `rate` is the present one in calls per second."""
        average = self._latency_s
        if average is None:
            average = latency_s
        else:
            average += (latency_s - average) * (self.RISE if latency_s > average else self.FALL)
        self._latency_s = average
        if now - self._span_since > self.MEMORY_S:
            self._span_since = now
            self._best_before_s, self._best_s = self._best_s, average
        elif average < self._best_s:
            self._best_s = average
        self._resize(average, now)
        calls = self._free if rate is None else rate * average * self.HEADROOM + self.LEAST
        self.limit = min(self._most, math.ceil(calls))

    def _resize(self, average: float, now: float) -> None:
        best = min(self._best_s, self._best_before_s)
        if average <= max(best * self.SLOW_TIMES, best + self.SLOW_BY_S):
            if self._free < self._most:
                self._free = min(self._free + 1.0, self._most)
        elif now - self._shrunk_at > average:
            self._shrunk_at = now
            self._free = max(self._free * 0.8, min(self.LEAST, self._most))
