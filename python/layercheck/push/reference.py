"""Where a push goes: the repository, its registry and region, the tag, and repositories to mount from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from layercheck.errors import InvalidParameterError
from layercheck.redact import clean
from layercheck.repository import resolve_repository

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,299}")
"""Characters of the distribution specification. It allows 128 characters, and ECR's model 300."""


@dataclass(frozen=True, slots=True)
class PushTarget:
    """Where a push goes.

    Attributes:
        repository_name: The name of the repository.
        registry_id: Account of the registry, or None for that of the credentials.
        region_name: Region, or None.
        tag: The tag, or None.
        mount_from: Names of repositories in the same registry.
    """

    repository_name: str
    registry_id: str | None
    region_name: str | None
    tag: str | None
    mount_from: tuple[str, ...]


def push_target(
    repository_name: str,
    registry_id: str | None,
    region_name: str | None,
    tag: str | None,
    mount_from: str | Iterable[str],
) -> PushTarget:
    """Join the repository with the arguments beside it.

    Raises:
        TypeError: An argument has the wrong type.
        InvalidParameterError: The repository is of ECR Public, or the arguments contradict each other.
    """
    named = resolve_repository(repository_name, registry_id=registry_id, region_name=region_name)
    if named.public:
        raise InvalidParameterError(
            "repository_name is in ECR Public, and push plans are for private ECR; check the blobs with "
            "check and public=True"
        )
    _check_is_one("repository_name", named.name)
    mounts = tuple(
        _mount(name, named.registry_id, named.region_name)
        for name in ((mount_from,) if isinstance(mount_from, str) else mount_from)
    )
    if named.name in mounts:
        raise InvalidParameterError(
            f"mount_from names {clean(named.name, 100)!r}, which is the target itself; leave it out"
        )
    return PushTarget(
        named.name,
        named.registry_id,
        named.region_name,
        _tag(named.ignored, tag),
        tuple(dict.fromkeys(mounts)),
    )


def _check_is_one(argument: str, name: str) -> None:
    """Refuse a pattern before anything is read: the service would refuse it after a long archive was read."""
    if not any(character in name for character in "*?["):
        return
    shown = f"{clean(name, 100)!r}, a pattern"
    raise InvalidParameterError(
        f'{argument} is {shown}, and a push goes to one repository; give the name of one, such as "team/app"'
        if argument == "repository_name"
        else f"{argument} has {shown}; name each repository"
    )


def _tag(behind: str | None, tag: object) -> str | None:
    if tag is not None and not isinstance(tag, str):
        raise TypeError(f"tag is a {type(tag).__name__}; expected a str or None")
    if behind is not None and "@" in behind:
        raise InvalidParameterError(
            f"repository_name has {clean(behind, 100)!r} behind the name; a push goes to a tag, so leave the "
            "digest out"
        )
    named = behind.removeprefix(":") if behind is not None else None
    if named and tag is not None and named != tag:
        raise InvalidParameterError(
            f"repository_name has the tag {clean(named, 50)!r} and tag is {clean(tag, 50)!r}; leave one out"
        )
    chosen = tag if tag is not None else named or None
    if chosen is not None and not _TAG.fullmatch(chosen):
        raise InvalidParameterError(
            f"tag is {clean(chosen, 50)!r}; expected letters, digits and . _ - without one of the last two "
            "in front"
        )
    return chosen


def _mount(name: object, registry_id: str | None, region_name: str | None) -> str:
    if not isinstance(name, str):
        raise TypeError(f"mount_from holds a {type(name).__name__}; expected the names of repositories")
    source = resolve_repository(name)
    _check_is_one("mount_from", source.name)
    if source.public:
        raise InvalidParameterError(
            f"mount_from: {clean(name, 100)!r} is in ECR Public; a mount stays in private ECR"
        )
    for what, its, own in (
        ("registry", source.registry_id, registry_id),
        ("region", source.region_name, region_name),
    ):
        if its is not None and its != own:
            raise InvalidParameterError(
                f"mount_from: {clean(name, 100)!r} is in another {what} than the target; ECR mounts only "
                "within one registry and region"
            )
    return source.name
