"""Kills the command again and again until it is done, and counts at the server what that cost.

With the tests a few kills of a small audit. `make journal-kills` ends the command as it is shipped 200
times: `python -m journal.kill_loop 200 --results FILE`.
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

from journal.audit import DONE, SERVER_FAULTS, SHIPPED, SHIPPED_FAST, Audit, End, Size, heed_interrupts, rows
from journal.killed_run import STEPS

HOW = {"SIGKILL": 14, "SIGTERM": 2, "SIGINT": 2, "SIGINT twice": 2}
"""Ways to end a run, and how many of twenty end so."""

EACH = 20
"""Ends of one audit, so that each gets a good way on between two of them."""

DIGESTS_IN_A_PART = 1 << 18
"""`DIGESTS_EACH` of `src/journal/plan.rs`."""

_OFTEN_S = 0.001


@dataclass(frozen=True)
class Course:
    """When things happen in a run that nobody ends: seconds.

    Attributes:
        opened: It has claimed its journal, and begins to read the input.
        written: The plan begins to be written.
        asked: The first call comes in.
        told: The report begins to be written.
        over: The process has ended.
    """

    opened: float
    written: float
    asked: float
    told: float
    over: float


def beside(audit: Audit, suffix: str) -> Path:
    return audit.journal.with_name(audit.journal.name + suffix)


def unfinished(audit: Audit) -> set[Path]:
    """Reports under their temporary names: one that is being written, or what killed runs left of theirs."""
    return set(audit.folder.glob(f".{audit.report.name}.*.part"))


def course(audit: Audit) -> Course:
    """Let a fresh run go to its end and look at when things happen."""
    seen: dict[str, float] = {}
    calls, before = audit.ecr.counters.calls, unfinished(audit)
    begun = time.monotonic()
    signs: dict[str, Callable[[], bool]] = {
        "opened": beside(audit, "-owner").exists,
        "written": beside(audit, "-wal").exists,
        "asked": lambda: audit.ecr.counters.calls > calls,
        "told": lambda: bool(unfinished(audit) - before),
    }
    with audit.start() as run:
        while run.poll() is None:
            for name in [name for name, sign in signs.items() if name not in seen and sign()]:
                seen[name] = time.monotonic() - begun
            pause(_OFTEN_S)
    seen["over"] = time.monotonic() - begun
    # A report so small that nobody saw it being written.
    seen.setdefault("told", seen["over"])
    return Course(**seen)


class Blows:
    """Chooses how and when runs are ended, and ends them.

    Args:
        dice: All chance.
        course: Of a run that nobody ends.
        calls: Calls of such a run.
    """

    def __init__(self, dice: random.Random, course: Course, calls: int) -> None:
        self.dice = dice
        self.course = course
        self.calls = calls

    def how(self) -> str:
        return self.dice.choices(list(HOW), list(HOW.values()))[0]

    def plan(self, ends: int) -> Iterable[str]:
        """When so many runs of one audit are to be ended: at the start, then anywhere, then at the end."""
        starts, last = ends // 4, ends // 5
        yield from self.dice.choices(["input", "plan"], k=starts)
        yield from self.dice.choices(["time", "calls"], k=ends - starts - last)
        yield from self.dice.choices(["report", "rest"], k=last)

    def strike(self, audit: Audit, when: str, how: str) -> bool:
        """Start a run and end it; False if it ended by itself first."""
        with audit.start() as run:
            self._wait(audit, run, when)
            if run.poll() is None:
                self._end(audit, run, how)
            run.wait()
        # Its end may have come in the last moment, so that the blow fell on nothing.
        return run.returncode != DONE

    def _wait(self, audit: Audit, run: subprocess.Popen[bytes], when: str) -> None:
        course, begun, calls = self.course, time.monotonic(), audit.ecr.counters.calls
        if when == "time":
            # From the first import on, but mostly among the calls.
            started = course.asked * (self.dice.random() ** 0.2)
            after(run, started + self.dice.uniform(0, (course.told - course.asked) / 6))
        elif when == "calls":
            goal = calls + self.dice.randrange(1, self.calls // 6)
            until(run, lambda: audit.ecr.counters.calls >= goal)
        elif when == "input":
            until(run, beside(audit, "-owner").exists)
            after(run, self.dice.uniform(0, course.asked - course.opened))
        elif when == "plan":
            # A journal that has its plan has no log before the first answer.
            until(run, lambda: beside(audit, "-wal").exists() or time.monotonic() > begun + course.asked)
            after(run, self.dice.uniform(0, course.asked - course.written))
        elif when == "report":
            before = unfinished(audit)
            until(run, lambda: bool(unfinished(audit) - before))
            after(run, self.dice.uniform(0, course.over - course.told))
        else:
            until(run, beside(audit, "-owner").exists)
            after(run, self.dice.uniform(0, course.asked - course.opened + course.over - course.told))

    def _end(self, audit: Audit, run: subprocess.Popen[bytes], how: str) -> None:
        if how == "SIGINT twice":
            run.send_signal(signal.SIGINT)
            # From its start until there is something to keep, the first one ends it.
            until(run, lambda: b"again leaves at once" in audit.said.read_bytes())
            run.send_signal(signal.SIGINT)
        else:
            run.send_signal(signal.Signals[how])


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def until(run: subprocess.Popen[bytes], sign: Callable[[], bool]) -> None:
    """Wait for a sign of a run, or for its end."""
    while run.poll() is None and not sign():
        pause(_OFTEN_S)


def after(run: subprocess.Popen[bytes], seconds: float) -> None:
    """Let a run go on so long, or to its end."""
    try:
        run.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def journey(audit: Audit, blows: Blows, ends: int) -> list[End]:
    """One audit that is ended some times at random instants, then finished and compared."""
    for when in blows.plan(ends):
        how = blows.how()
        if blows.strike(audit, when, how):
            audit.ended(how, when)
    audit.compare(audit.finish())
    audit.count()
    return audit.ends


def steps(audit: Audit) -> list[End]:
    """One audit that is killed at each named step in turn, then finished and compared.

    At every part of its plan: head, digests, rows and what is no digest; and in more than one group.
    """
    parts = 3 + -(-audit.size.digests // DIGESTS_IN_A_PART)
    for step in STEPS:
        often = {"part": parts, "group": 3, "inserted": 3, "committed": 3}.get(step, 1)
        for times in range(1, often + 1):
            with audit.start(step, times) as run:
                run.wait()
            assert run.returncode == -signal.SIGKILL, (step, times, run.returncode, audit.said.read_text())
            end = audit.ended("SIGKILL", step)
            # Nothing is asked before the plan is whole, and something before there is a group of answers.
            # The first group has none: it is the beginning of the run, which calls need not wait for.
            if STEPS.index(step) <= STEPS.index("ready"):
                assert not end.last_call, end
            elif times > 1 or step in ("closing", "merged"):
                assert end.last_call, end
    audit.compare(audit.finish())
    audit.count()
    for end in audit.ends:
        if end.when in ("closing", "merged"):
            assert end.lost == 0, end
    return audit.ends


def prepare(size: Size, folder: Path, text: str, dice: random.Random) -> tuple[bytes, Blows]:
    """The report of a run that nobody ends, and when things happen in such a run."""
    with Audit(folder, size, text) as audit:
        whole = audit.finish(journal=False)
        calls = audit.ecr.counters.calls
        audit.report.unlink()
        seen = course(audit)
        assert audit.report.read_bytes() == whole
    for file in folder.iterdir():
        file.unlink()
    return whole, Blows(dice, seen, calls)


def summary(ends: list[End], size: Size) -> dict[str, Any]:
    """What they cost."""
    return {
        "ends": len(ends),
        "answers_asked_again": sum(end.lost for end in ends),
        "answers_asked_again_at_most": sum(0 if end.in_peace else size.lost_at_most for end in ends),
        "worst": max((end.lost for end in ends), default=0),
        "worst_allowed": max((0 if end.in_peace else size.lost_at_most for end in ends), default=0),
        "requests_asked_again": sum(end.asked_again for end in ends),
        "whole_reports_found": sum(end.report for end in ends),
        "unfinished_reports_left": sum(end.unfinished for end in ends),
    }


def by(key: Callable[[End], str], ends: list[End], size: Size) -> dict[str, Any]:
    """The same for each kind."""
    kinds = Counter(map(key, ends))
    return {kind: summary([end for end in ends if key(end) == kind], size) for kind in kinds}


def main() -> None:
    parser = argparse.ArgumentParser(description="End the shipped command again and again.")
    parser.add_argument("ends", type=int)
    parser.add_argument("--results", type=Path, help="keep the summary here")
    parser.add_argument("--seed", type=int, default=20261125)
    given = parser.parse_args()
    heed_interrupts()
    from offline.harness.results import machine

    dice, begun = random.Random(given.seed), time.monotonic()
    random_ends: list[End] = []
    text = rows(SHIPPED)
    audits = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepared = {size: prepare(size, folder, text, dice) for size in (SHIPPED, SHIPPED_FAST)}
        while len(random_ends) < given.ends:
            size = (SHIPPED, SHIPPED_FAST)[audits % 2]
            audits += 1
            whole, blows = prepared[size]
            with tempfile.TemporaryDirectory(dir=folder) as own, Audit(Path(own), size, text, whole) as audit:
                random_ends += journey(audit, blows, min(EACH, given.ends - len(random_ends)))
            told = summary(random_ends, SHIPPED)
            say(
                f"{told['ends']} runs ended, {told['answers_asked_again']} answers asked again of "
                f"{told['answers_asked_again_at_most']} allowed, {told['worst']} by the worst"
            )
        with tempfile.TemporaryDirectory(dir=folder) as own:
            whole, _ = prepared[SHIPPED_FAST]
            with Audit(Path(own), SHIPPED_FAST, text, whole) as audit:
                step_ends = steps(audit)
    kept = {
        "machine": machine(),
        "digests": SHIPPED.digests,
        "server_faults": SERVER_FAULTS,
        "latency_ms": SHIPPED.latency_ms,
        "audits": audits,
        "seconds": round(time.monotonic() - begun, 1),
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
