"""Manifests by the standard library's `json` and `hashlib`."""

from __future__ import annotations

import json
from hashlib import sha256

Given = tuple[list[bytes], list[str]]


def manifests(given: Given) -> tuple[int, int, int]:
    whole = parts = size = 0
    for document, digest in zip(*given, strict=True):
        if f"sha256:{sha256(document).hexdigest()}" != digest:
            continue
        manifest = json.loads(document)
        whole += 1
        for part in (manifest["config"], *manifest["layers"]):
            if part["digest"].startswith("sha256:"):
                parts += 1
                size += part["size"]
    return whole, parts, size


def answer(result: tuple[int, int, int]) -> list[int]:
    return list(result)
