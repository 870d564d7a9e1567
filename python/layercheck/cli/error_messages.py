"""An exception of the package -> one line that says what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from layercheck.cli.exit_codes import CommandError, ExitCode
from layercheck.errors import (
    AccessDeniedError,
    CredentialsError,
    EndpointError,
    InvalidParameterError,
    JournalError,
    LayercheckError,
    RepositoryNotFoundError,
)
from layercheck.redact import one_line

# The package's messages name Python's keywords; the command line has options in their place.
_OPTIONS = {
    "repository_name": "REPOSITORY",
    "registry_id": "--registry-id",
    "region_name": "--region",
    "profile_name": "--profile",
    "endpoint_url": "--endpoint-url",
    "max_in_flight": "--max-in-flight",
    "public=True": "--public",
}
# "endpoint_url of profile 'x'" is a setting of a file.
_KEYWORD = re.compile("|".join(rf"\b{keyword}\b(?! of (?:profile|client))" for keyword in _OPTIONS))


def in_options(message: str) -> str:
    """A message of the package with the command's options in place of Python's keywords.

    Examples:
        >>> in_options("region_name is 'x'; leave region_name out")
        "--region is 'x'; leave --region out"
    """
    return _KEYWORD.sub(lambda match: _OPTIONS[match[0]], message)


def explain(error: LayercheckError, target: Mapping[str, Any]) -> CommandError:
    """The failure for an exception of the package.

    Args:
        error: The exception. Its message says what happened, and sometimes what to do.
        target: The keywords that `Checker` was called with, so that the line can name the place.
    """
    if isinstance(error, JournalError):
        # A report on the exception means that the journal was open, so the same command can continue it.
        code = ExitCode.FAILURE if error.report is None else ExitCode.INCOMPLETE
        return CommandError(one_line(str(error)), code)
    if error.advice:
        return CommandError(in_options(one_line(str(error))))
    from layercheck.dispatch.schedule.ending import hint

    said = str(error).removesuffix(hint(type(error), public=target["public"]))
    message = in_options(one_line(said))
    # An argument that the package itself refuses comes with what is expected.
    is_told = isinstance(error, InvalidParameterError) and error.__cause__ is None
    if is_told or "; pass --" in message:
        return CommandError(message)
    return CommandError(f"{message}; {_advice(error, target)}")


def _advice(error: LayercheckError, target: Mapping[str, Any]) -> str:
    reached = error.report.target.region_name if error.report is not None else None
    region = target["region_name"] or reached or "the configured region"
    service = "ecr-public" if target["public"] else "ecr"
    match error:
        case RepositoryNotFoundError():
            whose = f"registry {target['registry_id']}" if target["registry_id"] else "your own registry"
            return f"looked in {whose}, {region}: check --region, --registry-id and the spelling (lower case)"
        case AccessDeniedError():
            return f"allow the action {service}:BatchCheckLayerAvailability on the repository"
        case CredentialsError() if type(error.__cause__).__name__ == "ProfileNotFound":
            return "give another --profile: aws configure list-profiles"
        case CredentialsError():
            return "set up credentials (aws configure, aws sso login, AWS_ACCESS_KEY_ID) or give a --profile"
        case EndpointError() if target["endpoint_url"]:
            return "check --endpoint-url, and that a server listens there"
        case EndpointError():
            return "check --region and the network"
        case InvalidParameterError():
            return "check REPOSITORY, --registry-id and --region"
        case _:
            return "run it again"
