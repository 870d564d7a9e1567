"""What goes wrong, by script and by chance."""

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
    "poison",
    "shuffle",
    "omit",
    "repeat",
    "contradict",
    "foreign",
    "upper_case",
    "unknown_availability",
    "unknown_failure",
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

# Settings that mean something only to some kinds; given to another kind they are a mistake.
_SETTINGS: Final[Mapping[str, frozenset[str]]] = {
    "share": frozenset(
        {"omit", "repeat", "contradict", "foreign", "upper_case", "unknown_availability", "unknown_failure"}
    ),
    "ms": frozenset({"latency", "expired_key", "idle_close"}),
    "jitter_ms": frozenset({"latency"}),
    "code": frozenset({"error", "throttle"}),
    "status": frozenset({"error", "throttle", "error_page", "informational"}),
    "message": frozenset({"error"}),
    "word": frozenset({"unknown_availability", "unknown_failure"}),
    "digests": frozenset({"poison"}),
    "bytes": frozenset({"padding"}),
    "bytes_per_ms": frozenset({"slow", "slow_head"}),
    "uses": frozenset({"expired_key"}),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Throttle:
    """A token bucket, and how it refuses.

    Attributes:
        rate: Calls a second that pass in the long run.
        burst: Calls that pass at once after a pause.
        code: The error code; None for a bare HTTP status with no body.
        status: The HTTP status. Users of ECR report ThrottlingException with 400.
    """

    rate: float
    burst: float
    code: str | None = "ThrottlingException"
    status: int = 400


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong: what, how often, and for which calls.

    Every kind with the settings it understands. Of those *in place* of the answer that fire at a call,
    the first in the list works, and so with those *on the wire*; latency and changes *in the answer* add
    up, in order. Changes in the answer happen to a `share` of its entries, at least one.

    | kind | where | what happens | settings |
    | --- | --- | --- | --- |
    | `latency` | before | the answer, whatever it is, comes later | `ms`, `jitter_ms` |
    | `throttle` | in place | throttled, in a form of its own or the server's | `code`, `status` |
    | `server_error` | in place | ServerException, 500 | |
    | `service_unavailable` | in place | 503, no body | |
    | `error_page` | in place | an HTML page of a load balancer, 502 | `status` |
    | `access_denied` | in place | AccessDeniedException | |
    | `expired_token` | in place | ExpiredTokenException | |
    | `expired_key` | in place | the same, for keys after `uses` calls or `ms` | `uses`, `ms` |
    | `repository_deleted` | in place | RepositoryNotFoundException, as if it had been deleted | |
    | `error` | in place | an error of your making | `code`, `status`, `message` |
    | `disconnect` | in place | closed without an answer | |
    | `reset` | in place | the same by TCP RST | |
    | `garbage` | in place | bytes that are no HTTP | |
    | `html` | in place | an HTML page, 200 | |
    | `empty` | in place | 200, no body | |
    | `wrong_types` | in place | JSON of the wrong shape, 200 | |
    | `poison` | in place | InvalidParameterException for calls that ask for one of them | `digests` |
    | `shuffle` | in the answer | another order | |
    | `omit` | in the answer | entries left out | `share` |
    | `repeat` | in the answer | entries that come twice | `share` |
    | `contradict` | in the answer | a second entry says the contrary | `share` |
    | `foreign` | in the answer | entries nobody asked for, added | `share` |
    | `upper_case` | in the answer | digests in upper-case hexadecimal | `share` |
    | `unknown_availability` | in the answer | an availability no model knows | `share`, `word` |
    | `unknown_failure` | in the answer | a failure code no model knows | `share`, `word` |
    | `truncate` | on the wire | the JSON ends early, in a message of the right length | |
    | `cut` | on the wire | closed in mid-body: shorter than its content-length | |
    | `cut_head` | on the wire | closed in the middle of the head | |
    | `reset_head` | on the wire | RST in the middle of the head | |
    | `reset_body` | on the wire | RST in the middle of the body | |
    | `unfinished` | on the wire | chunked, and closed where the last chunk should come | |
    | `slow` | on the wire | the body drips | `bytes_per_ms` |
    | `slow_head` | on the wire | the head drips | `bytes_per_ms` |
    | `padding` | on the wire | filling in valid JSON before the answer | `bytes` |
    | `endless` | on the wire | a body without end, until the client goes | |
    | `twice` | on the wire | the whole answer, and the same again unasked | |
    | `informational` | on the wire | a 1xx head, 103 if not told, before the good answer | `status` |
    | `chunked` | on the wire | a good answer in chunked transfer encoding | |
    | `http_1_0` | on the wire | a good answer by HTTP/1.0, ended by the connection's end | |
    | `close` | on the wire | a good answer with `Connection: close` | |
    | `idle_close` | on the wire | a good answer; then closed without a word after `ms` of idleness | `ms` |

    Answers are never compressed: the service compresses only for who asks, and botocore asks for `identity`.

    Attributes:
        kind: What happens.
        probability: The chance for each call in `calls`, 0 to 1. The dice depend on the server's
            seed, the call's number and the fault's place in the list, so a run can be repeated.
        calls: First and last call it may happen to, counted from 1; None as last for no end.
        share: The part of an answer's entries it happens to, above 0 to 1.
        ms: Milliseconds.
        jitter_ms: Milliseconds.
        code: An error code; of `error` InternalFailure if None, of `throttle` "" for no body.
        status: An HTTP status; None for the kind's own.
        message: An error message.
        word: The unknown word; by default one that no service model has.
        digests: Digests as they will be asked for.
        bytes: Bytes of filling; 100 MB by default.
        bytes_per_ms: Bytes in each millisecond.
        uses: Calls an access key is good for; 0 for no limit.

    Examples:
        >>> Fault("server_error", probability=0.1)  # one call in ten, by chance
        Fault('server_error', probability=0.1)
        >>> Fault("expired_token", calls=(21, None))  # after 20 calls
        Fault('expired_token', calls=(21, None))
        >>> Fault("omit", share=0.05)  # each answer leaves out one digest in twenty
        Fault('omit', share=0.05)
    """

    kind: FaultKind
    _: dataclasses.KW_ONLY
    probability: float = 1.0
    calls: tuple[int, int | None] = (1, None)
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
                message = f"fault {self.kind!r} has no {name}; it belongs to {', '.join(sorted(kinds))}"
                raise ValueError(message)
        if isinstance(self.digests, str):
            raise TypeError("digests must be a tuple of digests, not one digest")

    def __repr__(self) -> str:
        settings = "".join(
            f", {field.name}={value!r}"
            for field in dataclasses.fields(self)[1:]
            if (value := getattr(self, field.name)) != field.default
        )
        return f"Fault({self.kind!r}{settings})"

    # What the native half reads; the words differ because one tuple is two numbers there.
    @property
    def first_call(self) -> int:
        """The first call it may happen to."""
        return self.calls[0]

    @property
    def last_call(self) -> int | None:
        """The last call it may happen to, or None."""
        return self.calls[1]


_FAULT_DEFAULTS: Final = {field.name: field.default for field in dataclasses.fields(Fault)}
