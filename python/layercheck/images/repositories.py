"""Finds the repositories that targets name."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from layercheck.errors import RepositoryNotFoundError
from layercheck.images.operations import CallFailed, Operations
from layercheck.images.stopping import StopSignal
from layercheck.images.targets import ImageTarget
from layercheck.redact import clean

_PAGE = 1_000
_NEAREST = 3


@dataclass(frozen=True, slots=True)
class FoundRepository:
    """A repository whose images are to be checked.

    Attributes:
        name: Its name.
        target: The reference that names it.
        encryption: How it is encrypted, such as `AES256` or `KMS`; None if that was not asked.
    """

    name: str
    target: ImageTarget
    encryption: str | None = None


def find_repositories(
    operations: Operations, targets: Sequence[ImageTarget], exclude: Sequence[str], stop: StopSignal
) -> list[FoundRepository]:
    """Return the repositories that the targets name, each once, without those that match `exclude`.

    The repositories of the registry are listed only if a target is a pattern.

    Args:
        operations: Makes the calls.
        targets: The targets.
        exclude: Patterns of names to leave out.
        stop: Ends it early.

    Raises:
        RepositoryNotFoundError: A pattern matches no repository.
        CallFailed: The repositories cannot be listed.
        CheckStopped: Everything is to stop.
    """
    listed = dict(_all(operations, stop)) if any(each.is_pattern for each in targets) else {}
    found: dict[tuple[str, str | None, str | None], FoundRepository] = {}
    for target in targets:
        names = [name for name in listed if target.matches(name)] if target.is_pattern else [target.name]
        if not names and not (target.name == "*" and not listed):
            raise RepositoryNotFoundError(_nothing_matches(target, list(listed)))
        for name in names:
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in exclude):
                key = (name, target.tag, target.digest)
                found.setdefault(key, FoundRepository(name, target, listed.get(name)))
    whole = {name for name, tag, digest in found if tag is None and digest is None}
    return [each for key, each in found.items() if key[0] not in whole or key[1:] == (None, None)]


def _all(operations: Operations, stop: StopSignal) -> Iterator[tuple[str, str | None]]:
    token: dict[str, str] = {}
    seen: set[str] = set()
    while True:
        page = operations.call("DescribeRepositories", stop, maxResults=_PAGE, **token)
        repositories = page.get("repositories")
        for repository in repositories if isinstance(repositories, list) else []:
            name = repository.get("repositoryName") if isinstance(repository, Mapping) else None
            if isinstance(name, str) and name:
                yield name, _encryption(repository)
        following = page.get("nextToken")
        if not isinstance(following, str) or not following:
            return
        if following in seen:
            raise CallFailed("DescribeRepositories", _repeated())
        seen.add(following)
        token = {"nextToken": following}


def _repeated() -> Any:
    from layercheck.aws.classify import Failure
    from layercheck.errors import EndpointError

    text = "the service named the same page twice, so that the repositories cannot be listed"
    return Failure("transient", "RepeatedPage", text, RuntimeError(text), EndpointError)


def _encryption(repository: Mapping[str, Any]) -> str | None:
    configured = repository.get("encryptionConfiguration")
    kind = configured.get("encryptionType") if isinstance(configured, Mapping) else None
    return clean(kind, 30) if isinstance(kind, str) else None


def _nothing_matches(target: ImageTarget, names: list[str]) -> str:
    shown = repr(clean(target.name, 100))
    plain = target.name.strip("*?/")
    near = difflib.get_close_matches(plain, names, _NEAREST, 0.5)
    if near:
        return f"no repository matches {shown}; near it are: {', '.join(clean(each, 100) for each in near)}"
    return (
        f"no repository matches {shown}; the registry has {len(names):,} repositories, list them with: "
        "aws ecr describe-repositories"
    )
