"""Measures the cost of a journal, and a large audit with a journal: `python bench studies.journal`.

Each run is a process of its own; this process runs the endpoint. The first part measures the price of the
journal at the service's default quota, in interleaved runs with and without it. The second part measures
an audit of ten million digests, and the same audit by boto3 in threads, without deduplication and without
a journal.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import layercheck as lc
from layercheck.testing import LocalEcr
from offline.harness import measure, results
from offline.harness.page import PAGE, insert_table

BENCH = Path(__file__).parents[1]
RESULT = BENCH / "results" / "journal.json"
QUOTA = 1_000
"""Calls per second: https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html"""
ROUNDS = 5
MODES = ("none", "normal", "full")
LARGE = 10_000_000
PEERS = ("boto3", "botocore")
BEGIN = "<!-- journal: begin (written by `make bench-journal`) -->"
END = "<!-- journal: end -->"


def main() -> None:
    """Print the figures; write those of a whole run to bench/results and into the published page."""
    options = argparse.ArgumentParser()
    options.add_argument("--digests", type=int, default=LARGE, help="of the large audit")
    options.add_argument("--price-digests", type=int, default=500_000, help="of each round of the price")
    options.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.run:
        print(json.dumps(run(*given.run)))
        return
    price = [measured(mode, given.price_digests, rate=QUOTA) for _ in range(ROUNDS) for mode in MODES]
    large = [measured("normal", given.digests, rate=0), measured("boto3", given.digests, rate=0)]
    kept = {**results.setting(PEERS), "price": price, "large": large}
    print(table(kept))
    if given.digests != LARGE:
        return
    RESULT.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(insert_table(PAGE.read_text(), table(kept), begin=BEGIN, end=END))


def table(kept: dict[str, Any]) -> str:
    """The published table."""
    lines = ["| run | calls/s | CPU a call | memory a digest | file a digest | time |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for mode in MODES:
        rounds = [each for each in kept["price"] if each["mode"] == mode]
        speed, cpu = (
            statistics.median(each[key] for each in rounds) for key in ("calls_per_s", "cpu_us_per_call")
        )
        size = rounds[0]["file_bytes_per_digest"]
        what = "no journal" if mode == "none" else f'journal, `durability="{mode}"`'
        lines.append(f"| {what}, at {QUOTA:,} calls/s | {speed:,.0f} | {cpu:,.0f} us | | {size:.1f} B | |")
    for each in kept["large"]:
        who = "boto3 in threads, no journal" if each["mode"] == "boto3" else "layercheck, journal"
        digests, calls, cpu = each["digests"], each["calls_per_s"], each["cpu_us_per_call"]
        memory, size, took = each["peak_bytes_per_digest"], each["file_bytes_per_digest"], each["seconds"]
        lines.append(
            f"| {who}, {digests:,} digests, without a limit of rate | {calls:,.0f} | {cpu:,.0f} us | "
            f"{memory:.0f} B | {size:.1f} B | {took:.0f} s |"
        )
    machine = kept["machine"]
    peers = ", ".join(f"{name} {version}" for name, version in kept["peers"].items())
    lines += [
        "",
        f"The first three are medians of {ROUNDS} interleaved rounds. The endpoint answers at once, on the "
        f"same machine, {kept['date']}: {machine['cpu']}, {machine['kind']}, Python {machine['python']}, "
        f"{peers}.",
        "`make bench-journal` measures it again and writes this table.",
    ]
    return "\n".join(lines)


def measured(mode: str, digests: int, *, rate: int) -> dict[str, Any]:
    """Do one run in a process of its own, with an endpoint of its own."""
    with LocalEcr(("app",), log_calls=0) as ecr:
        ecr.set_rule("app", "fraction", fraction=0.5)
        program = [sys.executable, str(BENCH), "studies.journal"]
        command = [*program, "--run", mode, str(digests), str(rate), ecr.endpoint_url]
        ended = subprocess.run(command, check=True, capture_output=True, text=True)
        found: dict[str, Any] = json.loads(ended.stdout)
        assert found["found"] == ecr.counters.available
        assert ecr.counters.digests == digests
    return found


def run(mode: str, digests: str, rate: str, endpoint_url: str) -> dict[str, Any]:
    """Do one run in this process, and return its figures."""
    import boto3  # noqa: F401 - imported here, so that the run does not measure it

    count = int(digests)
    rows = np.random.default_rng(7).integers(0, 256, (count, 32), dtype=np.uint8)
    before = measure.forget_peak()
    cpu, started = time.process_time(), time.perf_counter()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        journal = Path(folder) / "audit.journal"
        if mode == "boto3":
            found, calls = by_boto3(rows, endpoint_url)
        else:
            found, calls = by_layercheck(rows, endpoint_url, mode, int(rate), journal)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        size = journal.stat().st_size if journal.exists() else 0
    return {
        "mode": mode,
        "digests": count,
        "rate": int(rate),
        "seconds": seconds,
        "calls_per_s": calls / seconds,
        "cpu_us_per_call": cpu / calls * 1e6,
        # Without the rows, because the caller holds them.
        "peak_bytes_per_digest": (measure.peak() - before) / count,
        "file_bytes_per_digest": size / count,
        "found": found,
    }


def by_layercheck(rows: Any, endpoint_url: str, mode: str, rate: int, journal: Path) -> tuple[int, int]:
    """Run layercheck with a journal, or without in mode `none`."""
    import boto3

    session = boto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
    kept: dict[str, Any] = {} if mode == "none" else {"journal": journal, "durability": mode}
    report = lc.check(rows, "app", session=session, endpoint_url=endpoint_url, rate=rate or "max", **kept)
    assert report.complete
    return report.unique_counts["available"], report.stats.calls


def by_boto3(rows: Any, endpoint_url: str) -> tuple[int, int]:
    """Run the usual code without layercheck: texts, batches of a hundred, threads."""
    from concurrent.futures import ThreadPoolExecutor

    import boto3
    from botocore.config import Config

    session = boto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
    config = Config(max_pool_connections=32, retries={"mode": "standard"})
    client = session.client("ecr", endpoint_url=endpoint_url, config=config)
    texts = ["sha256:" + row.tobytes().hex() for row in rows]

    def ask(start: int) -> dict[str, str]:
        answer = client.batch_check_layer_availability(
            repositoryName="app", layerDigests=texts[start : start + 100]
        )
        return {layer["layerDigest"]: layer["layerAvailability"] for layer in answer["layers"]}

    verdicts: dict[str, str] = {}
    starts = range(0, len(texts), 100)
    with ThreadPoolExecutor(32) as pool:
        for answer in pool.map(ask, starts):
            verdicts.update(answer)
    return sum(verdict == "AVAILABLE" for verdict in verdicts.values()), len(starts)


if __name__ == "__main__":
    main()
