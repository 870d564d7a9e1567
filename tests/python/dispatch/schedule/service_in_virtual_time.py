"""A run in virtual time: the scheduler alone, and a service that fails by a rule."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from layercheck._core import Call, RetryDecision, Scheduler
from layercheck.aws.classify import Failure
from layercheck.errors import EndpointError
from layercheck.limits import Limits

TRANSIENT = Failure("transient", "ServerException", "", OSError(), EndpointError)
THROTTLED = Failure("throttled", "ThrottlingException", "", OSError(), EndpointError)
UNREACHED = Failure("transient", "EndpointConnectionError", "", OSError(), EndpointError, connected=False)

Rule = Callable[[Call, float], Failure | None]
"""Returns how a call fails that ends at a time; None for an answer."""


@dataclass
class Played:
    """What a run led to.

    Attributes:
        requests: Requests sent.
        seconds: When the run ended.
        answered: How often each digest was answered.
        given_up: The digests that were given up.
        decisions: How often each decision was made.
    """

    requests: int = 0
    seconds: float = 0.0
    answered: Counter[int] = field(default_factory=Counter)
    given_up: Counter[int] = field(default_factory=Counter)
    decisions: Counter[RetryDecision] = field(default_factory=Counter)


def play(
    digests: int,
    rule: Rule,
    *,
    slots: int = 32,
    latency_s: float = 0.01,
    rate: float = 500.0,
    limits: Limits | None = None,
    seed: int = 1,
    most_requests: int = 2_000_000,
) -> Played:
    """Carry out a run of so many digests against a service that follows a rule."""
    todo = Scheduler(digests, 100, slots, limits or Limits(), seed=seed)
    played = Played()
    under_way: list[tuple[float, int, Call]] = []
    now = next_start = 0.0
    while not todo.finished:
        due = todo.due(now)
        start = None if due is None or len(under_way) >= slots else max(due, next_start, now)
        if start is not None and (not under_way or start <= under_way[0][0]):
            now = start
            call = todo.take(now)
            assert call is not None
            played.requests += 1
            assert played.requests <= most_requests, "the run does not end"
            heapq.heappush(under_way, (now + latency_s, played.requests, call))
            next_start = now + 1.0 / rate
            continue
        assert under_way, "nothing is under way, nothing is due, and the run is not finished"
        now, _, call = heapq.heappop(under_way)
        failure = rule(call, now)
        if failure is None:
            todo.settle(call, now)
            played.answered.update(range(call.start, call.stop))
            continue
        decision = todo.fail(call, failure, now)
        played.decisions[decision] += 1
        if decision == RetryDecision.GIVE_UP:
            played.given_up.update(range(call.start, call.stop))
        elif decision in (RetryDecision.FATAL, RetryDecision.STALL):
            todo.stop()
    played.seconds = now
    return played


def at_random(share: float, *, poison: frozenset[int] = frozenset(), seed: int = 2) -> Rule:
    """Fail so large a share of the calls, and every call that asks about one of these digests."""
    chance = random.Random(seed)

    def rule(call: Call, now: float) -> Failure | None:
        if chance.random() < share or not poison.isdisjoint(range(call.start, call.stop)):
            return TRANSIENT
        return None

    return rule
