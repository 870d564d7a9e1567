"""Faults that a test scripts, and the token bucket that throttles."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

FaultKind: TypeAlias = Literal[
    "latency",
    "throttle",
    "server_error",
    "service_unavailable",
    "error_page",
    "access_denied",
    "expired_token",
    "expired_key",
    "repository_deleted",
    "error",
    "disconnect",
    "reset",
    "garbage",
    "html",
    "empty",
    "wrong_types",
    "token_expired",
    "poison",
    "shuffle",
    "omit",
    "repeat",
    "contradict",
    "foreign",
    "upper_case",
    "unknown_availability",
    "unknown_failure",
    "page_repeat",
    "page_null",
    "token_loop",
    "token_endless",
    "tag_repeat",
    "image_deleted",
    "failure_code",
    "failure_without_digest",
    "wrong_manifest",
    "converted",
    "big_answer",
    "truncate",
    "cut",
    "cut_head",
    "reset_head",
    "reset_body",
    "unfinished",
    "slow",
    "slow_head",
    "padding",
    "endless",
    "twice",
    "informational",
    "chunked",
    "http_1_0",
    "close",
    "idle_close",
]

IMAGE_FAULTS: Final = frozenset(
    {
        *("token_expired", "page_repeat", "page_null", "token_loop", "token_endless", "tag_repeat"),
        *(
            "image_deleted",
            "failure_code",
            "failure_without_digest",
            "wrong_manifest",
            "converted",
            "big_answer",
        ),
    }
)
"""The kinds that change answers about images only."""

Operation: TypeAlias = Literal[
    "BatchCheckLayerAvailability",
    "BatchGetImage",
    "DescribeImages",
    "DescribePullThroughCacheRules",
    "DescribeRepositories",
    "GetAccountSetting",
    "GetCallerIdentity",
    "GetDownloadUrlForLayer",
    "ListImages",
    "ListPullTimeUpdateExclusions",
    "PutImage",
]

# The kinds that use each setting. A setting for another kind is a mistake.
_SETTINGS: Final[Mapping[str, frozenset[str]]] = {
    "share": frozenset(
        {
            *("omit", "repeat", "contradict", "foreign", "upper_case"),
            *("unknown_availability", "unknown_failure"),
            *("page_repeat", "page_null", "image_deleted", "failure_code", "wrong_manifest", "converted"),
        }
    ),
    "ms": frozenset({"latency", "expired_key", "idle_close", "twice"}),
    "jitter_ms": frozenset({"latency"}),
    "code": frozenset({"error", "throttle", "failure_code"}),
    "status": frozenset({"error", "throttle", "error_page", "informational"}),
    "message": frozenset({"error"}),
    "word": frozenset({"unknown_availability", "unknown_failure"}),
    "digests": frozenset({"poison"}),
    "bytes": frozenset({"padding", "big_answer"}),
    "bytes_per_ms": frozenset({"slow", "slow_head"}),
    "uses": frozenset({"expired_key"}),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Throttle:
    """A token bucket, and the error of a throttled call.

    Attributes:
        rate: Calls per second that pass in the long run.
        burst: Calls that pass at once after a pause.
        code: The error code; None for an HTTP status without a body.
        status: The HTTP status. Users of ECR report ThrottlingException with 400.
    """

    rate: float
    burst: float
    code: str | None = "ThrottlingException"
    status: int = 400


def throttle_fields(
    throttle: Throttle | tuple[float, float] | None,
) -> tuple[float, float, str | None, int] | None:
    """Return a throttle, or a throttle given by rate and burst, as the native server takes it."""
    if throttle is None:
        return None
    if not isinstance(throttle, Throttle):
        throttle = Throttle(*throttle)
    return throttle.rate, throttle.burst, throttle.code, throttle.status


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what it does, how often, and to which calls.

    The table lists each kind with its settings. If several faults *in place* of the answer fire at one
    call, the first in the list wins; the same holds for faults *on the wire*. Latency and changes *in the
    answer* add up, in the order of the list. A change in the answer affects a `share` of its entries, at
    least one.

    | kind | where | what happens | settings |
    | --- | --- | --- | --- |
    | `latency` | before | delays the answer of any kind | `ms`, `jitter_ms` |
    | `throttle` | in place | a throttling error, in the given form or the server's | `code`, `status` |
    | `server_error` | in place | ServerException, 500 | |
    | `service_unavailable` | in place | 503, no body | |
    | `error_page` | in place | an HTML page of a load balancer, 502 | `status` |
    | `access_denied` | in place | AccessDeniedException | |
    | `expired_token` | in place | ExpiredTokenException | |
    | `expired_key` | in place | the same, for an access key after `uses` calls or `ms` | `uses`, `ms` |
    | `repository_deleted` | in place | RepositoryNotFoundException, as for a deleted repository | |
    | `error` | in place | the error that you describe | `code`, `status`, `message` |
    | `disconnect` | in place | closes the connection without an answer | |
    | `reset` | in place | resets the connection (TCP RST) without an answer | |
    | `garbage` | in place | bytes that are not HTTP | |
    | `html` | in place | an HTML page, 200 | |
    | `empty` | in place | 200, no body | |
    | `wrong_types` | in place | JSON of the wrong shape, 200 | |
    | `token_expired` | in place | InvalidParameterException for calls with a page token | |
    | `poison` | in place | InvalidParameterException for calls that ask for one of `digests` | `digests` |
    | `shuffle` | in the answer | puts the entries in another order | |
    | `omit` | in the answer | leaves out entries | `share` |
    | `repeat` | in the answer | sends entries twice | `share` |
    | `contradict` | in the answer | adds entries with the opposite availability | `share` |
    | `foreign` | in the answer | adds entries for digests outside the request | `share` |
    | `upper_case` | in the answer | writes digests in upper-case hexadecimal | `share` |
    | `unknown_availability` | in the answer | an availability outside every service model | `share`, `word` |
    | `unknown_failure` | in the answer | a failure code outside every service model | `share`, `word` |
    | `page_repeat` | in the answer | the next page starts with entries of this one again | `share` |
    | `page_null` | in the answer | puts null entries into a page | `share` |
    | `token_loop` | in the answer | the token for the next page leads to this page again | |
    | `token_endless` | in the answer | each page has a new token; behind the last comes the first | |
    | `tag_repeat` | in the answer | an image once for each of its tags | |
    | `image_deleted` | in the answer | deletes images that the call names, before it is answered | `share` |
    | `failure_code` | in the answer | images fail with a code, KmsError by default | `share`, `code` |
    | `failure_without_digest` | in the answer | failures have the tag "null" and no digest, as in moto | |
    | `wrong_manifest` | in the answer | the manifest of another image | `share` |
    | `converted` | in the answer | the manifest in another format (OCI, Docker), with its type | `share` |
    | `big_answer` | in the answer | adds a member of `bytes` to each image, at most 100 MB in all | `bytes` |
    | `truncate` | on the wire | ends the JSON early; the content-length fits | |
    | `cut` | on the wire | closes in the body, before the content-length is reached | |
    | `cut_head` | on the wire | closes in the middle of the head | |
    | `reset_head` | on the wire | resets (RST) in the middle of the head | |
    | `reset_body` | on the wire | resets (RST) in the middle of the body | |
    | `unfinished` | on the wire | sends chunks, and closes instead of sending the last chunk | |
    | `slow` | on the wire | sends the body slowly | `bytes_per_ms` |
    | `slow_head` | on the wire | sends the head slowly | `bytes_per_ms` |
    | `padding` | on the wire | puts a large member of valid JSON before the answer | `bytes` |
    | `endless` | on the wire | a body that ends only when the client closes | |
    | `twice` | on the wire | sends the whole answer, and after `ms` a second copy | `ms` |
    | `informational` | on the wire | a 1xx head, 103 by default, before a correct answer | `status` |
    | `chunked` | on the wire | a correct answer in chunked transfer encoding | |
    | `http_1_0` | on the wire | a correct answer in HTTP/1.0, which ends with the connection | |
    | `close` | on the wire | a correct answer with `Connection: close` | |
    | `idle_close` | on the wire | a correct answer; closes without notice after `ms` of idleness | `ms` |

    The kinds from `page_repeat` to `big_answer` concern the answers of images: pages of ListImages and
    DescribeImages, and images of BatchGetImage. `shuffle`, `omit`, `repeat` and `upper_case` concern these
    and the answers of layers. `contradict`, `foreign` and `unknown_failure` concern the answers of layers and
    of BatchGetImage.

    The endpoint does not compress answers, because the service compresses only on request and botocore
    requests `identity`.

    Attributes:
        kind: The kind, from the table.
        probability: The chance for each call in `calls`, 0 to 1. It depends only on the server's seed,
            the call's number and the fault's place in the list, so a run can be repeated.
        calls: The first and the last call that the fault may affect, counted from 1; None as last for no
            end.
        operations: The operations that the fault may affect; `calls` then counts their calls alone. Empty for
            all operations.
        share: The share of an answer's entries that the fault affects, above 0 to 1.
        ms: Milliseconds.
        jitter_ms: Milliseconds.
        code: An error code. For `error`, None is InternalFailure; for `failure_code`, KmsError; for
            `throttle`, "" sends no body.
        status: An HTTP status; None for the kind's default.
        message: An error message.
        word: The unknown word; the default is not in any service model.
        digests: Digests as the request spells them.
        bytes: Bytes of padding, for `big_answer` in each image; 100 MB by default. The images of one answer
            share 100 MB at most.
        bytes_per_ms: Bytes per millisecond.
        uses: Calls that an access key is valid for; 0 for no limit.

    Examples:
        >>> Fault("server_error", probability=0.1)  # one call in ten, by chance
        Fault('server_error', probability=0.1)
        >>> Fault("expired_token", calls=(21, None))  # after 20 calls
        Fault('expired_token', calls=(21, None))
        >>> Fault("omit", share=0.05)  # each answer leaves out one digest in twenty
        Fault('omit', share=0.05)
        >>> Fault("throttle", operations=("BatchGetImage",), calls=(1, 3))  # the first three of them
        Fault('throttle', calls=(1, 3), operations=('BatchGetImage',))
    """

    kind: FaultKind
    _: dataclasses.KW_ONLY
    probability: float = 1.0
    calls: tuple[int, int | None] = (1, None)
    operations: tuple[Operation, ...] = ()
    share: float = 0.1
    ms: float = 0.0
    jitter_ms: float = 0.0
    code: str | None = None
    status: int | None = None
    message: str = ""
    word: str = ""
    digests: tuple[str, ...] = ()
    bytes: int = 100_000_000
    bytes_per_ms: int = 1
    uses: int = 0

    def __post_init__(self) -> None:
        for name, kinds in _SETTINGS.items():
            if self.kind not in kinds and getattr(self, name) != _FAULT_DEFAULTS[name]:
                message = f"fault {self.kind!r} does not take {name}, a setting of {', '.join(sorted(kinds))}"
                raise ValueError(message)
        if isinstance(self.operations, str):
            raise TypeError("operations must be a tuple of operations, not one operation")
        if isinstance(self.digests, str):
            raise TypeError("digests must be a tuple of digests, not one digest")

    def __repr__(self) -> str:
        settings = "".join(
            f", {field.name}={value!r}"
            for field in dataclasses.fields(self)[1:]
            if (value := getattr(self, field.name)) != field.default
        )
        return f"Fault({self.kind!r}{settings})"

    # The native server reads these two, because it takes `calls` as two numbers.
    @property
    def first_call(self) -> int:
        """The first call that the fault may affect."""
        return self.calls[0]

    @property
    def last_call(self) -> int | None:
        """The last call that the fault may affect, or None."""
        return self.calls[1]


_FAULT_DEFAULTS: Final = {field.name: field.default for field in dataclasses.fields(Fault)}
