"""The pacer: the budget of calls per second of one lane, shared by all its threads and Checkers."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from layercheck.dispatch.rate.budget import BURST_S, Budget


class Pacer:
    """Says when the next call may start, and slows down when the service asks for it.

    Adapting follows the curve of TCP CUBIC (RFC 9438) on a time scale of its own. On throttling the rate
    falls to 0.8 times what was too much, further if most calls were throttled; then it comes back,
    quickly at first, slowly around the rate that was too much, and ever faster beyond it, in case that
    there is more to be had by now. The numbers were chosen in the simulation of `bench/python/pace.py`,
    and `tests/python/dispatch/rate/test_pacer_simulation.py` holds them to at least 90 % of what the service
    gives and under 2 % throttled.

    Calls that were under way when the rate fell say nothing about the new rate. So only throttles of
    calls that started after the last decrease count, and within the hold-off only several of them.

    Nothing here sleeps: `reserve` answers how long to wait, and the caller waits where it holds no
    call slot.

    Args:
        rate: Calls per second, also the ceiling of recovery. None: no limit until the first throttle;
            from then on what was really being sent, until it has outgrown that several times.
        clock: Seconds, monotonic.
        burst_s: Calls that may start at once, as seconds of rate; always at least one call.
        hold_off_s: Seconds after a decrease before a single throttle leads to the next.
        floor: The rate never falls below this, calls per second: half a percent of the default quota,
            enough to notice soon that the service has recovered.

    Examples:
        >>> now = 0.0
        >>> pacer = Pacer(10.0, clock=lambda: now)
        >>> pacer.reserve(), round(pacer.reserve(), 3)
        (0.0, 0.1)
    """

    DECREASE = 0.8
    DEEPEST = 0.3
    """The most that one decrease can do, however few calls were accepted."""
    PLATEAU_S = 2.0
    """Seconds from a decrease until the rate that was too much is reached again."""
    PROBING = 4.0
    """How much steeper it goes up beyond that rate than up to it."""
    CERTAIN = 4
    """So many throttles are believed at once, without waiting for the hold-off."""
    OUTGROWN = 4.0
    """Without a ceiling: there is no limit any more at so many times the rate that was too much."""

    def __init__(
        self,
        rate: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        burst_s: float = BURST_S,
        hold_off_s: float = 0.1,
        floor: float = 5.0,
    ) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._ceiling = rate
        self._rate = rate
        self._hold_off_s = hold_off_s
        self._floor = floor
        self._budget = Budget(burst_s)
        self._flow = _Flow()
        self._peak: float | None = None  # the rate that was too much; None while nothing is adapted
        self._decreased_at = -math.inf
        self._throttled = 0
        self._answered = 0

    @property
    def rate(self) -> float | None:
        """The present rate in calls per second; None while there is no limit."""
        with self._lock:
            return self._recovered(self._clock())

    @property
    def ceiling(self) -> float | None:
        """What recovery ends at; None for no limit."""
        return self._ceiling

    @ceiling.setter
    def ceiling(self, rate: float | None) -> None:
        with self._lock:
            self._ceiling = rate
            if self._peak is None:
                self._rate = rate

    def reserve(self) -> float:
        """Book one call: 0.0 if it may start now, else seconds to wait, with nothing booked."""
        with self._lock:
            now = self._clock()
            rate = self._rate if self._peak is None else self._recovered(now)
            if rate is None:
                self._flow.count(now)
                return 0.0
            delay = self._budget.delay_until_allowed(now, rate)
            if not delay:
                self._budget.consume(now, rate)
            return delay

    def answered(self, started_at: float) -> None:
        """A call that was started then was not throttled."""
        # Without the lock: it is about shares, and one call more or less in them does not matter.
        if self._peak is not None and started_at > self._decreased_at:
            self._answered += 1

    def throttled(self, started_at: float) -> None:
        """The service refused a call for its rate: slow down, unless the call is from before the last time.

        Args:
            started_at: When the call was started, by the pacer's clock.
        """
        with self._lock:
            now = self._clock()
            if started_at <= self._decreased_at:
                return
            self._throttled += 1
            if self._throttled < self.CERTAIN and now - self._decreased_at < self._hold_off_s:
                return
            self._decrease(now)

    def _decrease(self, now: float) -> None:
        rate = self._recovered(now)
        if rate is None:
            rate = self._flow.per_second(now)
        # A few throttles prove little: so many answers are taken as given.
        answered = self._answered + self.CERTAIN
        share = answered / (answered + self._throttled) if self._peak is not None else 1.0
        floor = self._floor if self._ceiling is None else min(self._floor, self._ceiling)
        self._rate = max(rate * min(max(share, self.DEEPEST), self.DECREASE), floor)
        # After a deep cut, what is aimed at is not the old rate but a little above the new one.
        self._peak = self._rate / self.DECREASE
        self._decreased_at = now
        self._throttled = self._answered = 0
        self._budget.empty(now, self._rate)

    def _recovered(self, now: float) -> float | None:
        if self._peak is None:
            return self._rate
        away = (now - self._decreased_at) / self.PLATEAU_S - 1.0
        growth = 1.0 + (1.0 - self.DECREASE) * (away**3 if away < 0.0 else self.PROBING * away**3)
        if self._ceiling is None:
            if growth >= self.OUTGROWN:
                self._peak = self._rate = None
                return None
        elif growth * self._peak >= self._ceiling and away > -1.0:
            self._peak = None
            self._rate = self._ceiling
            return self._rate
        self._rate = growth * self._peak
        return self._rate


class _Flow:
    """Calls per second really sent of late: over the last quarter to half of a second."""

    WINDOW_S = 0.25

    def __init__(self) -> None:
        self._before_at = self._since = math.inf
        self._before = self._calls = 0

    def count(self, now: float) -> None:
        if now - self._since >= self.WINDOW_S:
            lately = now - self._since < 2 * self.WINDOW_S
            self._before_at, self._before = (self._since, self._calls) if lately else (now, 0)
            self._since, self._calls = now, 0
        elif self._since == math.inf:
            self._before_at = self._since = now
        self._calls += 1

    def per_second(self, now: float) -> float:
        """0.0 before the first call."""
        return (self._before + self._calls) / max(now - self._before_at, 0.05) if self._calls else 0.0
