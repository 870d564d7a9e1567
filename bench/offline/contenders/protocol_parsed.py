"""layercheck with an answer that is already parsed to a dict, as botocore returns it."""

from __future__ import annotations

import json

from layercheck._core import Ledger
from offline.contenders.protocol_layercheck import Merge, answer, ready_merge

__all__ = ["answer", "merge", "ready_merge"]


def merge(ready: Merge) -> Ledger:
    ledger, answer_body = ready
    ledger.merge(0, 100, json.loads(answer_body))
    return ledger
