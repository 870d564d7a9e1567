"""The digests of calls, and the body of an answer in the service's form."""

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
    """The body of an answer in which nine in ten digests are available."""
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
    """The facts about each digest, sorted, in a form that JSON can hold."""
    return [[digest, *said] for digest, said in sorted(known.items())]
