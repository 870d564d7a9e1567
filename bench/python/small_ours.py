"""layercheck: a batch of a plan as text, and an answer merged into a ledger."""

from __future__ import annotations

import json
from typing import Any

import layercheck as lc
from answers import asked, merged
from layercheck._core import Ledger

Ready = tuple[Ledger, bytes]


def ready_body(digests: list[str]) -> lc.Plan:
    return lc.plan(digests)


def body(plan: lc.Plan) -> bytes:
    return json.dumps({"repositoryName": "team/app", "layerDigests": plan[0]}).encode()


def ready_merge(answer_body: bytes) -> Ready:
    return Ledger(lc.plan(asked(100))), answer_body


def merge(ready: Ready) -> Ledger:
    ledger, answer_body = ready
    ledger.merge(0, 100, json.loads(answer_body))
    return ledger


def answer(result: bytes | Ledger) -> Any:
    if isinstance(result, bytes):
        return json.loads(result)
    lines = result.columns().table(unique=True).lines(0, 100)
    return merged(
        {line["digest"]: (line["verdict"].upper(), line["size"], line["media_type"]) for line in lines}
    )
