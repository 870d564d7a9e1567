"""The report to write, and the content of a written report file."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import layercheck as lc
from layercheck._core import Ledger
from layercheck.types import RunStats, Target

MEDIA_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
COLUMNS = ("row", "digest", "verdict", "size", "media_type", "code", "reason", "input")


def report(path: Path) -> lc.Report:
    """The report of a run over a text file, with half of the digests available."""
    plan = lc.plan(path)
    ledger = Ledger(plan)
    for number, batch in enumerate(plan):
        start = number * plan.batch_size
        layers = [
            {
                "layerDigest": digest,
                "layerAvailability": "AVAILABLE",
                "layerSize": start + place,
                "mediaType": MEDIA_TYPE,
            }
            if place % 2
            else {"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}
            for place, digest in enumerate(batch)
        ]
        ledger.merge(start, start + len(batch), {"layers": layers, "failures": []})
    return lc.Report(ledger.columns(), target=Target("bench"), stats=RunStats())


def new_file(suffix: str) -> Path:
    """A path in a new temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="layercheck-bench-"))
    return folder / f"report.{suffix}"


def answer(path: Path) -> dict[str, Any]:
    """Read the file by polars and remove it; return its rows, its size and a hash of all cells."""
    import polars as pl

    types = {name: pl.Int64 if name in ("row", "size") else pl.String for name in COLUMNS}
    if path.suffix == ".csv":
        table = pl.read_csv(path, schema=types)
    elif path.suffix == ".jsonl":
        table = pl.read_ndjson(path, schema=types)
    else:
        table = pl.read_parquet(path).select(pl.col(name).cast(kind) for name, kind in types.items())
    size = path.stat().st_size
    path.unlink()
    path.parent.rmdir()
    cells = hashlib.sha256(table.select(COLUMNS).hash_rows(seed=1).to_numpy().tobytes())
    return {"rows": len(table), "cells": cells.hexdigest(), "file_bytes": size}
