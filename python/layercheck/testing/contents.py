"""What repositories hold."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

Availability: TypeAlias = Literal["AVAILABLE", "UNAVAILABLE", "ARCHIVED"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What a repository says of one digest.

    Attributes:
        size: Bytes; None for a size made from the digest, so that sizes differ.
        media_type: None for that of a gzipped OCI layer.
        availability: What to answer.
    """

    size: int | None = None
    media_type: str | None = None
    availability: Availability = "AVAILABLE"


@dataclasses.dataclass(frozen=True, slots=True)
class EvenDigests:
    """A repository that holds every digest whose last hexadecimal digit is even."""


@dataclasses.dataclass(frozen=True, slots=True)
class FractionOfDigests:
    """A repository that holds this part of all digests, chosen by a keyed hash.

    Nothing is stored, so a million rows cost nothing; `LocalEcr.available` tells the truth.
    """

    fraction: float
    seed: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class OciLayout:
    """A repository that holds configs and layers of an OCI image layout folder.

    With `existing_only`, blobs and manifests that are not on disk are passed over.
    """

    path: str | os.PathLike[str]
    existing_only: bool = False


Seed: TypeAlias = (
    Iterable[str | bytes] | Mapping[str, Layer | int] | Path | OciLayout | EvenDigests | FractionOfDigests
)
"""What a repository holds: digests, digests with a `Layer` or a size, a layout folder or a rule."""
