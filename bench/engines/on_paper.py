"""An audit of 200 million rows with 100 million different digests, on paper.

`python bench engines.on_paper [--keep]` runs nothing. It takes measured parts from `bench/results/spark.json`
and multiplies:

* preparation and join: seconds and shuffled bytes a row of `prepare: audit` and `join: attach` in `sql`,
  where each digest is there twice too, on the processors that they were measured with;
* asking: a call for each 100 digests at the rate, whatever the number of workers;
* slices: what an audit took in `overhead` beyond its asking, for each slice.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from pathlib import Path
from typing import Any

from layercheck import shard

RESULTS = Path(__file__).parent.parent / "results"
DIGESTS = 100_000_000
ROWS = 2 * DIGESTS
RATES = (500.0, 1_000.0)


def part(measured: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the lines of a measured part, or end and say how to measure it."""
    if not measured.get(name):
        sys.exit(f"bench/results/spark.json has no {name!r}; run `python bench engines.spark {name} --keep`")
    found: list[dict[str, Any]] = measured[name]
    return found


def per_row(lines: list[dict[str, Any]], name: str) -> tuple[float, float]:
    """Return the seconds and the shuffled bytes of a row: the best round, because others were disturbed."""
    found = [line for line in lines if line["name"] == name]
    seconds = min(line["seconds"] / line["rows"] for line in found)
    return seconds, statistics.median(line["shuffle_mb"] * 1e6 / line["rows"] for line in found)


def on_paper(measured: dict[str, Any], rate: float) -> dict[str, float]:
    """Return the parts of the audit, hours and gigabytes."""
    sql, overhead = part(measured, "sql"), part(measured, "overhead")
    prepare_s, prepare_bytes = per_row(sql, "prepare: audit")
    join_s, join_bytes = per_row(sql, "join: attach")
    audits = [line for line in overhead if "asking" in line]
    wave_s = min((line["seconds"] - line["calls"] / 1_000.0) / line["slices"] for line in audits)
    slices = shard.slice_count(DIGESTS, rate)
    seconds = {
        "prepare": ROWS * prepare_s,
        "ask": math.ceil(DIGESTS / 100) / rate,
        "slices": slices * max(0.0, wave_s),
        "join": ROWS * join_s,
    }
    hours = {f"{name}_h": round(value / 3_600, 2) for name, value in seconds.items()}
    return {
        "rows": ROWS,
        "digests": DIGESTS,
        "rate": rate,
        "slice_count": slices,
        **hours,
        "whole_h": round(sum(seconds.values()) / 3_600, 2),
        "prepare_shuffle_gb": round(ROWS * prepare_bytes / 1e9, 1),
        "join_shuffle_gb": round(ROWS * join_bytes / 1e9, 1),
    }


def main(keep: bool) -> None:
    """Print a line for each rate; with `keep`, write them to bench/results too."""
    measured = json.loads((RESULTS / "spark.json").read_text())
    found = [on_paper(measured, rate) for rate in RATES]
    for line in found:
        print(line)
    if keep:
        kept = {"from": "spark.json", "date": measured["date"], "machine": measured["machine"], "runs": found}
        (RESULTS / "on_paper.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main("--keep" in sys.argv)
