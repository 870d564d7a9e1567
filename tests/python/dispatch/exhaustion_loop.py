"""Takes descriptors, memory or threads away from running checks, and looks at what they leave behind.

`make exhaustion` does it to 1,000 checks: `python -m dispatch.exhaustion_loop 1000`. Everything is
drawn from a seed: the resource, how much of it is left, after how many answers, the transport, the function
that checks, a journal or none, rows in memory or in a file.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import layercheck as lc
from dispatch.exhausted_run import DOORS, LIMITS, Order
from fake_account import digests
from layercheck.dispatch.transport.selection import NAMES
from layercheck.testing import Fault, LocalEcr

HANG_S = 120.0
"""A child that runs longer hangs; without a shortage one takes a second, and its own limits are some ten."""

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYTHONPATH": str(Path(__file__).parents[1]),
}

FAULTS = {"server_error": 0.05, "disconnect": 0.05}
"""Kind of fault to its probability, so that runs need new connections and ask again."""


@dataclass(frozen=True)
class End:
    """How one child ended.

    Attributes:
        order: What it was told.
        kind: `report`, `exception with report`, `exception before any answer`, `killed by a signal`, `failed`
            or `hang`.
        what: How the run ended, the exception, or the end of standard error.
        problems: What was wrong; nothing in a run that keeps its promise.
    """

    order: Order
    kind: str
    what: str
    problems: list[str] = field(default_factory=list)


def draw(rng: random.Random, endpoint: str, folder: Path) -> Order:
    """An order for one child, in a folder of its own."""
    rows = rng.choice([300, 3000, 20_000])
    short = rng.choice(list(LIMITS))
    left = {
        "files": rng.randrange(-12, 6),
        "memory": int(2 ** rng.uniform(10, 27)),
        "threads": rng.randrange(6),
    }[short]
    after = rng.choice([-1, 0, rng.randrange(1, rows // 100 + 1), rng.randrange(1, rows // 100 + 1)])
    door = rng.choice(DOORS)
    file = journal = None
    if door != "stream":
        file = str(folder.parent / f"rows-{rows}") if rng.random() < 0.4 else None
        journal = str(folder / "journal") if rng.random() < 0.4 else None
    return Order(
        endpoint,
        rows=rows,
        door=door,
        transport=rng.choice(NAMES),
        journal=journal,
        file=file,
        after=after,
        short=short,
        left=left,
        timeout_s=rng.choice([2.0, 5.0]) if door != "stream" else None,
        in_flight=rng.choice([1, 4, 16]),
    )


def end_of(order: Order) -> End:
    """Run a child, and classify its end."""
    command = [sys.executable, "-m", "dispatch.exhausted_run", json.dumps(asdict(order))]
    environment = {**os.environ, **ENVIRONMENT}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            out, err = child.communicate(timeout=HANG_S)
        except subprocess.TimeoutExpired:
            child.kill()
            return End(order, "hang", child.communicate()[1].decode()[-2000:], ["it did not end"])
    told = err.decode(errors="replace")
    if child.returncode < 0:
        problems = [f"signal {-child.returncode}"]
        return End(order, "killed by a signal", told[-300:], problems)
    if child.returncode or not out:
        return End(order, "failed", told[-2000:], [f"exit code {child.returncode}"])
    found = json.loads(out)
    if not found["raised"]:
        return End(order, "report", found["ended"], found["problems"])
    kind = "exception with report" if found["report"] else "exception before any answer"
    return End(order, kind, f"{found['raised']}: {found['message']}", found["problems"])


def resumed(order: Order) -> list[str]:
    """Check once more with the journal, and nothing short; return what is wrong with its report."""
    if order.journal is None:
        return []
    texts = digests(order.rows)
    try:
        with lc.Checker("app", endpoint_url=order.endpoint, rate="max") as checker:
            report = checker.check(texts, journal=order.journal)
    except lc.LayercheckError as error:
        return [f"the journal cannot be resumed: {error}"]
    right = [lc.Verdict.AVAILABLE if int(text[-1], 16) % 2 == 0 else lc.Verdict.UNAVAILABLE for text in texts]
    return [] if report.verdicts.tolist() == right else [f"the resumed report has {report.counts}"]


def run_one(seed: int, endpoint: str, folder: Path) -> End:
    own = folder / str(seed)
    own.mkdir(mode=0o777)
    own.chmod(0o777)
    order = draw(random.Random(seed), endpoint, own)
    end = end_of(order)
    return End(end.order, end.kind, end.what, [*end.problems, *resumed(order)])


@contextmanager
def server() -> Iterator[str]:
    """The endpoint of a server that holds the even digests and fails one call in ten."""
    faults = [Fault(kind, probability=part) for kind, part in FAULTS.items()]  # type: ignore[arg-type]
    with LocalEcr(("app",), faults=faults, seed=7) as ecr:
        ecr.set_rule("app", "even")
        yield ecr.endpoint_url


def run_all(seeds: range, *, workers: int = 3, show: bool = False) -> list[End]:
    """The ends of the children with these seeds."""
    os.environ.update(ENVIRONMENT)
    ends: list[End] = []
    with tempfile.TemporaryDirectory() as name, server() as endpoint:
        folder = Path(name)
        folder.chmod(0o755)
        for rows in (300, 3000, 20_000):
            (folder / f"rows-{rows}").write_text("\n".join(digests(rows)) + "\n")
        lock = threading.Lock()

        def one(seed: int) -> None:
            end = run_one(seed, endpoint, folder)
            with lock:
                ends.append(end)
                if show and end.problems:
                    say(f"seed {seed}: {end.kind}: {end.problems}\n  {end.what}\n  {end.order}")
                if show and len(ends) % 50 == 0:
                    say(f"{len(ends)} children: {dict(Counter(each.kind for each in ends))}")

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, seeds))
    return ends


def summary(ends: list[End]) -> dict[str, Any]:
    """Counts by kind, and by resource."""
    shorts = {short: [end for end in ends if end.order.short == short] for short in LIMITS}
    return {
        "children": len(ends),
        "with_a_problem": sum(bool(end.problems) for end in ends),
        "kinds": dict(Counter(end.kind for end in ends)),
        "by_resource": {short: dict(Counter(end.kind for end in of)) for short, of in shorts.items()},
        "reports": dict(Counter(end.what for end in ends if end.kind == "report")),
        "exceptions": dict(
            Counter(end.what.partition(":")[0] for end in ends if end.kind.startswith("exception"))
        ),
        "with_a_journal": sum(end.order.journal is not None for end in ends),
    }


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description="Take descriptors, memory and threads away from checks.")
    parser.add_argument("children", type=int)
    parser.add_argument("--results", type=Path, help="file for the summary")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; each child has the next")
    given = parser.parse_args()
    started_at = time.monotonic()
    ends = run_all(range(given.seed, given.seed + given.children), show=True)
    kept = {"seconds": round(time.monotonic() - started_at, 1), "first_seed": given.seed, **summary(ends)}
    if given.results is not None:
        from offline.harness.results import machine

        kept = {"machine": machine(), **kept}
        given.results.write_text(json.dumps(kept, indent=1) + "\n")
    say(json.dumps(kept, indent=1))
    sys.exit(1 if kept["with_a_problem"] else 0)


if __name__ == "__main__":
    main()
