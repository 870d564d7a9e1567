"""Converts the core's ledger to the types of the reference."""

from __future__ import annotations

import layercheck as lc
import reference as ref
from layercheck import _core


def planned(digests: list[bytes]) -> lc.Plan:
    """A plan of exactly these digests."""
    return lc.plan([ref.as_text(digest) for digest in digests])


def states(ledger: _core.Ledger) -> list[ref.State]:
    """The state of each digest in the ledger."""
    table = ledger.columns().table(unique=True)
    return [
        ref.State(line["verdict"], line["code"], line["reason"], line["size"], line["media_type"])
        for line in table.lines(0, len(table))
    ]
