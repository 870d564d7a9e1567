"""Request and answer bodies by orjson, the fastest JSON library of Python, and dicts."""

from __future__ import annotations

import orjson

from offline.contenders.protocol_json import Known, answer, merged_by

__all__ = ["answer", "body", "merge"]


def body(digests: list[str]) -> bytes:
    return orjson.dumps({"repositoryName": "team/app", "layerDigests": digests})


def merge(answer_body: bytes) -> Known:
    return merged_by(orjson.loads, answer_body)
