"""Digests as text by a plan."""

from __future__ import annotations

from typing import Any

import layercheck as lc
from offline.contenders.hex_binascii import answer

__all__ = ["answer", "hex_encode", "ready_hex_encode"]


def ready_hex_encode(raw: Any) -> lc.Plan:
    return lc.plan(raw)


def hex_encode(plan: lc.Plan) -> list[str]:
    return plan.texts(0, plan.unique)
