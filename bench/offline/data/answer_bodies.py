"""One call's worth of digests, and the answer of 100 layers to it, as the service words them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from offline.data.datasets import digests

MEDIA_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
SEED = 3


def asked(count: int) -> list[str]:
    """Canonical digests, all different."""
    return [f"sha256:{raw.tobytes().hex()}" for raw in digests(np.arange(count, dtype=np.uint64), SEED)]


def answer_body(count: int) -> bytes:
    """The body of an answer: nine in ten of the digests are there."""
    layers = [
        {
            "layerAvailability": "AVAILABLE",
            "layerDigest": digest,
            "layerSize": 1_000_003 * (place + 1),
            "mediaType": MEDIA_TYPE,
        }
        if place % 10
        else {"layerAvailability": "UNAVAILABLE", "layerDigest": digest}
        for place, digest in enumerate(asked(count))
    ]
    return json.dumps({"failures": [], "layers": layers}, separators=(",", ":")).encode()


def merged(known: dict[str, tuple[str, int | None, str | None]]) -> list[list[Any]]:
    """What is known of each digest, in order, as JSON can hold it."""
    return [[digest, *said] for digest, said in sorted(known.items())]
