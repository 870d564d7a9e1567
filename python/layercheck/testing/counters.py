"""What the endpoint counted, and the calls it logged."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal


@dataclasses.dataclass(frozen=True, slots=True)
class Counters:
    """Counts since the start, or since `LocalEcr.reset`.

    Attributes:
        connections: Connections accepted.
        requests: HTTP requests read, of any kind.
        calls: Requests that could be read as a call of the operation.
        digests: Digests in those calls, with repeats.
        answered: Calls that reached a repository and were answered.
        available: Digests available in answered calls. This and the next three are counted
            before a fault changes the answer.
        unavailable: Digests unavailable.
        archived: Digests archived.
        failed: Digests answered with a failure.
        throttled: Calls throttled, by the token bucket or by a fault.
        refused: Requests refused for another reason, by the rules of the service or by a fault.
        in_flight: Calls that the server is answering now.
        max_in_flight: Most calls in flight at once.
        request_bytes: Bytes of request bodies.
        response_bytes: Bytes of response bodies, counted at the end of each response.
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
    """One logged call: what it asked for and how it ended.

    Attributes:
        number: Counts from 1; `LocalEcr.reset` does not restart it.
        at_ns: Nanoseconds from the server's start to reading the call, by the monotonic clock.
        service: `ecr` or `ecr-public`.
        repository_name: As in the request.
        registry_id: As in the request; None if left out.
        digests: As in the request, in order.
        outcome: `answered`, an error code, or the kind of fault that replaced the answer.
        faults: Kinds of all faults that took effect.
        user_agent: As in the request.
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
