"""`Pacer`: the rate of one lane, shared by all its threads and Checkers."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from layercheck._core import Budget
from layercheck.dispatch.rate.recovery import CubicRecovery, Recovery

BURST_S = 0.02
"""Calls that may start at once, as seconds of rate: a fifth of the tenth of a second that is promised."""

FLOOR = 5.0
"""The lowest rate after throttles, calls per second: half a percent of the default quota, which is enough to
notice soon that the service has recovered."""


class Pacer:
    """Says when the next call may start, and slows down when the service throttles.

    The budget (GCRA) spaces the calls. The recovery says how far the rate falls and how it comes back.

    Calls that were in flight when the rate fell say nothing about the new rate. So only throttles of calls
    that started after the last decrease count, and within the hold-off only several of them.

    The pacer never sleeps: `reserve` returns how long to wait, and the caller waits where it holds no call
    slot.

    Args:
        rate: Calls per second, also the ceiling of the recovery. None: no limit until the first throttle;
            from then on the rate at which calls were really sent, until it has outgrown that rate several
            times.
        clock: Seconds, monotonic.
        recovery: How far the rate falls and by which curve it comes back.
        burst_s: Calls that may start at once, as seconds of rate; always at least one call.
        hold_off_s: Seconds after a decrease before a single throttle leads to the next.
        floor: The lowest rate, calls per second.

    Examples:
        >>> now = 0.0
        >>> pacer = Pacer(10.0, clock=lambda: now)
        >>> pacer.reserve(), round(pacer.reserve(), 3)
        (0.0, 0.1)

    Attributes:
        budget: What calls that start in the core draw on too. They may while nothing is adapted.
    """

    CERTAIN = 4
    """So many throttles count at once, without waiting for the hold-off."""

    def __init__(
        self,
        rate: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        recovery: Recovery | None = None,
        burst_s: float = BURST_S,
        hold_off_s: float = 0.1,
        floor: float = FLOOR,
    ) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._recovery = recovery or CubicRecovery()
        self._ceiling = rate
        self._rate = rate
        self._hold_off_s = hold_off_s
        self._floor = floor
        self.budget = Budget(burst_s)
        self.budget.allow(rate)
        self._peak: float | None = None  # the rate that was too much; None while nothing is adapted
        self._decreased_at = -math.inf
        self._throttled = 0
        self._answered = 0

    @property
    def rate(self) -> float | None:
        """The present rate in calls per second; None while there is no limit."""
        if self._peak is None:
            return self._rate  # without the lock, because nothing is adapted
        with self._lock:
            return self._recovered(self._clock())

    @property
    def ceiling(self) -> float | None:
        """The rate at which the recovery ends; None for no limit."""
        return self._ceiling

    @ceiling.setter
    def ceiling(self, rate: float | None) -> None:
        with self._lock:
            self._ceiling = rate
            if self._peak is None:
                self._rate = rate
                self.budget.allow(rate)

    @property
    def is_adapted(self) -> bool:
        """Whether the rate is still coming back after a throttle."""
        return self._peak is not None

    def reserve(self, caller: int = 0) -> float:
        """Book one call: 0.0 if it may start now, else seconds to wait, with nothing booked.

        Args:
            caller: What the budget knows the caller by.
        """
        with self._lock:
            now = self._clock()
            rate = self._rate if self._peak is None else self._recovered(now)
            return self.budget.reserve(now, rate, caller)

    def answered(self, started_at: float) -> None:
        """Note that the service did not throttle a call which started then, by the pacer's clock."""
        # Without the lock, because these numbers only make shares: one call more or less does not matter.
        if self._peak is not None and started_at > self._decreased_at:
            self._answered += 1

    def throttled(self, started_at: float) -> None:
        """Slow down because the service throttled a call, unless the call is older than the last decrease.

        Args:
            started_at: When the call started, by the pacer's clock.
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
        recovery = self._recovery
        rate = self._recovered(now)
        if rate is None:
            rate = self.budget.flow(now)
        # A few throttles prove little, so that some answers are taken as given.
        answered = self._answered + self.CERTAIN
        accepted = answered / (answered + self._throttled) if self._peak is not None else 1.0
        floor = self._floor if self._ceiling is None else min(self._floor, self._ceiling)
        self._rate = max(rate * min(max(accepted, recovery.deepest), recovery.decrease), floor)
        # After a deep decrease the aim is not the old rate but a little above the new one.
        self._peak = self._rate / recovery.decrease
        self._decreased_at = now
        self._throttled = self._answered = 0
        self.budget.hold()
        self.budget.empty(now, self._rate)

    def _recovered(self, now: float) -> float | None:
        if self._peak is None:
            return self._rate
        since_s = now - self._decreased_at
        growth = self._recovery.growth(since_s)
        if self._ceiling is None:
            if growth >= self._recovery.outgrown:
                self._peak = self._rate = None
                self.budget.allow(None)
                return None
        elif growth * self._peak >= self._ceiling and since_s > 0.0:
            self._peak = None
            self._rate = self._ceiling
            self.budget.allow(self._rate)
            return self._rate
        self._rate = growth * self._peak
        return self._rate
