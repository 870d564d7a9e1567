"""What stopped a run -> one line that says what to do about it."""

from __future__ import annotations

from typing import Any

from layercheck.cli.exits import CommandError, one_line
from layercheck.errors import (
    AccessDeniedError,
    CredentialsError,
    EndpointError,
    InvalidParameterError,
    LayercheckError,
    RepositoryNotFoundError,
)


def explain(error: LayercheckError, target: dict[str, Any]) -> CommandError:
    """The failure for an exception of the package.

    Args:
        error: What was raised; its own message says what happened.
        target: The keywords `Checker` was made with, so that the line can name the place.
    """
    return CommandError(f"{one_line(str(error))}; {_advice(error, target)}")


def _advice(error: LayercheckError, target: dict[str, Any]) -> str:
    reached = error.report.target.region_name if error.report is not None else None
    region = target["region_name"] or reached or "the configured region"
    service = "ecr-public" if target["public"] else "ecr"
    match error:
        case RepositoryNotFoundError():
            whose = f"registry {target['registry_id']}" if target["registry_id"] else "your own registry"
            return f"looked in {whose}, {region}: check --region, --registry-id and the spelling (lower case)"
        case AccessDeniedError():
            return f"allow the action {service}:BatchCheckLayerAvailability on the repository"
        case CredentialsError():
            return "set up credentials (aws configure, aws sso login, AWS_ACCESS_KEY_ID) or name a --profile"
        case EndpointError():
            if target["endpoint_url"]:
                return "check --endpoint-url, and that something listens there"
            return "check --region and the network"
        case InvalidParameterError():
            return "check REPOSITORY, --registry-id and --region"
        case _:
            return "run it again"
