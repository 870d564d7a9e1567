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
        calls: Requests that could be read as a call of an operation.
        digests: Layer digests in those calls, with repeats.
        manifests: Manifests in answers of BatchGetImage, counted before a fault changes the answer.
        imports: Images asked for that a pull-through cache does not hold, since the start. The service would
            import them.
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
        operations: The calls of each operation.
    """

    connections: int
    requests: int
    calls: int
    digests: int
    manifests: int
    imports: int
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
    operations: Mapping[str, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One logged call: what it asked for and how it ended.

    Attributes:
        number: Counts from 1; `LocalEcr.reset` does not restart it.
        at_ns: Nanoseconds from the server's start to reading the call, by the monotonic clock.
        service: `ecr`, `ecr-public` or `sts`.
        repository_name: As in the request; empty if the operation is not about one repository.
        registry_id: As in the request; None if left out.
        digests: Digests of layers or images as in the request, in order. For an image that the request names
            by its tag alone, the tag.
        outcome: `answered`, an error code, or the kind of fault that replaced the answer.
        faults: Kinds of all faults that took effect.
        user_agent: As in the request.
        operation: The operation, as the service names it.
    """

    number: int
    at_ns: int
    service: Literal["ecr", "ecr-public", "sts"]
    repository_name: str
    registry_id: str | None
    digests: list[str]
    outcome: str
    faults: list[str]
    user_agent: str | None
    operation: str
