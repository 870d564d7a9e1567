"""What a check of images would cost, told from the listings alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from layercheck.dispatch.single_calls import CallFailed
from layercheck.errors import AccessDeniedError, LayercheckError, RepositoryNotFoundError
from layercheck.images.failures import as_error, no_such_images
from layercheck.images.image_report import RepositoryError
from layercheck.images.listing import PAGE, ListedPages, list_images
from layercheck.images.looking_up import digest_of, look_up
from layercheck.images.manifest_store import ManifestStore
from layercheck.images.reading import BATCH
from layercheck.images.registry_connection import RegistryConnection
from layercheck.images.repositories import FoundRepository, find_repositories
from layercheck.images.repository_report import State
from layercheck.images.selection import Selection
from layercheck.images.stopping import StopSignal
from layercheck.images.targets import ImageTarget

LAYERS = 30
"""Blobs of an image that the estimate assumes, because only manifests tell their number."""

_NAMED = 100
"""Images that one call names at most."""

_READ = ("ACTIVE", None, "")
"""States of images whose manifests are read."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

_WITHOUT_CHILDREN = frozenset(
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.artifact.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v1+json",
    )
)
"""Types of manifests that name no other images."""

Bound: TypeAlias = Literal["exact", "at_least", "at_most", "about"]
"""What a number of calls is: known, the least, the most that is likely, or what is likely."""


@dataclass(frozen=True, slots=True)
class CostLine:
    """One step of a check.

    Attributes:
        step: What is done.
        operation: The operation that is called.
        calls: How often.
        seconds: The least time at the given rates.
        bound: What `calls` is: `exact`, `at_least`, `at_most` or `about`. Only the manifest of an index tells
            which images it needs, so that a check of some images makes at least the calls for these.
    """

    step: str
    operation: str
    calls: int
    seconds: float
    bound: Bound

    @property
    def exact(self) -> bool:
        """Whether the number of calls is known."""
        return self.bound == "exact"


@dataclass(frozen=True, slots=True)
class ImageCost:
    """What a check of images would cost.

    Attributes:
        repositories: Repositories.
        images: Images in them whose manifests a check needs; those that are archived do not count.
        known: Images whose manifests the manifest store has.
        lines: The steps.
        exact: Whether `images` are all. Otherwise indexes among them may need more images.
        errors: The repositories that cannot be listed, or do not have an image that was named.
    """

    repositories: int
    images: int
    known: int
    lines: tuple[CostLine, ...]
    exact: bool = True
    errors: tuple[RepositoryError, ...] = ()


def estimate(
    connection: RegistryConnection,
    targets: Sequence[ImageTarget],
    exclude: Sequence[str],
    selection: Selection,
    store: ManifestStore | None,
    rates: dict[str, float | None],
    stop: StopSignal,
) -> ImageCost:
    """List repositories and images, read and check nothing, and count the calls of a check.

    Args:
        connection: Client and lanes.
        targets: Which repositories.
        exclude: Patterns of repositories to leave out.
        selection: Which images.
        store: Manifests that need not be read.
        rates: Calls per second by operation; None for no limit.
        stop: Ends it early.

    Raises:
        CallFailed: The repositories cannot be listed, or an error concerns all of them.
        LayercheckError: The error of the first repository, if the images of none can be listed.
        CheckStopped: Everything is to stop.
    """
    found = find_repositories(connection.operations, targets, exclude, stop)
    failures = _Failures(connection)
    images = known = listing = reading = checking = 0
    exact = True
    for repository in found:
        counter = _Counter(selection, is_named=bool(repository.image_ids))
        try:
            _list(connection, repository, selection, counter, stop)
        except CallFailed as failed:
            failures.add(repository, failed)
            continue
        except RepositoryNotFoundError as absent:
            failures.add_absent(repository, absent, is_all=not counter.listed)
        digests = counter.chosen()
        stored = 0 if store is None else len(store.get([each for each in digests if _DIGEST.fullmatch(each)]))
        images, known = images + len(digests), known + stored
        named = len(repository.image_ids)
        listing += -(-named // _NAMED) if named else max(1, -(-counter.listed // PAGE))
        reading += -(-(len(digests) - stored) // BATCH)
        checking += -(-len(digests) * LAYERS // 100)
        exact = exact and not counter.may_have_children
    failures.raise_if_all(len(found))
    known_or_least: Bound = "exact" if exact else "at_least"
    steps: tuple[tuple[str, str, int, Bound], ...] = (
        ("list images", "DescribeImages", listing, known_or_least),
        ("read manifests", "BatchGetImage", reading, known_or_least),
        (
            f"check blobs, {LAYERS} an image",
            "BatchCheckLayerAvailability",
            checking,
            "at_most" if exact else "about",
        ),
    )
    lines = tuple(
        CostLine(step, operation, calls, calls / rate if (rate := rates[operation]) else 0.0, bound)
        for step, operation, calls, bound in steps
    )
    return ImageCost(len(found), images, known, lines, exact, tuple(failures.errors))


def _list(
    connection: RegistryConnection,
    repository: FoundRepository,
    selection: Selection,
    counter: _Counter,
    stop: StopSignal,
) -> None:
    """List the images of a repository, or those of them that are named.

    Raises:
        CallFailed: They cannot be listed.
        RepositoryNotFoundError: Named images are not there.
    """
    operations, name = connection.operations, repository.name
    if not repository.image_ids:
        list_images(operations, name, counter, stop, needs_dates=selection.needs_dates)
        return
    details, missing, _ = look_up(operations, name, repository.image_ids, stop)
    counter.list_page(details)
    if missing:
        raise no_such_images(name, missing)


class _Failures:
    """The repositories that cannot be listed."""

    def __init__(self, connection: RegistryConnection) -> None:
        self.errors: list[RepositoryError] = []
        self._connection = connection
        self._raised: list[LayercheckError] = []

    def add(self, repository: FoundRepository, failed: CallFailed) -> None:
        """Take note of a repository; raise what concerns every repository."""
        state = _state_of(failed, repository)
        connection, failure = self._connection, failed.failure
        error = as_error(failed, connection.target, connection.settings, repository.name)
        if state is None:
            raise error
        reason = f"{failed.operation}: {failure.message or failure.code}"
        if state == "denied" and error.advice:
            reason = f"{reason.rstrip('.')}; {error.advice}"
        self.errors.append(RepositoryError(repository.name, state, failure.code, reason))
        if state != "gone":
            self._raised.append(error)

    def add_absent(
        self, repository: FoundRepository, absent: RepositoryNotFoundError, *, is_all: bool
    ) -> None:
        """Take note of a repository without some of the images that are named, or without all."""
        self.errors.append(RepositoryError(repository.name, "failed", type(absent).__name__, str(absent)))
        if is_all:
            self._raised.append(absent)

    def raise_if_all(self, repositories: int) -> None:
        """Raise the first error if no repository can be listed, as a check does."""
        if self._raised and len(self._raised) == repositories:
            raise self._raised[0]


def _state_of(failed: CallFailed, repository: FoundRepository) -> State | None:
    """How a check of a repository would end; None if the failure concerns every repository."""
    raises = failed.failure.raises
    if issubclass(raises, RepositoryNotFoundError):
        return "gone" if repository.target.is_pattern else "failed"
    if issubclass(raises, AccessDeniedError):
        return "denied"
    return None if failed.failure.kind == "fatal" else "failed"


class _Counter:
    """Takes the pages of a listing and counts images.

    Args:
        selection: Which images are chosen.
        is_named: The images are named one by one, so that all that come are chosen.

    Attributes:
        listed: Images that the pages named.
        may_have_children: Whether images are chosen that may need others, which are not listed.
    """

    def __init__(self, selection: Selection, *, is_named: bool) -> None:
        self.listed = 0
        self.may_have_children = False
        self._selection = Selection() if is_named else selection
        self._is_whole = selection.is_all and not is_named
        self._digests: list[str] = []
        self._seen: set[str] = set()
        self._pages = ListedPages()

    def list_page(self, details: Sequence[Any]) -> int:
        if not self._selection.is_all:
            new_images = self._pages.list_page(details)
            self.listed += new_images
            return new_images
        new = [each for each in details if (digest := digest_of(each)) and digest not in self._seen]
        self.listed += len(new)
        self._seen.update(digest for each in new if (digest := digest_of(each)))
        self._digests += self._read(new)
        return len(new)

    def chosen(self) -> list[str]:
        """The digests of the images whose manifests are needed."""
        if not self._selection.is_all:
            self._digests = [*self._read(self._selection.choose(self._pages.details))]
        return list(dict.fromkeys(self._digests))

    def _read(self, details: Sequence[Any]) -> Iterator[str]:
        for each in details:
            digest = digest_of(each)
            if digest and each.get("imageStatus") in _READ:
                has_none = each.get("imageManifestMediaType") in _WITHOUT_CHILDREN
                self.may_have_children = self.may_have_children or not (self._is_whole or has_none)
                yield digest
