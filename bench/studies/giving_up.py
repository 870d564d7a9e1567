"""Counts what is unanswered when a service fails at random: `python bench studies.giving_up`.

Three tables for every transport: a share of all calls fails with status 500; one digest fails in every call;
and answers are sent twice, so that later answers on the same connection belong to earlier calls. Every
verdict is compared with what the endpoint holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, get_args

import layercheck as lc
from layercheck._core import KnownSecrets
from layercheck.dispatch.transport import Batch, Transport
from layercheck.dispatch.transport.selection import TransportName
from layercheck.testing import EvenDigests, Fault, LocalEcr
from offline.harness import results

RESULT = Path(__file__).parent.parent / "results" / "giving_up.json"
ROWS = 200_000
TRANSPORTS: Final = get_args(TransportName)


@dataclass(frozen=True)
class Measured:
    """One run.

    Attributes:
        fault: What the endpoint does.
        percent: The share of the calls that it does it to.
        transport: How calls were made.
        rows: Rows checked; every row is another digest.
        unanswered: Rows without a verdict.
        wrong: Rows with a verdict that is not true.
        requests: Requests sent; without a fault there is one for each hundred rows.
        seconds: From the first request to the end.
        ended: How the run ended.
    """

    fault: str
    percent: float
    transport: str
    rows: int
    unanswered: int
    wrong: int
    requests: int
    seconds: float
    ended: str


class FailingFor:
    """A transport that loses the connection in every call that asks about one digest."""

    def __init__(self, inner: Transport, digest: str) -> None:
        self._inner = inner
        self._digest = digest

    @property
    def name(self) -> str:
        """The name of the inner transport."""
        return self._inner.name

    @property
    def known(self) -> KnownSecrets:
        """The secrets of the inner transport."""
        return self._inner.known

    def __call__(self, batch: Batch) -> Mapping[str, Any] | bytes:
        """Ask the inner transport, unless the batch has the digest."""
        if self._digest in batch.texts():
            raise ConnectionResetError("the call asks about the digest that always fails")
        return self._inner(batch)

    def distrust(self) -> None:
        """Pass it on."""
        self._inner.distrust()

    def close(self) -> None:
        """Pass it on."""
        self._inner.close()


def measure(
    transport: TransportName, rows: int, *, name: str, percent: float, fault: Fault | None = None
) -> Measured:
    """Check `rows` digests against an endpoint with this fault; without one, one digest always fails."""
    digests = ["sha256:" + hashlib.sha256(str(number).encode()).hexdigest() for number in range(rows)]
    with (
        LocalEcr({"app": EvenDigests()}, faults=[fault] if fault else [], seed=10) as ecr,
        lc.Checker(
            "app", session=ecr.session(), endpoint_url=ecr.endpoint_url, transport=transport
        ) as checker,
    ):
        if fault is None:
            made = checker._connection.transport
            checker._connection.transport = FailingFor(made, digests[rows // 2])
        report = checker.check(digests)
    held = {digest for digest in digests if digest[-1] in "02468ace"}
    wrong = len(set(report.digests("available")) - held) + len(set(report.digests("unavailable")) & held)
    stats = report.stats
    return Measured(
        name,
        percent,
        transport,
        rows,
        report.counts["unanswered"],
        wrong,
        stats.requests,
        round(stats.seconds, 1),
        stats.ended,
    )


def study(rows: int = ROWS, percents: tuple[float, ...] = (30, 40, 50, 60, 70)) -> list[Measured]:
    """Measure all faults on all transports."""
    measured: list[Measured] = []
    for transport in TRANSPORTS:
        for percent in percents:
            failing = Fault("server_error", probability=percent / 100)
            measured.append(measure(transport, rows, name="status 500", percent=percent, fault=failing))
        measured.append(measure(transport, rows, name="one digest always fails", percent=0))
        for percent in (1, 10):
            twice = Fault("twice", probability=percent / 100, ms=2.0)
            measured.append(measure(transport, rows, name="answers sent twice", percent=percent, fault=twice))
    return measured


def main() -> None:
    """Print the table, and write it to bench/results."""
    measured = study()
    for each in measured:
        print(
            f"{each.fault:23} {each.percent:3.0f} % {each.transport:6} "
            f"{each.unanswered:6,} of {each.rows:,} rows unanswered, {each.wrong} wrong, "
            f"{each.requests:6,} requests, {each.seconds:5.1f} s, {each.ended}"
        )
    kept = {"machine": results.machine(), "runs": [asdict(each) for each in measured]}
    RESULT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
