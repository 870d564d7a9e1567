"""The contents of repositories: layers, images, rules and image layouts."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

Availability: TypeAlias = Literal["AVAILABLE", "UNAVAILABLE", "ARCHIVED"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The answer of a repository for one digest.

    Attributes:
        size: Bytes; with None the size is computed from the digest, so that sizes differ.
        media_type: With None, the media type of a gzipped OCI layer.
        availability: The word in the answer.
    """

    size: int | None = None
    media_type: str | None = None
    availability: Availability = "AVAILABLE"


def layer_fields(digest: str, layer: Layer | int) -> tuple[str, int | None, str | None, str]:
    """Return a layer, or a layer given by its size, as the native server takes it."""
    if not isinstance(layer, Layer):
        layer = Layer(size=layer)
    return digest, layer.size, layer.media_type, layer.availability


@dataclasses.dataclass(frozen=True, slots=True)
class EvenDigests:
    """A repository that holds every digest whose last hexadecimal digit is even."""


@dataclasses.dataclass(frozen=True, slots=True)
class FractionOfDigests:
    """A repository that holds this fraction of all digests, chosen by a keyed hash.

    The server stores nothing for it, so a million rows take no memory. `LocalEcr.available` tells
    which digests the repository holds.
    """

    fraction: float
    seed: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class OciLayout:
    """A repository that holds the configs, layers and manifests of an OCI image layout or an archive.

    With `existing_only`, blobs and manifests that are not there are skipped.
    """

    path: str | os.PathLike[str]
    existing_only: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class ImageRule:
    """A repository of made-up images, with their layers and with known damage.

    The server makes each manifest from its number when a call needs it, so a million images take no
    more memory than their digests. The same rule makes the same images. `LocalEcr.incomplete_images`
    tells which are broken.

    Attributes:
        images: Images in the listing, indexes included. Each has the tag `v` and its number, except the
            platforms of indexes.
        layers: Layers of each image.
        shared: The part of an image's layers that it shares with 99 others, 0 to 1.
        broken: Images that lack their config or one of the layers that they do not share.
        indexes: Images that are indexes of two platforms, at most a third.
        seed: Another seed makes other digests and breaks other images.

    Examples:
        >>> from layercheck.testing import LocalEcr
        >>> with LocalEcr({"app": ImageRule(1000, broken=3)}) as ecr:
        ...     pages = ecr.client().get_paginator("list_images").paginate(repositoryName="app")
        ...     images = sum(len(page["imageIds"]) for page in pages)
        ...     broken = ecr.incomplete_images("app")
        >>> images, len(broken)
        (1000, 3)
    """

    images: int
    _: dataclasses.KW_ONLY
    layers: int = 10
    shared: float = 0.5
    broken: int = 0
    indexes: int = 0
    seed: int = 0


Seed: TypeAlias = (
    Iterable[str | bytes]
    | Mapping[str, Layer | int]
    | Path
    | OciLayout
    | EvenDigests
    | FractionOfDigests
    | ImageRule
)
"""The contents of a repository: digests, digests with a `Layer` or a size, a layout folder or a rule."""
