"""Kills a run again and again until it is done, and counts at the server what that cost.

With the tests a few kills; `make journal-kills` does it 200 times:
`python -m journal.kill_loop 200`.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import layercheck as lc
from journal import killed_run
from layercheck.testing import Fault, LocalEcr

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYTHONPATH": str(Path(__file__).parents[1]),
}


@dataclass
class Cost:
    """What a journey with kills cost.

    Attributes:
        kills: Times it was killed.
        repeated: Batches that were answered again.
        in_flight: Calls that were under way when it was killed, at most.
    """

    kills: int = 0
    repeated: int = 0

    @property
    def allowed(self) -> int:
        """What the journal promises: what was in flight plus one group that was not committed, per kill."""
        return self.kills * (killed_run.SLOTS + killed_run.UNSAVED)


def server() -> LocalEcr:
    """Half of the digests, and one call in twenty fails."""
    faults = [Fault("server_error", probability=0.03), Fault("disconnect", probability=0.02)]
    ecr = LocalEcr(("app",), faults=faults, seed=7, latency_ms=1, log_calls=100_000)
    ecr.set_rule("app", "fraction", fraction=0.5)
    return ecr


def start(ecr: LocalEcr, journal: Path, *step: str) -> subprocess.Popen[bytes]:
    """The run in a process of its own."""
    command = [sys.executable, "-m", "journal.killed_run", ecr.endpoint_url, str(journal), *step]
    return subprocess.Popen(command, env={**os.environ, **ENVIRONMENT})


def kill_after(ecr: LocalEcr, journal: Path, calls: int) -> bool:
    """Start the run, and kill it when the server has had so many calls of it; False if it ended first."""
    goal = ecr.counters.calls + calls
    with start(ecr, journal) as run:
        while run.poll() is None and ecr.counters.calls < goal:
            # The server counts; there is nothing to be told by.
            os.sched_yield()
        run.kill()
    return run.returncode != 0


def kill_at(ecr: LocalEcr, journal: Path, step: str, times: int) -> bool:
    """Start the run, which kills itself at a step; False if it ended before it came there."""
    with start(ecr, journal, step, str(times)) as run:
        run.wait()
    return run.returncode != 0


def sound(journal: Path) -> bool:
    """SQLite finds nothing wrong."""
    if not journal.exists():
        return True
    base = sqlite3.connect(journal)
    try:
        return base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        base.close()


def answered_again(ecr: LocalEcr) -> int:
    """Batches that the server answered more than once."""
    answered = Counter(call.digests[0] for call in ecr.calls if call.outcome == "answered")
    return sum(answered.values()) - len(answered)


def expected(ecr: LocalEcr) -> list[dict[str, object]]:
    """The report of a run that nobody interrupts."""
    report = lc.check(killed_run.rows(), "app", client=ecr.client(), rate="max")
    return report.table().lines(0, report.rows)


def finish(ecr: LocalEcr, journal: Path) -> None:
    """Let the run come to its end."""
    with start(ecr, journal) as run:
        run.wait()
    assert run.returncode == 0


def found(journal: Path) -> list[dict[str, object]]:
    """What the journal says in the end."""
    with lc.Journal(journal) as opened:
        assert opened.verify() == []
        report = opened.report()
    assert report.complete
    return report.table().lines(0, report.rows)


def journey(kills: int, dice: random.Random, journal: Path) -> Cost:
    """One audit that is killed some times at random instants, then finished and compared."""
    cost = Cost()
    with server() as ecr:
        while cost.kills < kills and kill_after(ecr, journal, dice.randrange(1, 120)):
            cost.kills += 1
            assert sound(journal)
        finish(ecr, journal)
        cost.repeated = answered_again(ecr)
        ecr.set_faults([])
        assert found(journal) == expected(ecr)
    assert cost.repeated <= cost.allowed, cost
    return cost


def main(kills: int) -> None:
    total = Cost()
    dice = random.Random(20261125)
    while total.kills < kills:
        with tempfile.TemporaryDirectory() as folder:
            cost = journey(min(10, kills - total.kills), dice, Path(folder) / "audit.journal")
        total.kills += cost.kills
        total.repeated += cost.repeated
        sys.stdout.write(
            f"{total.kills} kills, {total.repeated} batches repeated of {total.allowed} allowed\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
