"""Manifests of images as registries hold them, with their digests."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from offline.data.datasets import digests

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
SEED = 12


def documents(count: int, layers: int) -> tuple[list[bytes], list[str]]:
    """Manifests as Docker indents them, and the digest of each. One in a hundred has another digest."""
    raw = iter(digests(np.arange(count * (layers + 1), dtype=np.uint64), SEED))
    made = [
        _manifest([f"sha256:{next(raw).tobytes().hex()}" for _ in range(layers + 1)]) for _ in range(count)
    ]
    names = [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in made]
    names[::100] = ["sha256:" + "ab" * 32] * len(names[::100])
    return made, names


def _manifest(parts: list[str]) -> bytes:
    def part(media_type: str, number: int) -> dict[str, Any]:
        return {"mediaType": media_type, "size": 1_000_003 * (number + 1), "digest": parts[number]}

    layers = [part(LAYER, number) for number in range(1, len(parts))]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": part(CONFIG, 0), "layers": layers}
    return json.dumps(manifest, indent=3).encode()
