"""Turns a call that failed into the error that a check of images ends with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from layercheck.aws.classify import exception_for
from layercheck.aws.network_advice import advice
from layercheck.aws.network_settings import NetworkSettings
from layercheck.dispatch.single_calls import CallFailed
from layercheck.errors import AccessDeniedError, CredentialsError, LayercheckError, RepositoryNotFoundError
from layercheck.types import Target


def as_error(
    failed: CallFailed, target: Target, settings: NetworkSettings, repository_name: str | None = None
) -> LayercheckError:
    """Return the error for a call that failed; its message names the place and what to do.

    Args:
        failed: The call.
        target: The registry.
        settings: How the client reaches the service, for the advice.
        repository_name: The repository, if the call is about one.
    """
    failure = failed.failure
    where = f'repository "{repository_name}"' if repository_name else "the registry"
    if target.registry_id:
        where += f"{' of registry' if repository_name else ''} {target.registry_id}"
    where += f" at {target.endpoint_url or target.region_name or 'the client given'}"
    what_to_do = advice(failure, settings) or _hint(failed)
    message = f"{where}: {failed.operation}: {failure.summary.rstrip('.')}"
    error = exception_for(failure, message, what_to_do)
    error.operation_name = error.operation_name or failed.operation
    return error


def no_such_images(repository_name: str, missing: Iterable[Mapping[str, str]]) -> RepositoryNotFoundError:
    """Return the error for images that are named and not there.

    Args:
        repository_name: The repository.
        missing: The images, as the API takes them.
    """
    what = ", ".join(repr(each) for image_id in missing for each in image_id.values())
    return RepositoryNotFoundError(
        f"repository {repository_name!r} has no image {what}; list its tags with: "
        f"aws ecr describe-images --repository-name {repository_name}"
    )


def _hint(failed: CallFailed) -> str:
    raises = failed.failure.raises
    if issubclass(raises, RepositoryNotFoundError):
        return "check the name, the region and, if it is another account's, registry_id"
    if issubclass(raises, CredentialsError):
        return "set up credentials (aws configure, aws sso login, AWS_ACCESS_KEY_ID) or give a profile_name"
    if issubclass(raises, AccessDeniedError):
        if failed.operation == "DescribeRepositories":
            return "name the repositories, or allow the action ecr:DescribeRepositories"
        return f"the action to allow is ecr:{failed.operation}"
    return ""
