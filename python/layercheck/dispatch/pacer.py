"""The pacer: one budget of calls per second for one lane, shared by all threads."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

PRIVATE_QUOTA = 1000.0
"""BatchCheckLayerAvailability calls per second, default per account and region (quota L-B9173138,
https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html)."""

PUBLIC_QUOTA = 200.0
"""The same for ECR Public (quota L-A1FEAB1E,
https://docs.aws.amazon.com/AmazonECR/latest/public/public-service-quotas.html)."""

DEFAULT_SHARE = 0.5
"""Share of the default quota used unless told otherwise: every `docker push` in the account draws
on the same quota, so an audit at full speed would throttle the account's own builds."""


class Pacer:
    """Says when the next call may start, and slows down when the service asks for it.

    The rate is kept by the generic cell rate algorithm: one number, the time at
    which the budget is used up (`_paid_until`), moves forward by `1 / rate` with
    each call and may run ahead of the clock by a small burst. Adapting is additive
    increase, multiplicative decrease: x0.7 on throttling, back up by a fixed step a
    second. Several throttles within the hold-off count once, because the calls that
    were under way when the service first said "slow down" will all say it.

    Nothing here sleeps: `reserve` answers how long to wait, and the caller waits
    where it holds no call slot.

    Args:
        rate: Calls per second, also the ceiling of recovery. None: no limit until the
            first throttle; from then on 0.7 times what was really being sent, and upwards
            again without a ceiling.
        clock: Seconds, monotonic.
        burst_s: Calls that may start at once, as seconds of rate; always at least one call.
        hold_off_s: Seconds after a decrease in which further throttles count as the same.
        floor: The rate never falls below this, calls per second.

    Examples:
        >>> now = 0.0
        >>> pacer = Pacer(10.0, clock=lambda: now)
        >>> pacer.reserve(), round(pacer.reserve(), 3)
        (0.0, 0.1)
    """

    DECREASE = 0.7
    RECOVERY_PER_S = 0.02
    """Share of the ceiling won back each second: from the first decrease to full speed in 15 s."""
    MEMORY_S = 1.0
    """Time constant of the measured flow, used when there is no ceiling to start from."""

    def __init__(
        self,
        rate: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        burst_s: float = 0.02,
        hold_off_s: float = 0.5,
        floor: float = 0.5,
    ) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._ceiling = rate
        self._rate = rate
        self._burst_s = burst_s
        self._hold_off_s = hold_off_s
        self._floor = floor if rate is None else min(floor, rate)
        self._step = 0.0 if rate is None else rate * self.RECOVERY_PER_S
        self._paid_until = -math.inf
        self._adapted_at = -math.inf
        self._decreased_at = -math.inf
        self._first_at: float | None = None
        self._last_at = 0.0
        self._flow = 0.0

    @property
    def rate(self) -> float | None:
        """The present rate in calls per second; None while there is no limit."""
        with self._lock:
            return self._rate

    def reserve(self) -> float:
        """Book one call: 0.0 if it may start now, else seconds to wait, with nothing booked."""
        with self._lock:
            now = self._clock()
            self._recover(now)
            if self._rate is not None:
                interval = 1.0 / self._rate
                early = self._paid_until - now - self._tolerance(interval)
                # A nanosecond of tolerance: waiting exactly as told must be enough.
                if early > 1e-9:
                    return early
                self._paid_until = max(self._paid_until, now) + interval
            self._measure(now)
            return 0.0

    def throttled(self) -> None:
        """The service refused a call for its rate: slow down, once per hold-off."""
        with self._lock:
            now = self._clock()
            if now - self._decreased_at < self._hold_off_s:
                return
            if self._rate is None:
                self._rate = max(self._measured(now), self._floor)
                self._step = self._rate * self.RECOVERY_PER_S
            else:
                self._recover(now)
            self._rate = max(self._rate * self.DECREASE, self._floor)
            # What was saved up for a burst is gone: the next call starts one interval from now.
            interval = 1.0 / self._rate
            self._paid_until = max(self._paid_until, now + interval + self._tolerance(interval))
            self._decreased_at = self._adapted_at = now

    def _tolerance(self, interval: float) -> float:
        """How far the budget may be overdrawn: all but the first call of a burst."""
        return max(self._burst_s - interval, 0.0)

    def _recover(self, now: float) -> None:
        if self._rate is None or self._rate == self._ceiling:
            self._adapted_at = now
            return
        rate = self._rate + self._step * max(now - self._adapted_at, 0.0)
        self._rate = rate if self._ceiling is None else min(rate, self._ceiling)
        self._adapted_at = now

    def _measure(self, now: float) -> None:
        if self._first_at is None:
            self._first_at = self._last_at = now
        self._flow = self._flow * math.exp((self._last_at - now) / self.MEMORY_S) + 1.0 / self.MEMORY_S
        self._last_at = now

    def _measured(self, now: float) -> float:
        """Calls per second sent lately; corrected for a flow that only just began."""
        if self._first_at is None:
            return self._floor
        flow = self._flow * math.exp((self._last_at - now) / self.MEMORY_S)
        known = 1.0 - math.exp((self._first_at - now) / self.MEMORY_S)
        return flow / max(known, 0.05)
