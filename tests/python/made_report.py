"""A small report with a hostile reason, made without a service."""

from __future__ import annotations

import layercheck as lc
from layercheck._core import Ledger

HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e"
A, B, C, D = ("sha256:" + byte * 32 for byte in ("0a", "0b", "0c", "0d"))
ROWS = [A, B, A.upper(), HOSTILE, C, D]


def report(rows: list[str] = ROWS) -> lc.Report:
    """A is available, B unavailable, C refused with a hostile reason, D never asked."""
    plan = lc.plan(rows)
    ledger = Ledger(plan)
    layers = [
        {"layerDigest": A, "layerAvailability": "AVAILABLE", "layerSize": 123, "mediaType": "a/b"},
        {"layerDigest": B, "layerAvailability": "UNAVAILABLE"},
    ]
    failure = {"layerDigest": C, "failureCode": "InvalidLayerDigest", "failureReason": HOSTILE}
    ledger.merge(0, 3, {"layers": layers, "failures": [failure]})
    target = lc.Target("team/app", "123456789012", "eu-west-1")
    return lc.Report(
        ledger.columns(), target=target, stats=lc.RunStats(calls=1, requests=2, retries=1, seconds=0.5)
    )
