"""Write the README's three rows from the newest results: `python bench headlines`.

The first is the main job offline, the second are calls beside what most people write, the third the peer that
is faster. docs/speed.md has all of it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from calls.tables import from_texts
from offline.harness.page import insert_table
from offline.harness.tables import seconds

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
README = ROOT / "README.md"
BEGIN = "<!-- headlines: begin (written by `make bench-headlines`) -->"
END = "<!-- headlines: end -->"

FILE = "text file to plan, 5 M dirty rows"
PEERS = {
    "boto3 + ThreadPoolExecutor": "boto3 + `ThreadPoolExecutor`",
    "aws-sdk-ecr (Rust)": "AWS SDK for Rust",
}

Document = dict[str, Any]


def newest(kind: str) -> Document:
    """The newest dated result: `kind` is empty, or `calls-`."""
    name = re.compile(rf"\d{{4}}-\d\d-\d\d-{kind}\w+-\d+cpu-\w+\.json")
    path = max((path for path in RESULTS.iterdir() if name.fullmatch(path.name)), key=lambda path: path.name)
    kept: Document = json.loads(path.read_text())
    return kept


def table(offline: Document, calls: Document) -> str:
    """Three rows, and where and when they were measured."""
    machine = calls["machine"]
    days = " and ".join(sorted({offline["date"], calls["date"]}))
    return "\n".join(
        [
            "| job | layercheck | peer | its figure | times as fast |",
            "| --- | --- | --- | --- | --- |",
            _file(offline),
            *_calls(calls),
            "",
            f"Measured in turns on {machine['cpu']}, {machine['kind']}, Python {machine['python']}, {days}; "
            "answers compared. `make bench` and `make bench-calls` measure it again.",
        ]
    )


def _file(document: Document) -> str:
    case = next(case for case in document["cases"] if case["name"] == FILE)
    own = next(line for line in case["lines"] if line["name"] == case["first"])
    peer = min((line for line in case["lines"] if line.get("rival")), key=lambda line: line["median_s"])
    times = peer["median_s"] / own["median_s"]
    return _row(
        "a file of 5 M rows to a plan",
        seconds(own["median_s"]),
        peer["name"],
        seconds(peer["median_s"]),
        times,
    )


def _calls(document: Document) -> list[str]:
    point = next(point for point in document["points"] if point["name"] == document["headlines"][0])
    own = from_texts(document)
    rates = {line["name"]: line["calls_per_s"] for line in point["lines"] if not line["problem"]}
    best = max(rate for name, rate in rates.items() if name in own)
    what = f"calls of 100 digests, {point['in_flight']} in flight, {point['latency_ms']} ms latency"
    return [
        _row(what, f"{best:,.0f}/s", shown, f"{rates[name]:,.0f}/s", best / rates[name])
        for name, shown in PEERS.items()
        if name in rates
    ]


def _row(job: str, own: str, peer: str, other: str, times: float) -> str:
    shown = f"{times:.1f}" if times >= 1 else f"**{times:.2f}**"
    return f"| {job} | {own} | {peer} | {other} | {shown} |"


def main() -> None:
    """Write them."""
    README.write_text(
        insert_table(README.read_text(), table(newest(""), newest("calls-")), begin=BEGIN, end=END)
    )
    print(f"written: {README.name}")


if __name__ == "__main__":
    main()
