"""`Rotation`: which run's call goes next, within the rate and the calls at once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from layercheck.dispatch.attempt import Attempt
from layercheck.dispatch.rate.concurrency import ConcurrencyLimit
from layercheck.dispatch.rate.limiter import RateLimiter


class WorkSource(Protocol):
    """What the pool needs of a run. All methods but `ask` are called with the pool's lock held."""

    def due(self, now: float) -> float | None:
        """Return when the next call may be taken; None for not before something changes."""

    def take(self, now: float) -> Attempt | None:
        """Take the next call; None if a thread in the core was faster."""

    def ask(self, attempt: Attempt) -> Callable[[float], None]:
        """Make the request, without the lock; return what settles its outcome, to be called with the lock."""

    def crashed(self, attempt: Attempt, error: BaseException, now: float) -> None:
        """Note that settling failed, which only lack of memory or a bug can cause."""


class Rotation:
    """Takes calls from the runs of a pool in turn. With the pool's lock held.

    Args:
        rate: Says when a call may start.
        concurrency: Says how many calls may be in flight.

    Attributes:
        in_flight: Calls in flight.
    """

    def __init__(self, rate: RateLimiter, concurrency: ConcurrencyLimit) -> None:
        self.in_flight = 0
        self._rate = rate
        self._concurrency = concurrency
        self._sources: deque[WorkSource] = deque()

    @property
    def is_full(self) -> bool:
        """Whether no more calls may be in flight."""
        return self.in_flight >= self._concurrency.limit

    @property
    def lets_threads_loop(self) -> bool:
        """Whether threads need not look here between two calls: the limit is known and not exceeded."""
        return self._concurrency.is_known and self.in_flight <= self._concurrency.limit

    @property
    def is_shared(self) -> bool:
        """Whether several runs get their calls in turn."""
        return len(self._sources) > 1

    def add(self, source: WorkSource) -> None:
        """Let a run take part."""
        self._sources.append(source)

    def remove(self, source: WorkSource) -> None:
        """Let a run take part no more."""
        if source in self._sources:
            self._sources.remove(source)

    def has_work(self) -> bool:
        """Whether any run will have a call without further news, now or later."""
        now = time.monotonic()
        return any(source.due(now) is not None for source in self._sources)

    def next_call(self, now: float) -> tuple[tuple[WorkSource, Attempt] | None, float | None]:
        """Take the next call, which then counts as in flight; or return how long to wait for one.

        Returns:
            The run and its call, or None; without a call, the seconds to wait, None for until a change.
        """
        soonest: float | None = None
        if self.in_flight >= self._concurrency.limit:
            return None, None
        for _ in range(len(self._sources)):
            source = self._sources[0]
            self._sources.rotate(-1)
            due = source.due(now)
            if due is not None and due <= now:
                delay = self._rate.reserve()
                if delay > 0:
                    return None, delay
                # If a thread in the core was faster, the booking is lost. That makes the rate no higher.
                attempt = source.take(now)
                if attempt is not None:
                    self.in_flight += 1
                    return (source, attempt), None
                due = source.due(now)
            if due is not None:
                soonest = due if soonest is None else min(soonest, due)
        return None, None if soonest is None else max(soonest - now, 0.0)
