"""What happened."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal


@dataclasses.dataclass(frozen=True, slots=True)
class Counters:
    """What happened since the start, or since `LocalEcr.reset`.

    Attributes:
        connections: Connections accepted.
        requests: HTTP requests read, whatever they asked for.
        calls: Requests that were a readable call of the operation.
        digests: Digests in those calls, repeats included.
        answered: Calls that reached a repository and were answered.
        available: Digests truly available in answered calls, before any fault changed the
            answer; likewise the next three.
        unavailable: Digests truly unavailable.
        archived: Digests truly archived.
        failed: Digests answered with a failure.
        throttled: Calls throttled, by the token bucket or by a fault.
        refused: Requests refused otherwise, deservedly or by a fault.
        in_flight: Calls being answered now.
        max_in_flight: Most calls in flight at once.
        request_bytes: Bytes of request bodies.
        response_bytes: Bytes of response bodies, counted when a response has ended.
        faults: How often each kind of fault took effect.
    """

    connections: int
    requests: int
    calls: int
    digests: int
    answered: int
    available: int
    unavailable: int
    archived: int
    failed: int
    throttled: int
    refused: int
    in_flight: int
    max_in_flight: int
    request_bytes: int
    response_bytes: int
    faults: Mapping[str, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One call, as it came and as it ended.

    Attributes:
        number: Counts from 1 and never starts again.
        at_ns: When it was read: nanoseconds since the server started, by the monotonic clock.
        service: `ecr` or `ecr-public`.
        repository_name: As asked.
        registry_id: As asked; None if left out.
        digests: As asked, in order.
        outcome: `answered`, an error code, or the kind of fault that took the answer's place.
        faults: Kinds of all faults that took effect.
        user_agent: As sent.
    """

    number: int
    at_ns: int
    service: Literal["ecr", "ecr-public"]
    repository_name: str
    registry_id: str | None
    digests: list[str]
    outcome: str
    faults: list[str]
    user_agent: str | None
