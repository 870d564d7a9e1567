"""Measures calls while some fail, in resumed runs, and in two runs at once.

`python bench studies.failing_calls [--keep]`

Three circumstances, each with 32 calls in flight and without a limit of rate: a share of the calls fails
with status 500 and is made again; a run goes on with a journal; two runs of one Checker go on at once. The
transports take turns. Every verdict is compared with what the endpoint holds before a time counts. The
endpoint runs in a process of its own.

The first is compared with boto3 in threads, in its standard retry mode.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import boto3
import numpy as np
from botocore.config import Config

import layercheck as lc
from offline.harness import results
from offline.harness.page import PAGE, insert_table

RESULT = Path(__file__).parent.parent / "results" / "failing_calls.json"
BEGIN = "<!-- failing calls: begin (written by `make bench-failing-calls`) -->"
END = "<!-- failing calls: end -->"
IN_FLIGHT = 32
BATCH = 100
FAST, SLOW = 6_000, 900
"""Calls of the transports that make one after the other in the core, and of all others."""
PEER = "boto3 + ThreadPoolExecutor"
TRANSPORTS: Final = ("native", "wire", "plain")
PERCENTS = (0.0, 1.0, 5.0)


@dataclass(frozen=True)
class Measured:
    """Medians of one client in one circumstance.

    Attributes:
        what: The circumstance.
        client: The transport, or the peer.
        calls: Calls that had to be answered.
        calls_per_second: Calls answered in a second.
        cpu_ms_per_call: Processor time of the client for each of them, milliseconds.
    """

    what: str
    client: str
    calls: int
    calls_per_second: float
    cpu_ms_per_call: float


@dataclass
class Took:
    """What one run took; `calls` only if it is not one for each hundred digests."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    calls: int | None = None


def rows(calls: int) -> list[str]:
    """The digests of so many calls. The endpoint holds those that end in an even digit."""
    numbers = range(calls * BATCH)
    return [f"sha256:{hashlib.sha256(str(number).encode()).hexdigest()}" for number in numbers]


def assert_true(asked: Sequence[str], verdicts: Any) -> None:
    """Compare verdicts with what the endpoint holds."""
    held = np.array([row[-1] in "02468ace" for row in asked])
    assert np.array_equal(np.asarray(verdicts) == lc.Verdict.AVAILABLE, held)
    assert np.array_equal(np.asarray(verdicts) == lc.Verdict.UNAVAILABLE, ~held)


@contextmanager
def serving(percent: float) -> Iterator[str]:
    """Run the local endpoint in a process of its own, and yield its address."""
    command = [sys.executable, "-m", "layercheck", "serve", "--quiet", "--repository", "app"]
    command += ["--error-rate", str(percent / 100), "--seed", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def session() -> boto3.Session:
    """A session with credentials that the endpoint takes."""
    return boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1")


def checker(url: str, transport: Any) -> lc.Checker:
    """A Checker without a limit of rate."""
    return lc.Checker(
        "app",
        session=session(),
        endpoint_url=url,
        rate="max",
        max_in_flight=IN_FLIGHT,
        transport=transport,
    )


@contextmanager
def timed() -> Iterator[Took]:
    """Measure what is done within."""
    took = Took()
    wall, cpu = time.perf_counter(), time.process_time()
    yield took
    took.seconds, took.cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu


def once(url: str, transport: str, asked: list[str]) -> Took:
    """Check the digests in one run."""
    with checker(url, transport) as made, timed() as took:
        report = made.check(asked)
    assert_true(asked, report.verdicts)
    return took


def resumed(url: str, transport: str, asked: list[str]) -> Took:
    """Go on with a run that was cancelled when a twentieth was answered. Only the second part is measured."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j"
        with checker(url, "wire") as made:
            run = made.submit(asked, journal=path)
            while run.report().stats.calls < len(asked) // BATCH // 20:
                time.sleep(0.001)
            run.cancel()
            assert isinstance(run.exception(60), lc.RunCancelled)
        with checker(url, transport) as made, timed() as took:
            report = made.check(asked, journal=path)
    assert report.stats.restored
    assert_true(asked, report.verdicts)
    took.calls = report.stats.calls
    return took


def both(url: str, transport: str, asked: list[str]) -> Took:
    """Check each half of the digests in a run of its own, both at once."""
    halves = asked[: len(asked) // 2], asked[len(asked) // 2 :]
    with checker(url, transport) as made, timed() as took:
        reports = [run.result(600) for run in [made.submit(half) for half in halves]]
    for report, half in zip(reports, halves, strict=True):
        assert_true(half, report.verdicts)
    return took


def by_boto3(url: str, asked: list[str]) -> Took:
    """Check the digests with boto3 alone."""
    config = Config(max_pool_connections=IN_FLIGHT, retries={"mode": "standard", "total_max_attempts": 10})
    client: Any = session().client("ecr", endpoint_url=url, config=config)

    def ask(at: int) -> list[dict[str, Any]]:
        answer = client.batch_check_layer_availability(
            repositoryName="app", layerDigests=asked[at : at + BATCH]
        )
        layers: list[dict[str, Any]] = answer["layers"]
        return layers

    with ThreadPoolExecutor(IN_FLIGHT) as pool, timed() as took:
        answers = list(pool.map(ask, range(0, len(asked), BATCH)))
    found = {each["layerDigest"]: each["layerAvailability"] for answer in answers for each in answer}
    codes = {"AVAILABLE": lc.Verdict.AVAILABLE, "UNAVAILABLE": lc.Verdict.UNAVAILABLE}
    assert_true(asked, [codes[found[row]] for row in asked])
    return took


def measured(
    what: str, clients: dict[str, Callable[[list[str]], Took]], rounds: int, asked: list[str]
) -> list[Measured]:
    """Let the clients do the same in turns."""
    took: dict[str, list[tuple[int, float, float]]] = {client: [] for client in clients}
    for _ in range(rounds):
        for client, check in clients.items():
            count = FAST if client == "native" else SLOW
            one = check(asked[: count * BATCH])
            calls = one.calls or count
            took[client].append((calls, calls / one.seconds, one.cpu_seconds / calls * 1e3))
    found = []
    for client, rates in took.items():
        calls, speed, cpu_ms = (statistics.median(each) for each in zip(*rates, strict=True))
        found.append(Measured(what, client, int(calls), speed, cpu_ms))
        print(f"{what:28} {client:28} {speed:8,.0f} calls/s {cpu_ms:7.3f} ms of CPU a call")
    return found


def table(kept: dict[str, Any]) -> str:
    """Return the table of a result as Markdown."""
    lines = ["| what | client | calls/s | CPU ms a call |", "| --- | --- | --- | --- |"]
    for each in (Measured(**line) for line in kept["measured"]):
        client = each.client if each.client == PEER else f"layercheck, {each.client}"
        lines.append(
            f"| {each.what} | {client} | {each.calls_per_second:,.0f} | {each.cpu_ms_per_call:.3f} |"
        )
    peers = ", ".join(f"{name} {version}" for name, version in kept["peers"].items())
    lines += [
        "",
        f"{kept['in_flight']} in flight, no latency, medians of {kept['rounds']} rounds in turns, "
        f"{kept['date']}: "
        f"{kept['machine']['cpu']}, {kept['machine']['kind']}, Python {kept['machine']['python']}, {peers}.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Print the table; with `--keep`, write it to bench/results and into the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--keep", action="store_true", help="write bench/results/failing_calls.json and its table"
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    asked = rows(FAST)
    found: list[Measured] = []
    for percent in PERCENTS:
        with serving(percent) as url:
            clients: dict[str, Callable[[list[str]], Took]]
            clients = {name: partial(once, url, name) for name in TRANSPORTS}
            clients[PEER] = partial(by_boto3, url)
            found += measured(f"{percent:g} % of the calls fail", clients, options.rounds, asked)
    with serving(0.0) as url:
        for what, check in (("goes on with a journal", resumed), ("two runs of one Checker", both)):
            clients = {name: partial(check, url, name) for name in TRANSPORTS}
            found += measured(what, clients, options.rounds, asked)
    if options.keep:
        kept = {**results.setting(("boto3", "botocore")), "in_flight": IN_FLIGHT, "rounds": options.rounds}
        kept["measured"] = [asdict(each) for each in found]
        RESULT.write_text(json.dumps(kept, indent=1) + "\n")
        PAGE.write_text(insert_table(PAGE.read_text(), table(kept), begin=BEGIN, end=END))


if __name__ == "__main__":
    main()
