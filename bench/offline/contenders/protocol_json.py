"""Request and answer bodies by the standard library's `json` and dicts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from offline.data.answer_bodies import merged

Known = dict[str, tuple[str, int | None, str | None]]


def body(digests: list[str]) -> bytes:
    return json.dumps({"repositoryName": "team/app", "layerDigests": digests}).encode()


def merge(answer_body: bytes) -> Known:
    return merged_by(json.loads, answer_body)


def merged_by(loads: Callable[[bytes], Any], answer_body: bytes) -> Known:
    known: Known = {}
    said = loads(answer_body)
    for layer in said["layers"]:
        known[layer["layerDigest"]] = (
            layer["layerAvailability"],
            layer.get("layerSize"),
            layer.get("mediaType"),
        )
    for failure in said["failures"]:
        known[failure["layerDigest"]] = (failure["failureCode"], None, None)
    return known


def answer(result: bytes | Known) -> Any:
    return json.loads(result) if isinstance(result, bytes) else merged(result)
