"""Lanes: the rates of this process, one for each account, region and endpoint."""

from __future__ import annotations

import itertools
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from layercheck._core import Budget, Pacer
from layercheck.aws import credentials
from layercheck.dispatch.outcome import Answer, Outcome
from layercheck.limits import Limits
from layercheck.types import Target

KEEP_S = 30.0
"""How long a lane outlives its last Checker, seconds. Otherwise `check` in a loop would start each time with
a new burst, and at the full rate just after it was throttled. After so long, every lane has recovered."""

SHARE_BURST_S = 0.0125
"""The burst of a share, as seconds of rate. From 200 calls a second on, a share then makes at most 1.02 times
its rate in any second, with the calls at both ends of the second."""


class LaneKey(NamedTuple):
    """What Checkers must have in common to share one lane."""

    service: str
    region_name: str | None
    endpoint_url: str | None
    account: str
    operation: str = "BatchCheckLayerAvailability"


def key_of(client: Any, target: Target, operation: str = "BatchCheckLayerAvailability") -> LaneKey | None:
    """Return the lane of a client; None if the account that calls is not known.

    The quota belongs to the account that calls, whatever registry it asks, so `registry_id` is not part of
    the key. Two users or roles of one account share a lane if their key ids show the account. Each operation
    has a quota of its own, and so a lane of its own.
    """
    account = credentials.account(client)
    if account is None:
        return None
    service = "ecr-public" if target.public else "ecr"
    return LaneKey(service, target.region_name, target.endpoint_url, account, operation)


_callers = itertools.count(1)


class LaneHandle:
    """The part of one Checker in a lane: never faster than its own rate, nor than what the lane has left.

    The lane as a whole goes as fast as the fastest of its Checkers may. So two Checkers at 500 calls per
    second make 500 together, and a Checker at 50 beside one at 500 keeps to 50.

    Calls that start in the core book at the pacer alone, and only while this Checker is the fastest of the
    lane. Those that start elsewhere also keep to a budget of their own.

    A pool of threads calls `reserve` and `record` with its lock held.

    Attributes:
        own_rate: Most calls per second of this Checker; None for no limit.
        caller: See `RateLimiter`.
        pacer: See `RateLimiter`.
    """

    def __init__(
        self, lane: _Lane, rate: float | None, clock: Callable[[], float], burst_s: float = Pacer.BURST_S
    ) -> None:
        self.own_rate = rate
        self.caller = next(_callers)
        self.pacer = lane.pacer
        self._lane = lane
        self._clock = clock
        self._budget = Budget(burst_s)

    @property
    def rate(self) -> float | None:
        """The present rate in calls per second; None while there is no limit."""
        own, lane = self.own_rate, self.pacer.rate
        if own is None or lane is None:
            return lane if own is None else own
        return min(own, lane)

    @property
    def is_fastest_of_lane(self) -> bool:
        """See `RateLimiter`."""
        return self.pacer.ceiling == self.own_rate

    def reserve(self) -> float:
        """Book one call: 0.0 if it may start now, else seconds to wait, with nothing booked."""
        own = self.own_rate
        if own is None:
            return self.pacer.reserve(self.caller)
        now = self._clock()
        wait = self._budget.delay_until_allowed(now, own) or self.pacer.reserve(self.caller)
        if not wait:
            self._budget.consume(now, own)
        return wait

    def record(self, outcome: Outcome) -> None:
        """Tell the lane whether the service throttled a request."""
        if outcome.merged is not None:
            self.answered(outcome.call.started_at)
        elif outcome.failure is not None and outcome.failure.kind == "throttled":
            self.throttled(outcome.call.started_at)

    def answered(self, started_at: float) -> None:
        """Tell the lane that the service did not throttle a request which started then."""
        self.pacer.answered(started_at)

    def throttled(self, started_at: float) -> None:
        """Tell the lane that the service throttled a request which started then."""
        self.pacer.throttled(started_at)

    def record_answers(self, answers: Sequence[Answer]) -> None:
        """Do nothing: the core told the pacer of each answer that it merged."""

    def leave(self) -> None:
        """Leave the lane, because the Checker closes. Calls in flight may still record how they ended."""
        self._lane.leave(self)


class _Lane:
    """A pacer and the handles that share it. Under the lock of its `LaneRegistry`."""

    def __init__(
        self,
        lock: threading.Lock,
        clock: Callable[[], float],
        recovery: str,
        floor: float,
        burst_s: float = Pacer.BURST_S,
    ) -> None:
        self.pacer = Pacer(None, clock=clock, recovery=recovery, floor=floor, burst_s=burst_s)
        # Weakly, so that a Checker that was never closed does not keep up the lane's rate for ever.
        self.handles: weakref.WeakSet[LaneHandle] = weakref.WeakSet()
        self.left_at = clock()
        self._lock = lock
        self._clock = clock
        self._burst_s = burst_s

    def join(self, rate: float | None) -> LaneHandle:
        handle = LaneHandle(self, rate, self._clock, self._burst_s)
        self.handles.add(handle)
        self._set_ceiling()
        return handle

    def leave(self, handle: LaneHandle) -> None:
        with self._lock:
            self.left_at = self._clock()
            self.handles.discard(handle)
            if self.handles:
                self._set_ceiling()

    def _set_ceiling(self) -> None:
        rates = [handle.own_rate for handle in self.handles]
        self.pacer.ceiling = None if None in rates else max(rate for rate in rates if rate is not None)


class LaneRegistry:
    """All lanes by key; thread-safe. The process has one registry, tests make their own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._lanes: dict[LaneKey, _Lane] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    def join(
        self,
        key: LaneKey | None,
        rate: float | None,
        *,
        recovery: str = "cubic",
        floor: float = Pacer.FLOOR,
        burst_s: float = Pacer.BURST_S,
    ) -> LaneHandle:
        """Return a part in the lane of this key; without a key, in a lane of its own.

        Args:
            key: The lane.
            rate: Most calls per second of this part; None for no limit.
            recovery: How a new lane comes back after a throttle, by name; an existing lane keeps its own.
            floor: The lowest rate of a new lane after throttles, calls per second; likewise.
            burst_s: Calls of a new lane that may start at once, as seconds of rate; likewise.
        """
        with self._lock:
            self._forget_old()
            if key is None:
                return _Lane(self._lock, self._clock, recovery, floor, burst_s).join(rate)
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = _Lane(self._lock, self._clock, recovery, floor, burst_s)
            return lane.join(rate)

    def forget(self) -> None:
        """Start anew in a child process: it has no Checkers, and threads that it lacks may hold the locks."""
        self._lock = threading.Lock()
        self._lanes = {}

    def _forget_old(self) -> None:
        limit = self._clock() - KEEP_S
        for key in [key for key, lane in self._lanes.items() if not lane.handles and lane.left_at < limit]:
            del self._lanes[key]


LANES = LaneRegistry()
"""The lanes of this process."""


def join_lane(
    client: Any,
    target: Target,
    rate: float | None,
    limits: Limits,
    operation: str = "BatchCheckLayerAvailability",
) -> LaneHandle:
    """Return a part in the lane of a client, or in a lane of its own if the limits give it a share of one.

    Args:
        client: Its credentials tell the account.
        target: Where it asks.
        rate: Most calls per second of this part; None for no limit.
        limits: Recovery and share.
        operation: What is asked.
    """
    share = limits.lane_share
    if share is None:
        return LANES.join(key_of(client, target, operation), rate, recovery=limits.recovery)
    return LANES.join(None, rate, recovery=limits.recovery, floor=Pacer.FLOOR * share, burst_s=SHARE_BURST_S)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LANES.forget)
