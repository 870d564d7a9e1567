"""Classifies the exception of a failed call, once for each."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from layercheck.aws import error_codes
from layercheck.aws.chained_cause import safe_cause
from layercheck.aws.credential_sources import CredentialSourceError
from layercheck.aws.network_advice import SERVER_TLS, is_bad_url, is_hung_up, is_not_http, reason_of
from layercheck.aws.response_limit import TOO_LONG
from layercheck.aws.service_clock import difference_in
from layercheck.errors import (
    AccessDeniedError,
    CredentialsError,
    EndpointError,
    InvalidParameterError,
    LayercheckError,
    RepositoryNotFoundError,
)
from layercheck.redact import LOOKED_AT, clean

if TYPE_CHECKING:
    from layercheck._core import KnownSecrets

FailureKind: TypeAlias = Literal["throttled", "transient", "batch", "fatal"]

_CODE_LIMIT = 100
_CHAIN_LIMIT = 20

NO_DESCRIPTORS = "too many open files; raise the limit of open files (ulimit -n), or lower max_in_flight"
NO_MEMORY = "out of memory; give the process more, or lower max_in_flight"
_TARGET = re.compile(r"(?i)repository|registry")
_DIGEST = re.compile(r"(?i)digest")
_OUT_OF_TIME = re.compile(r"(?i)signature (?:has )?expired|not yet current|date in credential scope")

NOT_OF_ECR = "this answer did not come from ECR, but from a proxy, filter or gateway on the way"


class UnreadableAnswer(Exception):  # noqa: N818 (named for the answer, not for an error)
    """The service sent status 200 with a body that is not an answer."""


class ForeignAnswer(UnreadableAnswer):
    """The answer is a page for people, which ECR never sends: a proxy, filter or gateway answered."""


class MismatchedAnswer(Exception):  # noqa: N818 (likewise)
    """The service sent an answer that names none of the digests asked, as if it were to another request.

    Attributes:
        foreign: Number of entries for other digests.
    """

    def __init__(self, asked: int, foreign: int) -> None:
        others = f", but {foreign} others" if foreign else ""
        super().__init__(f"the answer names none of the {asked} digests asked{others}")
        self.foreign = foreign


class CallAbandoned(Exception):  # noqa: N818 (likewise)
    """A call did not end by its deadline, and the run went on without it."""


class UnusableCredentials(Exception):  # noqa: N818 (likewise)
    """A signed request cannot hold the credentials; the message shows no part of them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed call, classified.

    Attributes:
        kind: The class, which decides what the run does.
        code: Error code of the service, or name of the exception.
        message: For a person: one short line without control characters and secrets.
        cause: The exception, for chaining.
        raises: For fatal failures, the exception class to raise.
        connected: False if no connection was made.
        renews: Whether new credentials may fix it, if the client can fetch them.
        resigns: Whether the service refused the time of the signature, so that a new signature may fix it.
        clock: What is wrong with this machine's clock, if the answer shows it; else empty.
        names_target: Whether the message names the repository or registry, so that no digest is the cause.
        names_digest: Whether the message names digests.
        advice: What to do, if the exception itself tells.
        foreign: The answer did not come from ECR.
        hung_up: The server closed a connection without TLS before it answered, as a server of TLS does.
    """

    kind: FailureKind
    code: str
    message: str
    cause: BaseException
    raises: type[LayercheckError] = LayercheckError
    connected: bool = True
    renews: bool = False
    resigns: bool = False
    clock: str = ""
    names_target: bool = False
    names_digest: bool = False
    advice: str = ""
    foreign: bool = False
    hung_up: bool = False

    @property
    def too_long(self) -> bool:
        """Whether the answer was longer than what is read."""
        return TOO_LONG in self.message

    @property
    def summary(self) -> str:
        """`Code: message`, or the code alone without a message."""
        return f"{self.code}: {self.message}" if self.message else self.code


def classify(error: BaseException, known: KnownSecrets | None = None) -> Failure:
    """Classifies the exception of a failed call.

    No more than the start of a text is looked at, because a server may send megabytes with every failure.

    An exception with an unknown name is transient. The run then retries a limited number of times, and the
    digests that still have no answer become `unanswered`, which is true whatever the cause was.

    Args:
        error: The exception.
        known: The secrets of the client, to be removed from every text.
    """
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return _from_service(error, known)
    if (early := _shortage(error, known) or _of_source(error, known)) is not None:
        return early
    name = type(error).__name__
    message = clean(error, known=known)
    cause = safe_cause(error, known)

    def is_a(names: tuple[str, ...]) -> bool:
        return isinstance(
            error, tuple(getattr(exceptions, each) for each in names if hasattr(exceptions, each))
        )

    if isinstance(error, UnusableCredentials):
        # A retry would use the same credentials, so the user has to fix the source where boto3 found them.
        return Failure("fatal", name, message, cause, CredentialsError, connected=False)
    if "Invalid CA bundle" in message:  # botocore's InvalidConfigError is about credentials elsewhere
        hint = "name a file in AWS_CA_BUNDLE or ca_bundle of the profile, or unset it"
        return Failure("fatal", name, message, cause, EndpointError, connected=False, advice=hint)
    if is_a(error_codes.CREDENTIAL_EXCEPTIONS):
        renews = is_a(error_codes.RENEWAL_EXCEPTIONS)
        return Failure("fatal", name, message, cause, CredentialsError, connected=False, renews=renews)
    if is_a(error_codes.ENDPOINT_EXCEPTIONS):
        return Failure("fatal", name, message, cause, EndpointError, connected=False)
    if is_a(error_codes.PARAMETER_EXCEPTIONS):
        return Failure("fatal", name, message, cause, InvalidParameterError, connected=False)
    if isinstance(error, ForeignAnswer):
        return Failure("transient", name, NOT_OF_ECR, cause, EndpointError, connected=False, foreign=True)
    if is_a(("HTTPClientError", "ConnectionError")) and (reason := reason_of(error, known)):
        message = f"{message.rstrip('.')} ({reason})"
    if is_bad_url(error):
        return Failure("fatal", name, message, cause, EndpointError, connected=False)
    # No connection: refused, unknown host, TLS, proxy, connect timeout. Transient, because it may pass.
    connected = not (isinstance(error, exceptions.ConnectionError) or is_not_http(error))
    return Failure(
        "transient", name, message, cause, EndpointError, connected=connected, hung_up=is_hung_up(error)
    )


def _of_source(error: BaseException, known: KnownSecrets | None) -> Failure | None:
    """The failure of the source of the credentials."""
    if not isinstance(error, CredentialSourceError):
        return None
    return Failure(
        "fatal",
        clean(error.code, _CODE_LIMIT, known),
        clean(error, known=known),
        safe_cause(error.__cause__ or error, known),
        CredentialsError,
        connected=False,
        renews=error.renews,
        advice=clean(error.advice, known=known),
    )


def _shortage(error: BaseException, known: KnownSecrets | None) -> Failure | None:
    """The failure of a call for which this process has no descriptor or memory left, in whatever wrapping."""
    cause = safe_cause(error, known)
    each: BaseException | None = error
    for _ in range(_CHAIN_LIMIT):
        if each is None:
            return None
        inner = vars(each).get("kwargs")
        wrapped = inner.get("error") if isinstance(inner, dict) else None
        for found in (each, wrapped):
            if isinstance(found, OSError) and found.errno in (errno.EMFILE, errno.ENFILE):
                return Failure("transient", "TooManyOpenFiles", NO_DESCRIPTORS, cause, connected=False)
            if isinstance(found, MemoryError):
                return Failure("transient", "MemoryError", NO_MEMORY, cause)
            if isinstance(found, socket.gaierror) and not _has_descriptor():
                return Failure("transient", "TooManyOpenFiles", NO_DESCRIPTORS, cause, connected=False)
        each = each.__cause__ or each.__context__
    return None


def _has_descriptor() -> bool:
    """Whether this process may open a file. A failed look-up of a host name does not say so."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)
    return True


def is_refused_for_its_time(error: BaseException) -> bool:
    """Whether the service refused a call because of the time in its signature."""
    from botocore.exceptions import ClientError

    response: Any = getattr(error, "response", None)
    if not isinstance(error, ClientError) or not isinstance(response, Mapping):
        return False
    code, raw, status = _error_in(response)
    return not _is_foreign(response, status, raw) and _resigns(code, raw, response)


def _from_service(error: Any, known: KnownSecrets | None) -> Failure:
    response = error.response if isinstance(error.response, Mapping) else {}
    word, raw, status = _error_in(response)
    code = clean(word, _CODE_LIMIT, known)
    kind, raises = _kind(code, status)
    message = clean(raw, known=known)
    foreign = _is_foreign(response, status, raw)
    resigns = not foreign and _resigns(code, raw, response)
    clock = difference_in(response) if resigns else ""
    if clock:
        message = f"{message.rstrip('.')}; {clock}"
    if foreign:
        # Whatever it says, ECR did not say it. A page with 401, 403 or 407 stays until someone acts.
        kind = "fatal" if status in (401, 403, 407) else "transient"
        said = f": {clean(raw, 100, known)}" if SERVER_TLS.search(raw) else ""
        raises, message = EndpointError, f"{NOT_OF_ECR} (HTTP status {status}{said})"
    return Failure(
        kind,
        code,
        message,
        safe_cause(error, known),
        raises,
        connected=not foreign,
        foreign=foreign,
        renews=code in error_codes.EXPIRED,
        resigns=resigns,
        clock=clock,
        names_target=_TARGET.search(raw) is not None,
        names_digest=_DIGEST.search(raw) is not None,
    )


def _error_in(response: Mapping[str, Any]) -> tuple[str, str, int]:
    """The code, the start of the message, and the status of an error response."""
    details = response.get("Error")
    details = details if isinstance(details, Mapping) else {}
    metadata = response.get("ResponseMetadata")
    status = metadata.get("HTTPStatusCode") if isinstance(metadata, Mapping) else None
    status = status if isinstance(status, int) else 0
    code = str(details.get("Code") or status or "Unknown")[:LOOKED_AT]
    return code, str(details.get("Message") or "")[:LOOKED_AT], status


def _resigns(code: str, raw: str, response: Mapping[str, Any]) -> bool:
    if code in error_codes.CLOCK:
        return True
    if code not in error_codes.CLOCK_PERHAPS:
        return False
    return _OUT_OF_TIME.search(raw) is not None or bool(difference_in(response))


def is_page(answer: bytes | Mapping[str, Any]) -> bool:
    """Whether an answer is HTML or XML, while ECR speaks JSON: its body, or what botocore parsed."""
    if isinstance(answer, bytes):
        return answer[:64].lstrip().startswith(b"<")
    metadata = answer.get("ResponseMetadata")
    headers = metadata.get("HTTPHeaders") if isinstance(metadata, Mapping) else None
    kind = headers.get("content-type") if isinstance(headers, Mapping) else None
    return "html" in str(kind).lower()


def _is_foreign(response: Mapping[str, Any], status: int, message: str) -> bool:
    """Whether an error response is a page, a redirect or a proxy's, none of which ECR sends."""
    page = is_page(response) or is_page(message[:64].encode(errors="replace"))
    return page or 300 <= status < 400 or status == 407 or SERVER_TLS.search(message) is not None


def _kind(code: str, status: int) -> tuple[FailureKind, type[LayercheckError]]:
    if code in error_codes.THROTTLED or code.startswith("TooManyRequests") or status == 429:
        return "throttled", EndpointError
    # The code counts more than the status, because a 500 with the code AccessDenied still denies access.
    for those, raises in _FATAL:
        if code in those:
            return "fatal", raises
    if code in error_codes.TRANSIENT or status >= 500:
        return "transient", EndpointError
    if code in error_codes.BATCH or status == 413:
        return "batch", InvalidParameterError
    # A proxy or gateway answers in HTML, and botocore then returns the status as the code.
    if status in (401, 403, 407):
        return "fatal", AccessDeniedError
    return "transient", EndpointError


_FATAL: tuple[tuple[frozenset[str], type[LayercheckError]], ...] = (
    (error_codes.NOT_FOUND, RepositoryNotFoundError),
    (error_codes.DENIED, AccessDeniedError),
    (error_codes.CREDENTIAL, CredentialsError),
    (error_codes.UNSUPPORTED, InvalidParameterError),
    (error_codes.WRONG_ENDPOINT, EndpointError),
)


def exception_for(failure: Failure, message: str, advice: str = "") -> LayercheckError:
    """The exception for a fatal failure, chained to its cause and with botocore's response.

    Args:
        failure: The failure.
        message: What happened, and where.
        advice: What to do, if more is known than the class of the failure tells.
    """
    cause = failure.cause
    error = failure.raises(
        f"{message}; {advice}" if advice else message,
        response=getattr(cause, "response", None),
        operation_name=getattr(cause, "operation_name", None),
    )
    error.advice = advice
    error.__cause__ = cause
    return error
