"""The contents of repositories: layers, rules and image layouts."""

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
    """A repository that holds the configs and layers of an OCI image layout folder.

    With `existing_only`, blobs and manifests that are not on disk are skipped.
    """

    path: str | os.PathLike[str]
    existing_only: bool = False


Seed: TypeAlias = (
    Iterable[str | bytes] | Mapping[str, Layer | int] | Path | OciLayout | EvenDigests | FractionOfDigests
)
"""The contents of a repository: digests, digests with a `Layer` or a size, a layout folder or a rule."""
