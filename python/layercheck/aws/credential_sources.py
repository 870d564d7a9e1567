"""A failure of a source of credentials -> one exception that names the source.

boto3 reads credentials from files, processes, tokens and services, when a client is made, at the first
signature, and when credentials expire. Each of its sources fails in a way of its own, for example with a
`FileNotFoundError`, a `ValueError` or an error of STS. Without the source's name these look like a missing
input file, a bad argument or an error of ECR.
"""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from types import FrameType
from typing import TYPE_CHECKING, Any

from layercheck.aws import error_codes
from layercheck.redact import clean, has_secret

if TYPE_CHECKING:
    from layercheck._core import KnownSecrets

_OUT_OF_RESOURCES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN))

_PROCESS = "custom-process"

_BOTO3 = ("boto3", "botocore", "urllib3", "dateutil", "jmespath", "six", "awscrt")
_TRACERS = ("aws_xray_sdk", "ddtrace", "elasticapm", "newrelic", "opentelemetry", "sentry_sdk", "wrapt")
_OTHERS = ("eventlet", "gevent", "moto", "responses")
_KNOWN_PACKAGES = sys.stdlib_module_names | {*_BOTO3, *_TRACERS, *_OTHERS, "layercheck"}
"""Packages whose words about credentials are known, or that wrap calls and say nothing of their own. A
provider of another may put a token into its words."""


class CredentialSourceError(Exception):
    """A source of credentials failed; the message names it and shows nothing that it printed.

    Attributes:
        code: Error code of the service that was asked, or name of the original exception.
        advice: What to do, as the end of a message; may be empty.
        renews: The source may work again after a moment.
    """

    def __init__(self, message: str, *, code: str, advice: str, renews: bool) -> None:
        super().__init__(message)
        self.code = code
        self.advice = advice
        self.renews = renews


@dataclass(frozen=True, slots=True)
class _Source:
    """One of boto3's sources: how messages name it, and what to do when it fails."""

    name: str
    advice: str
    of_profile: bool = True


_SOURCES = {
    _PROCESS: _Source("credential_process", "run the helper by hand, and mend it or that setting"),
    "assume-role": _Source("the role", "check role_arn, source_profile and credential_source in it"),
    "assume-role-with-web-identity": _Source(
        "the web identity token",
        "check AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or web_identity_token_file and role_arn of the "
        "profile",
    ),
    "sso": _Source("the SSO session", "run: aws sso login"),
    "login": _Source("the login session", "run: aws login"),
    "container-role": _Source(
        "the container's credentials",
        "check AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        of_profile=False,
    ),
    "iam-role": _Source(
        "the instance metadata service", "check that this machine has a role", of_profile=False
    ),
    "env": _Source(
        "the environment", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY together", of_profile=False
    ),
    "shared-credentials-file": _Source("the credentials file", "complete the keys of the profile"),
    "config-file": _Source("the configuration file", "complete the keys of the profile"),
}
"""By the `METHOD` of botocore's providers, which their credentials have as `method`."""


def reading_credentials(error: BaseException) -> bool:
    """Whether the exception was raised while a boto3 session looked for credentials.

    The public method `get_credentials` of botocore's session, or one in its place, then stands in the
    traceback. Asking the session in advance instead would ask the metadata service twice where it does not
    answer.
    """
    return any(frame.f_code.co_name == "get_credentials" for frame in _frames(error))


def source_error(
    error: Exception, known: KnownSecrets | None = None, *, is_inside: bool = False
) -> CredentialSourceError:
    """The exception that names the source, for an exception raised inside botocore's credentials.

    The original exception becomes its cause only where it cannot hold what a source printed: a helper's
    output and a token are secrets.

    Args:
        error: The exception.
        known: The secrets that the client has used, to be removed from every text.
        is_inside: Whether all of the traceback is that of the credentials, and not of a session before them.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    method, profile = _method_and_profile(error)
    source = _SOURCES.get(method, _Source(method or "the configuration of credentials", ""))
    name = source.name
    if profile is not None and source.of_profile:
        name += f" of profile {clean(profile, 100)!r}"
    advice = source.advice
    if method in ("sso", "login") and profile is not None:
        advice += f" --profile {clean(profile, 100)}"
    code = type(error).__name__
    if isinstance(error, ClientError):
        code = clean(error.response.get("Error", {}).get("Code") or code, 100, known)
    where = _foreign_place(error, is_inside)
    if where is not None:
        text = f"a provider of your own raised {code} in {where}; its text may hold secrets and is not shown"
    else:
        text = _said_by_helper(error, known) if method == _PROCESS else _said(error, known)
    made = CredentialSourceError(f"{name}: {text}", code=code, advice=advice, renews=_may_pass(error))
    harmless = isinstance(error, BotoCoreError | ClientError | OSError) and method != _PROCESS
    if harmless and where is None and not has_secret(str(error), known):
        error.__cause__ = error.__context__ = None
        made.__cause__ = error
    return made


def _said(error: Exception, known: KnownSecrets | None) -> str:
    if isinstance(error, OSError) and error.strerror and isinstance(error.filename, str):
        return clean(f"{error.strerror}: {error.filename}", known=known)
    if isinstance(error, KeyError):
        return clean(f"{error} is missing in what it answered", known=known)
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return "what it holds is not JSON"
    if isinstance(error, ValueError) and _passes(error, "dateutil"):
        return "its expiry_time is not a date with a time zone"
    if isinstance(error, ValueError) and "not a legal header value" in str(error):
        return "the authorization token has a line end in it; write its file without one"
    return clean(error, known=known)


def _said_by_helper(error: Exception, known: KnownSecrets | None) -> str:
    """What went wrong with the process of `credential_process`, without a word of what it printed."""
    from botocore.exceptions import CredentialRetrievalError

    if isinstance(error, OSError) and isinstance(error.filename, str):
        return clean(f"the helper cannot be started: {error.strerror}: {error.filename}", known=known)
    if isinstance(error, CredentialRetrievalError | UnicodeDecodeError):
        process: Any = next((frame.f_locals["p"] for frame in _frames(error) if "p" in frame.f_locals), None)
        code = getattr(process, "returncode", None)
        if code != 0:
            with_code = f" with exit code {code}" if isinstance(code, int) else ""
            return f"the helper ended{with_code}; what it wrote may hold secrets and is not shown"
        return "the helper's JSON lacks Version 1, AccessKeyId or SecretAccessKey"
    if isinstance(error, json.JSONDecodeError | AttributeError):
        return "the helper did not print a JSON object"
    if isinstance(error, RuntimeError):  # botocore's own words
        return clean(error, known=known)
    if any(frame.f_globals.get("__name__") == "shlex" for frame in _frames(error)):
        return "the setting has a quotation mark or a backslash without its partner"
    return "the helper's JSON has an Expiration that is not a date with a time zone"


def _foreign_place(error: BaseException, is_inside: bool) -> str | None:
    """Where code that is not boto3's took part in the failure, as `file.py, line 12`; None if it did not.

    A function that a session was made with, or a provider of a package, raises with a text of its own. Unless
    all is inside, only what boto3 called counts, which is what comes behind the first frame of botocore.
    """
    each, found = error.__traceback__, None
    while each is not None:
        package = str(each.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        is_inside = is_inside or package == "botocore"
        if is_inside and package not in _KNOWN_PACKAGES:
            found = f"{PurePath(each.tb_frame.f_code.co_filename).name}, line {each.tb_lineno}"
        each = each.tb_next
    return found


def _may_pass(error: Exception) -> bool:
    """Whether the same source may succeed when it is asked again in a moment."""
    from botocore import exceptions

    names = error_codes.RENEWAL_EXCEPTIONS
    renewing = tuple(getattr(exceptions, each) for each in names if hasattr(exceptions, each))
    if isinstance(error, exceptions.ClientError):
        code = error.response.get("Error", {}).get("Code")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        transient = code in error_codes.THROTTLED | error_codes.TRANSIENT
        return transient or (isinstance(status, int) and (status >= 500 or status == 429))
    if isinstance(error, OSError):
        return error.errno in _OUT_OF_RESOURCES
    return isinstance(error, (exceptions.HTTPClientError, *renewing))


def _method_and_profile(error: BaseException) -> tuple[str, str | None]:
    """The innermost source on the traceback: a role may need another source first."""
    method, profile = "", None
    for frame in _frames(error):
        owner = frame.f_locals.get("self")
        found = getattr(owner, "METHOD", None) or getattr(owner, "__dict__", {}).get("method")
        if isinstance(found, str) and _is_of_botocore(owner):
            method = found
            profile = getattr(owner, "_profile_name", None) or getattr(owner, "profile_name", None)
    return method, profile if isinstance(profile, str) else None


def _is_of_botocore(owner: object) -> bool:
    return any(each.__module__ == "botocore.credentials" for each in type(owner).__mro__)


def _passes(error: BaseException, package: str) -> bool:
    """Whether code of a package took part in the failure."""
    names = (str(frame.f_globals.get("__name__", "")) for frame in _frames(error))
    return any(name.partition(".")[0] == package for name in names)


def _frames(error: BaseException) -> Iterator[FrameType]:
    """The frames of the traceback, the innermost last."""
    each = error.__traceback__
    while each is not None:
        yield each.tb_frame
        each = each.tb_next
