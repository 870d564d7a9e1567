"""The contenders and the points: latencies, numbers of calls in flight, with and without TLS."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from layercheck.dispatch.transport.selection import NAMES

HERE = Path(__file__).parent
CACHE = HERE.parent / ".cache"
AIOBOTOCORE = CACHE / "aiobotocore" / "bin" / "python"
AWS_SDK_RUST = CACHE / "aws_sdk_rust" / "release" / "aws-sdk-rust-peer"


@dataclass(frozen=True)
class Contender:
    """A line of the tables.

    Attributes:
        name: Name of the line.
        command: The program that takes the task.
        option: Option of the program.
        ours: Whether it is layercheck.
        fast: Whether it gets more calls, so that its trials last long enough to be measured.
        least: Least number of calls in flight that it can have.
        counts: Whether it can count interpreter-level calls.
        ready: Whether its digests are validated and deduplicated before the clock starts. The peers take
            texts as they are, so this is the line with the same work as theirs.
    """

    name: str
    command: tuple[str, ...]
    option: str | None = None
    ours: bool = False
    fast: bool = False
    least: int = 1
    counts: bool = True
    ready: bool = False

    @property
    def missing(self) -> str | None:
        """Why this machine cannot run it; None if it can."""
        program = Path(self.command[0])
        return None if program.exists() else f"{program.name} is not built yet: make bench-calls builds it"

    def measure(self, task: dict[str, object], timeout_s: float) -> dict[str, float]:
        """Run the program once, and return the trial that it prints.

        Raises:
            RuntimeError: If the program fails; the message contains its standard error.
        """
        command = [*self.command, json.dumps({**task, "option": self.option})]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        if done.returncode:
            raise RuntimeError(f"{self.name} failed:\n{done.stderr}")
        told: dict[str, float] = json.loads(done.stdout)
        return told


def _python(program: str, python: str = sys.executable) -> tuple[str, ...]:
    return python, str(HERE.parent), program


CONTENDERS = (
    *(
        Contender(
            f"layercheck, {transport}",
            _python("calls.asks_layercheck"),
            transport,
            ours=True,
            fast=transport in ("wire", "native"),
        )
        for transport in NAMES
    ),
    Contender(
        "layercheck, ready plan",
        _python("calls.asks_layercheck"),
        "native, ready plan",
        ours=True,
        fast=True,
        ready=True,
    ),
    Contender("boto3 + ThreadPoolExecutor", _python("calls.asks_boto3")),
    Contender("boto3 in 2 processes", _python("calls.asks_boto3"), "2", least=2, counts=False),
    Contender("aiobotocore", _python("calls.asks_aiobotocore", str(AIOBOTOCORE))),
    Contender("aws-sdk-ecr (Rust)", (str(AWS_SDK_RUST),), fast=True, counts=False),
)


@dataclass(frozen=True)
class Point:
    """The circumstances of a trial."""

    latency_ms: int
    in_flight: int
    tls: bool

    def __str__(self) -> str:
        return f"{self.latency_ms} ms, {self.in_flight} in flight{', TLS' if self.tls else ''}"

    def calls(self, *, fast: bool) -> int:
        """Calls of a trial of about two seconds, judged by the rate to expect of such a contender."""
        own_ms, most = (1, 2_500) if fast else (3, 300)
        rate = min(1e3 * self.in_flight / (self.latency_ms + own_ms), most)
        return max(int(2 * rate), 3 * self.in_flight, 40)


HEADLINES = (Point(10, 32, tls=False), Point(10, 32, tls=True))
GRID = (
    *(Point(latency_ms, in_flight, tls=False) for latency_ms in (0, 10, 40) for in_flight in (1, 8, 32, 128)),
    *(Point(latency_ms, in_flight, tls=True) for latency_ms in (0, 10) for in_flight in (1, 32, 128)),
)
QUICK = (Point(0, 4, tls=False), Point(1, 2, tls=True))
COUNTED = Point(0, 4, tls=False)


@contextmanager
def serving(point: Point) -> Iterator[dict[str, str | None]]:
    """Run the local endpoint in a process of its own, and yield its address and its certificates."""
    command = [sys.executable, "-m", "layercheck", "serve", "--quiet", "--repository", "app"]
    command += ["--latency-ms", str(point.latency_ms), *(["--tls"] if point.tls else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            endpoint_url = process.stdout.readline().strip()
            ca_bundle = process.stdout.readline().strip() if point.tls else None
            yield {"endpoint_url": endpoint_url, "ca_bundle": ca_bundle}
        finally:
            process.terminate()
