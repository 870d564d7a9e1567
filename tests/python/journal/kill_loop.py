"""Ends the command early again and again until it is done, and counts the cost at the server.

The tests end a small run a few times. `make journal-kills` ends the shipped command 200 times:
`python -m journal.kill_loop 200 --results FILE`.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journal.interrupted_runs import (
    DONE,
    SERVER_FAULTS,
    SHIPPED,
    SHIPPED_FAST,
    End,
    InterruptedRuns,
    Size,
    accept_interrupts,
    rows,
)
from journal.killed_run import STEPS

SIGNALS = {"SIGKILL": 14, "SIGTERM": 2, "SIGINT": 2, "SIGINT twice": 2}
"""Signals that end a run, and how many of twenty runs get each."""

ENDS_IN_A_FOLDER = 20
"""Early ends in one folder. A small number, so that the check makes progress between two ends."""

DIGESTS_IN_A_PART = 1 << 18
"""`DIGESTS_EACH` of `src/journal/plan_parts.rs`."""

_POLL_S = 0.001


@dataclass(frozen=True)
class Timeline:
    """The steps of an uninterrupted run, in seconds after its start.

    Attributes:
        locked: It has locked its journal, and starts to read the input.
        plan_written: It starts to write the plan.
        first_call: The server receives its first call.
        report_written: It starts to write the report.
        ended: The process has ended.
    """

    locked: float
    plan_written: float
    first_call: float
    report_written: float
    ended: float


def beside(runs: InterruptedRuns, suffix: str) -> Path:
    return runs.journal.with_name(runs.journal.name + suffix)


def unfinished(runs: InterruptedRuns) -> set[Path]:
    """Unfinished reports under their temporary names, of a running run and of killed runs."""
    return set(runs.folder.glob(f".{runs.report.name}.*.part"))


def measure_timeline(runs: InterruptedRuns) -> Timeline:
    """Run the command to its end, and measure when each step happens."""
    seen: dict[str, float] = {}
    calls, before = runs.ecr.counters.calls, unfinished(runs)
    started_at = time.monotonic()
    signs: dict[str, Callable[[], bool]] = {
        "locked": beside(runs, "-owner").exists,
        "plan_written": beside(runs, "-wal").exists,
        "first_call": lambda: runs.ecr.counters.calls > calls,
        "report_written": lambda: bool(unfinished(runs) - before),
    }
    with runs.start() as run:
        while run.poll() is None:
            for name in [name for name, sign in signs.items() if name not in seen and sign()]:
                seen[name] = time.monotonic() - started_at
            pause(_POLL_S)
    seen["ended"] = time.monotonic() - started_at
    # A small report can be written between two looks.
    seen.setdefault("report_written", seen["ended"])
    return Timeline(**seen)


class Interrupter:
    """Chooses how and when to end runs, and ends them.

    Args:
        rng: The source of all random choices.
        timeline: The timeline of an uninterrupted run.
        calls: The calls of an uninterrupted run.
    """

    def __init__(self, rng: random.Random, timeline: Timeline, calls: int) -> None:
        self.rng = rng
        self.timeline = timeline
        self.calls = calls

    def pick_signal(self) -> str:
        return self.rng.choices(list(SIGNALS), list(SIGNALS.values()))[0]

    def instants(self, ends: int) -> Iterable[str]:
        """The instants of so many early ends in one folder: at the start, then anywhere, then at the end."""
        starts, last = ends // 4, ends // 5
        yield from self.rng.choices(["input", "plan"], k=starts)
        yield from self.rng.choices(["time", "calls"], k=ends - starts - last)
        yield from self.rng.choices(["report", "rest"], k=last)

    def interrupt(self, runs: InterruptedRuns, when: str, how: str) -> bool:
        """Start a run and end it early; False if it ended by itself first."""
        with runs.start() as run:
            self._wait(runs, run, when)
            if run.poll() is None:
                self._end(runs, run, how)
            run.wait()
        # The run may have ended by itself just before the signal.
        return run.returncode != DONE

    def _wait(self, runs: InterruptedRuns, run: subprocess.Popen[bytes], when: str) -> None:
        timeline, started_at, calls = self.timeline, time.monotonic(), runs.ecr.counters.calls
        if when == "time":
            # At any time from the first import on, but mostly during the calls.
            started = timeline.first_call * (self.rng.random() ** 0.2)
            after(run, started + self.rng.uniform(0, (timeline.report_written - timeline.first_call) / 6))
        elif when == "calls":
            goal = calls + self.rng.randrange(1, self.calls // 6)
            until(run, lambda: runs.ecr.counters.calls >= goal)
        elif when == "input":
            until(run, beside(runs, "-owner").exists)
            after(run, self.rng.uniform(0, timeline.first_call - timeline.locked))
        elif when == "plan":
            # If the journal has its plan already, it has no log before the first answer.
            until(
                run,
                lambda: beside(runs, "-wal").exists() or time.monotonic() > started_at + timeline.first_call,
            )
            after(run, self.rng.uniform(0, timeline.first_call - timeline.plan_written))
        elif when == "report":
            before = unfinished(runs)
            until(run, lambda: bool(unfinished(runs) - before))
            after(run, self.rng.uniform(0, timeline.ended - timeline.report_written))
        else:
            until(run, beside(runs, "-owner").exists)
            after(
                run,
                self.rng.uniform(
                    0, timeline.first_call - timeline.locked + timeline.ended - timeline.report_written
                ),
            )

    def _end(self, runs: InterruptedRuns, run: subprocess.Popen[bytes], how: str) -> None:
        if how == "SIGINT twice":
            run.send_signal(signal.SIGINT)
            # Until the run has something to keep, the first signal ends it.
            until(run, lambda: b"again leaves at once" in runs.output.read_bytes())
            run.send_signal(signal.SIGINT)
        else:
            run.send_signal(signal.Signals[how])


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def until(run: subprocess.Popen[bytes], sign: Callable[[], bool]) -> None:
    """Wait until `sign` is true or the run has ended."""
    while run.poll() is None and not sign():
        pause(_POLL_S)


def after(run: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait so long, or until the run has ended."""
    try:
        run.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def end_at_random_instants(runs: InterruptedRuns, interrupter: Interrupter, ends: int) -> list[End]:
    """End a run some times at random instants, then finish it, compare its report and count its calls."""
    for when in interrupter.instants(ends):
        how = interrupter.pick_signal()
        if interrupter.interrupt(runs, when, how):
            runs.record_end(how, when)
    runs.compare(runs.finish())
    runs.count()
    return runs.ends


def kill_at_each_step(runs: InterruptedRuns) -> list[End]:
    """Kill a run at each named step in turn, then finish it, compare its report and count its calls.

    The kills cover every part of the plan (head, digests, rows, rejects) and more than one group.
    """
    parts = 3 + -(-runs.size.digests // DIGESTS_IN_A_PART)
    for step in STEPS:
        often = {"part": parts, "group": 3, "inserted": 3, "committed": 3}.get(step, 1)
        for times in range(1, often + 1):
            with runs.start(step, times) as run:
                run.wait()
            assert run.returncode == -signal.SIGKILL, (step, times, run.returncode, runs.output.read_text())
            end = runs.record_end("SIGKILL", step)
            # A run asks nothing before the plan is whole, and something before the first group of answers.
            # Only the first group may come before any call, because it is the start of the run.
            if STEPS.index(step) <= STEPS.index("ready"):
                assert not end.last_call, end
            elif times > 1 or step in ("closing", "merged"):
                assert end.last_call, end
    runs.compare(runs.finish())
    runs.count()
    for end in runs.ends:
        if end.when in ("closing", "merged"):
            assert end.lost == 0, end
    return runs.ends


def prepare(size: Size, folder: Path, text: str, rng: random.Random) -> tuple[bytes, Interrupter]:
    """The report of an uninterrupted run, and an `Interrupter` with its timeline."""
    with InterruptedRuns(folder, size, text) as runs:
        expected = runs.finish(journal=False)
        calls = runs.ecr.counters.calls
        runs.report.unlink()
        timeline = measure_timeline(runs)
        assert runs.report.read_bytes() == expected
    for file in folder.iterdir():
        file.unlink()
    return expected, Interrupter(rng, timeline, calls)


def summary(ends: list[End], size: Size) -> dict[str, Any]:
    """The cost of these ends."""
    return {
        "ends": len(ends),
        "answers_asked_again": sum(end.lost for end in ends),
        "answers_asked_again_at_most": sum(0 if end.is_graceful else size.lost_at_most for end in ends),
        "worst": max((end.lost for end in ends), default=0),
        "worst_allowed": max((0 if end.is_graceful else size.lost_at_most for end in ends), default=0),
        "requests_asked_again": sum(end.asked_again for end in ends),
        "whole_reports_found": sum(end.report for end in ends),
        "unfinished_reports_left": sum(end.unfinished for end in ends),
    }


def by(key: Callable[[End], str], ends: list[End], size: Size) -> dict[str, Any]:
    """The cost of each kind of end."""
    kinds = Counter(map(key, ends))
    return {kind: summary([end for end in ends if key(end) == kind], size) for kind in kinds}


def main() -> None:
    parser = argparse.ArgumentParser(description="End the shipped command early again and again.")
    parser.add_argument("ends", type=int)
    parser.add_argument("--results", type=Path, help="file for the summary")
    parser.add_argument("--seed", type=int, default=20261125)
    given = parser.parse_args()
    accept_interrupts()
    from offline.harness.results import machine

    rng, started_at = random.Random(given.seed), time.monotonic()
    random_ends: list[End] = []
    text = rows(SHIPPED)
    folders = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepared = {size: prepare(size, folder, text, rng) for size in (SHIPPED, SHIPPED_FAST)}
        while len(random_ends) < given.ends:
            size = (SHIPPED, SHIPPED_FAST)[folders % 2]
            folders += 1
            expected, interrupter = prepared[size]
            with (
                tempfile.TemporaryDirectory(dir=folder) as own,
                InterruptedRuns(Path(own), size, text, expected) as runs,
            ):
                random_ends += end_at_random_instants(
                    runs, interrupter, min(ENDS_IN_A_FOLDER, given.ends - len(random_ends))
                )
            total = summary(random_ends, SHIPPED)
            say(
                f"{total['ends']} runs ended, {total['answers_asked_again']} answers asked again of "
                f"{total['answers_asked_again_at_most']} allowed, {total['worst']} by the worst end"
            )
        with tempfile.TemporaryDirectory(dir=folder) as own:
            expected, _ = prepared[SHIPPED_FAST]
            with InterruptedRuns(Path(own), SHIPPED_FAST, text, expected) as runs:
                step_ends = kill_at_each_step(runs)
    kept = {
        "machine": machine(),
        "digests": SHIPPED.digests,
        "server_faults": SERVER_FAULTS,
        "latency_ms": SHIPPED.latency_ms,
        "audits": folders,
        "seconds": round(time.monotonic() - started_at, 1),
        "random": summary(random_ends, SHIPPED),
        "by_signal": by(lambda end: end.how, random_ends, SHIPPED),
        "by_instant": by(lambda end: end.when, random_ends, SHIPPED),
        "steps": by(lambda end: end.when, step_ends, SHIPPED),
    }
    document = json.dumps(kept, indent=1) + "\n"
    if given.results is not None:
        given.results.write_text(document)
    say(document)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
