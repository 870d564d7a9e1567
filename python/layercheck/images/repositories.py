"""Finds the repositories that targets name."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from layercheck.aws.classify import Failure
from layercheck.dispatch.single_calls import CallFailed
from layercheck.errors import EndpointError, RepositoryNotFoundError
from layercheck.images.operations import Operations
from layercheck.images.paging import BadTokenError, EndlessListError, News, pages
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
        target: The reference that names it, the first if there are several.
        image_ids: The images that the references choose, as the API takes them; empty for all.
        encryption: How it is encrypted, such as `AES256` or `KMS`; None if that was not asked.
    """

    name: str
    target: ImageTarget
    image_ids: tuple[dict[str, str], ...] = field(default=(), compare=False)
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
    listed = _all(operations, stop) if any(each.is_pattern for each in targets) else {}
    found: dict[str, FoundRepository] = {}
    for target in targets:
        names = [name for name in listed if target.matches(name)] if target.is_pattern else [target.name]
        if not names and not (target.name == "*" and not listed):
            raise RepositoryNotFoundError(_nothing_matches(target, list(listed)))
        for name in names:
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in exclude):
                found[name] = _joined(
                    found.get(name), FoundRepository(name, target, target.image_ids, listed.get(name))
                )
    return list(found.values())


def _joined(before: FoundRepository | None, found: FoundRepository) -> FoundRepository:
    """Join what two references choose of a repository: all its images if one of them names it whole."""
    if before is None:
        return found
    encryption = before.encryption or found.encryption
    if not (before.image_ids and found.image_ids):
        return replace(before, image_ids=(), encryption=encryption)
    more = tuple(each for each in found.image_ids if each not in before.image_ids)
    return replace(before, image_ids=before.image_ids + more, encryption=encryption)


def _all(operations: Operations, stop: StopSignal) -> Mapping[str, str | None]:
    """All repositories of the registry, with their encryption."""
    operation = "DescribeRepositories"
    found: dict[str, str | None] = {}
    news = News()
    try:
        for page in pages(operations, operation, stop, maxResults=_PAGE):
            before = len(found)
            listed = page.get("repositories")
            repositories = listed if isinstance(listed, list) else []
            for repository in repositories:
                name = repository.get("repositoryName") if isinstance(repository, Mapping) else None
                if isinstance(name, str) and name:
                    found[name] = _encryption(repository)
            news.page(len(repositories), is_new=len(found) > before)
    except (BadTokenError, EndlessListError) as error:
        text = f"{error}, so that the repositories cannot be listed"
        failure = Failure("transient", "EndlessList", text, RuntimeError(text), EndpointError)
        raise CallFailed(operation, failure) from None
    return found


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
