"""layercheck: a batch of a plan as a request body, and an answer body merged into a ledger."""

from __future__ import annotations

import json
from typing import Any

import layercheck as lc
from layercheck._core import Ledger, Packer
from offline.data.answer_bodies import asked, merged

Pack = tuple[Packer, lc.Plan]
Merge = tuple[Ledger, bytes]


def ready_body(digests: list[str]) -> Pack:
    return Packer("team/app"), lc.plan(digests)


def body(ready: Pack) -> bytes:
    packer, plan = ready
    return packer.pack(plan, 0, plan.unique)


def ready_merge(answer_body: bytes) -> Merge:
    return Ledger(lc.plan(asked(100))), answer_body


def merge(ready: Merge) -> Ledger:
    ledger, answer_body = ready
    ledger.merge_body(0, 100, answer_body)
    return ledger


def answer(result: bytes | Ledger) -> Any:
    if isinstance(result, bytes):
        return json.loads(result)
    lines = result.columns().table(unique=True).lines(0, 100)
    said = {line["digest"]: (line["verdict"].upper(), line["size"], line["media_type"]) for line in lines}
    return merged(said)
