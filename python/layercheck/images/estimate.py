"""What a check of images would cost, told from the listings alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from layercheck.images.listing import PAGE, ListedPages, list_images
from layercheck.images.looking_up import digest_of
from layercheck.images.manifest_store import ManifestStore
from layercheck.images.reading import BATCH
from layercheck.images.registry_connection import LISTING_RATE, READING_RATE, RegistryConnection
from layercheck.images.repositories import find_repositories
from layercheck.images.selection import Selection
from layercheck.images.stopping import StopSignal
from layercheck.images.targets import ImageTarget

LAYERS = 30
"""Blobs of an image that the estimate assumes, because only manifests tell their number."""

_READ = ("ACTIVE", None, "")
"""States of images whose manifests are read."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

CHECK_RATE = 500.0
"""Calls of BatchCheckLayerAvailability per second by default."""


@dataclass(frozen=True, slots=True)
class CostLine:
    """One step of a check.

    Attributes:
        step: What is done.
        operation: The operation that is called.
        calls: How often.
        seconds: The least time at the given rates.
        exact: Whether the number of calls is known; otherwise it is the most that is likely.
    """

    step: str
    operation: str
    calls: int
    seconds: float
    exact: bool


@dataclass(frozen=True, slots=True)
class ImageCost:
    """What a check of images would cost.

    Attributes:
        repositories: Repositories.
        images: Images listed in them.
        known: Images whose manifests the manifest store has.
        lines: The steps.
    """

    repositories: int
    images: int
    known: int
    lines: tuple[CostLine, ...]


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
        CallFailed: Something cannot be listed.
        CheckStopped: Everything is to stop.
    """
    found = find_repositories(connection.operations, targets, exclude, stop)
    images = known = listing = reading = checking = 0
    for repository in found:
        counter = _Counter(selection)
        if repository.image_ids:
            counter.digests = [name for image_id in repository.image_ids for name in image_id.values()]
        else:
            list_images(
                connection.operations, repository.name, counter, stop, needs_dates=selection.needs_dates
            )
        digests = counter.chosen()
        stored = 0 if store is None else len(store.get([each for each in digests if _DIGEST.fullmatch(each)]))
        images, known = images + len(digests), known + stored
        listing += max(1, -(-counter.listed // PAGE))
        reading += -(-(len(digests) - stored) // BATCH)
        checking += -(-len(digests) * LAYERS // 100)
    lines = (
        _line(
            "list images", "DescribeImages", listing, rates.get("DescribeImages", LISTING_RATE), exact=True
        ),
        _line(
            "read manifests", "BatchGetImage", reading, rates.get("BatchGetImage", READING_RATE), exact=True
        ),
        _line(
            f"check blobs, {LAYERS} an image",
            "BatchCheckLayerAvailability",
            checking,
            rates.get("BatchCheckLayerAvailability", CHECK_RATE),
            exact=False,
        ),
    )
    return ImageCost(len(found), images, known, lines)


def _line(step: str, operation: str, calls: int, rate: float | None, *, exact: bool) -> CostLine:
    return CostLine(step, operation, calls, calls / rate if rate else 0.0, exact)


class _Counter:
    """Takes the pages of a listing and counts images."""

    def __init__(self, selection: Selection) -> None:
        self.digests: list[str] = []
        self.listed = 0
        self._selection = selection
        self._seen: set[str] = set()
        self._pages = ListedPages()

    def list_page(self, details: Sequence[Any]) -> int:
        if not self._selection.is_all:
            new_images = self._pages.list_page(details)
            self.listed += new_images
            return new_images
        new = [each for each in details if (digest := digest_of(each)) and digest not in self._seen]
        digests = [digest for each in new if (digest := digest_of(each))]
        self.listed += len(new)
        self._seen.update(digests)
        self.digests += [
            digest for each, digest in zip(new, digests, strict=True) if each.get("imageStatus") in _READ
        ]
        return len(new)

    def chosen(self) -> list[str]:
        if not self._selection.is_all:
            chosen = self._selection.choose(self._pages.details)
            self.digests = [
                digest for each in chosen if each.get("imageStatus") in _READ and (digest := digest_of(each))
            ]
        return list(dict.fromkeys(self.digests))
