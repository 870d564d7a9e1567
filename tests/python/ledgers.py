"""The core's ledger, in the words of the reference."""

from __future__ import annotations

import layercheck as lc
import reference as ref
from layercheck import _core


def planned(digests: list[bytes]) -> lc.Plan:
    """A plan of these digests and nothing else."""
    return lc.plan([ref.as_text(digest) for digest in digests])


def states(ledger: _core.Ledger) -> list[ref.State]:
    """What the ledger says of each digest."""
    table = ledger.columns().table(unique=True)
    return [
        ref.State(line["verdict"], line["code"], line["reason"], line["size"], line["media_type"])
        for line in table.lines(0, len(table))
    ]
