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
    "access_denied",
    "expired_token",
    "error",
    "disconnect",
    "reset",
    "html",
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
    "slow",
    "padding",
    "endless",
]

# Settings that mean something only to some kinds; given to another kind they are a mistake.
_SETTINGS: Final[Mapping[str, frozenset[str]]] = {
    "share": frozenset(
        {"omit", "repeat", "contradict", "foreign", "upper_case", "unknown_availability", "unknown_failure"}
    ),
    "ms": frozenset({"latency"}),
    "jitter_ms": frozenset({"latency"}),
    "code": frozenset({"error"}),
    "status": frozenset({"error"}),
    "message": frozenset({"error"}),
    "word": frozenset({"unknown_availability", "unknown_failure"}),
    "digests": frozenset({"poison"}),
    "bytes": frozenset({"padding"}),
    "bytes_per_ms": frozenset({"slow"}),
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

    Kinds, with the settings each understands:

    * in place of the answer (of several that fire, the first in the list works):
      `throttle` (in the form of the server's `Throttle`); `server_error` (ServerException, 500);
      `service_unavailable` (503, no body); `access_denied`; `expired_token`; `error` (`code`, `status`,
      `message`);
      `disconnect` (closed without an answer); `reset` (the same by TCP RST); `html` (a page, status 200);
      `wrong_types` (JSON of the wrong shape); `poison` (`digests`: a call that asks for one of
      them is an InvalidParameterException as a whole);
    * in the answer (all that fire work, in order), for a `share` of its entries, at least one:
      `shuffle`, `omit`, `repeat`, `contradict` (a second entry says the contrary), `foreign` (digests
      nobody asked for), `upper_case`, `unknown_availability` (`word`), `unknown_failure` (`word`);
    * on the wire (the first that fires works): `truncate` (the JSON ends early), `cut` (the connection
      ends in mid-body), `slow` (`bytes_per_ms`), `padding` (`bytes` of filling in valid JSON before the
      answer), `endless` (until the client goes);
    * and `latency` (`ms`, up to `jitter_ms` more), on top of anything.

    Attributes:
        kind: What happens.
        probability: The chance for each call in `calls`, 0 to 1. The dice depend on the server's
            seed, the call's number and the fault's place in the list, so a run can be repeated.
        calls: First and last call it may happen to, counted from 1; None as last for no end.
        share: The part of an answer's entries it happens to, above 0 to 1.
        ms: Milliseconds.
        jitter_ms: Milliseconds.
        code: An error code.
        status: An HTTP status.
        message: An error message.
        word: The unknown word; by default one that no service model has.
        digests: Digests as they will be asked for.
        bytes: Bytes of filling; 100 MB by default.
        bytes_per_ms: Bytes of body in each millisecond.

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
    code: str = "InternalFailure"
    status: int = 400
    message: str = ""
    word: str = ""
    digests: tuple[str, ...] = ()
    bytes: int = 100_000_000
    bytes_per_ms: int = 1

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
