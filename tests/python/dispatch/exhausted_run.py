"""A check in a process of its own, which loses a resource, or its imports, after some answers.

`python -m dispatch.exhausted_run '{"endpoint": ..., "door": ..., ...}'` prints one JSON object: how the check
ended, and what was wrong with what it left behind. The keys are those of `Order`.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import gc
import importlib
import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import layercheck as lc
from fake_account import digests
from layercheck.cli import main as layercheck
from layercheck.dispatch import checker, connection
from layercheck.dispatch.outcome import Answer, Outcome
from layercheck.dispatch.schedule.execution import Execution
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy

DOORS = ("check", "checker", "submit", "async", "stream")
BLOCK_ROWS = 1_000_000
"""Rows of a block of a stream: all rows, so that its one report is that of the run."""

QUICK = Limits(
    retry=RetryPolicy(back_off_base_s=0.001, back_off_cap_s=0.02),
    tick_s=0.01,
    grace_s=0.5,
    timeout_grace_s=0.1,
    stall_s=3.0,
    call_deadline_s=10.0,
)
LIMITS = {"files": resource.RLIMIT_NOFILE, "memory": resource.RLIMIT_AS, "threads": resource.RLIMIT_AS}
"""What can be short, and by which limit. The system does not count the threads of root, so that threads are
short by the address space for their stacks, which are very large then."""

STACK = 1 << 30
"""Bytes of a stack where threads are short."""


@dataclass(frozen=True)
class Order:
    """What to do.

    Attributes:
        endpoint: Where to ask.
        rows: Number of digests; the repository has those that end in an even digit.
        door: Which function of the package checks: one of `DOORS`.
        transport: The transport.
        journal: Path of the journal, or None.
        file: Read the rows from this file, or None.
        after: Answers after which the resource is short; -1 is before the plan is made.
        short: Key of `LIMITS`, or None.
        left: How much of it is left: files (below zero: fewer than are open), bytes or threads.
        imports: Whether to record the imports from that instant on, and refuse them.
        end: What ends the run then: `cancel`, `interrupt`, `journal` (it cannot be written), or empty.
        timeout_s: Most seconds of the run.
        in_flight: Calls at once.
    """

    endpoint: str
    rows: int = 3000
    door: str = "checker"
    transport: str = "native"
    journal: str | None = None
    file: str | None = None
    after: int = 1
    short: str | None = None
    left: int = 0
    imports: bool = False
    end: str = ""
    timeout_s: float | None = None
    in_flight: int = 4


@dataclass
class Found:
    """What came of it, as printed."""

    ended: str = ""
    raised: str = ""
    message: str = ""
    report: bool = False
    complete: bool = False
    answered: int = 0
    counted: int = 0
    problems: list[str] = field(default_factory=list)
    imported: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class RefusedImports:
    """A finder that notes and refuses every import of a module that is not loaded."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        self.names.append(name)
        raise ModuleNotFoundError(f"{name} was imported late", name=name)


class Shortage:
    """Makes the resource short after so many answers."""

    def __init__(self, order: Order, found: Found) -> None:
        self.order = order
        self.found = found
        self.answers = 0
        self.lock = threading.Lock()
        self.begun = threading.Event()
        # Made before, because there may be no memory for it later.
        self.finder: Any = RefusedImports(found.imported)
        self.limits = {number: resource.getrlimit(number) for number in LIMITS.values()}

    def answered(self) -> None:
        with self.lock:
            self.answers += 1
            if self.answers == max(self.order.after, 1) and self.order.after >= 0:
                self.begin()

    def begin(self) -> None:
        order = self.order
        if order.imports:
            sys.meta_path.insert(0, self.finder)
        if order.short is not None:
            limit = LIMITS[order.short]
            resource.setrlimit(limit, (allowed(order), self.limits[limit][1]))
        if order.end == "journal":
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        if order.end == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        self.begun.set()

    def end(self) -> None:
        for limit, values in self.limits.items():
            resource.setrlimit(limit, values)
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(self.finder)


class CountedTransport:
    """A transport that tells of each answer."""

    def __init__(self, inner: Any, answered: Callable[[], None]) -> None:
        self.inner = inner
        self.answered = answered

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, *args: Any, **named: Any) -> Any:
        answer = self.inner(*args, **named)
        self.answered()
        return answer


def allowed(order: Order) -> int:
    """The limit that leaves as much as the order says."""
    if order.short == "files":
        return max(3, max(map(int, os.listdir("/proc/self/fd"))) + order.left)  # noqa: PTH208
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return used + (STACK // 2 + order.left * (STACK + (1 << 20)) if order.short == "threads" else order.left)


class Rows:
    """The rows, and which answers are right."""

    def __init__(self, order: Order) -> None:
        self.texts = digests(order.rows)
        self.input: Any = self.texts if order.file is None else Path(order.file)
        self.held = [int(text[-1], 16) % 2 == 0 for text in self.texts]

    def problems(self, report: lc.Report, counted: int) -> Iterator[str]:
        """What is wrong with a report."""
        codes = report.verdicts.tolist()
        if len(codes) != len(self.texts) or sum(report.counts.values()) != len(codes):
            yield f"{len(codes)} rows and {report.counts} of {len(self.texts)}"
        right = {True: lc.Verdict.AVAILABLE, False: lc.Verdict.UNAVAILABLE}
        unknown = (lc.Verdict.UNANSWERED, lc.Verdict.NOT_CHECKED)
        wrong = [
            (row, code)
            for row, (code, held) in enumerate(zip(codes, self.held, strict=False))
            if code != right[held] and code not in unknown
        ]
        if wrong:
            yield f"wrong verdicts: {wrong[:3]}"
        if answers_in(report.unique_counts) < counted:
            yield f"{counted} answers were counted, and the report has {report.unique_counts}"


def answers_in(counts: dict[str, int]) -> int:
    return counts["available"] + counts["unavailable"]


class Check:
    """One check, by one of the entry points."""

    def __init__(self, order: Order, rows: Rows, shortage: Shortage) -> None:
        self.order, self.rows, self.shortage = order, rows, shortage
        self.counted = 0
        self.place: dict[str, Any] = {
            "endpoint_url": order.endpoint,
            "transport": order.transport,
            "rate": "max",
            "max_in_flight": order.in_flight,
        }
        self.how: dict[str, Any] = {
            "journal": order.journal,
            "timeout_s": order.timeout_s,
            "progress": self._count,
        }

    def __call__(self) -> lc.Report:
        door: Callable[[], lc.Report] = getattr(self, f"_{self.order.door}")
        return door()

    def _count(self, progress: lc.Progress) -> None:
        self.counted = max(self.counted, answers_in(progress.counts))

    def _check(self) -> lc.Report:
        return lc.check(self.rows.input, "app", **self.place, **self.how)

    def _checker(self) -> lc.Report:
        with lc.Checker("app", **self.place, _limits=QUICK) as checker:
            return checker.check(self.rows.input, **self.how)

    def _submit(self) -> lc.Report:
        with lc.Checker("app", **self.place, _limits=QUICK) as checker:
            run = checker.submit(self.rows.input, **self.how)
            if self.order.end == "cancel":
                self.shortage.begun.wait(60)
                run.cancel()
            return run.result()

    def _async(self) -> lc.Report:
        async def check() -> lc.Report:
            async with lc.Checker("app", **self.place, _limits=QUICK) as checker:
                return await checker.check_async(self.rows.input, **self.how)

        # Not `asyncio.run`, which starts a thread of its own at the end, and loses the result if it cannot.
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(check())
        finally:
            loop.close()

    def _stream(self) -> lc.Report:
        with lc.Checker("app", **self.place, _limits=QUICK) as checker:
            (answer,) = checker.stream(self.rows.texts, block_rows=BLOCK_ROWS)
            return answer.report


def run(order: Order) -> Found:
    """Check, lose the resource, get it back, and look at what is there."""
    found = Found()
    rows = Rows(order)
    shortage = Shortage(order, found)
    lose_after_answers(shortage)
    check = Check(order, rows, shortage)
    report: lc.Report | None = None
    raised: BaseException | None = None
    try:
        if order.after < 0:
            shortage.begin()
        report = check()
    except BaseException as error:  # noqa: BLE001 (whatever it is, the parent looks at it)
        raised = error
    shortage.end()
    gc.collect()
    if raised is not None:
        found.raised = type(raised).__name__
        found.message = str(raised)[:300]
        report = getattr(raised, "report", None)
        if report is None and getattr(raised, "answers", None):
            report = raised.answers[0].report  # type: ignore[attr-defined]
    found.counted = check.counted
    if report is not None:
        found.report, found.complete = True, report.complete
        found.ended = report.stats.ended
        found.answered = answers_in(report.unique_counts)
        found.errors = sorted({each.message for each in report.errors})[:5]
        found.problems += rows.problems(report, check.counted)
    elif check.counted:
        found.problems.append(f"{check.counted} answers were counted, and there is no report")
    return found


def run_command(order: Order) -> Found:
    """Do the same with the command, which writes its report beside its input; `ended` is its exit code."""
    assert order.file is not None
    found = Found()
    rows = Rows(order)
    shortage = Shortage(order, found)
    lose_after_answers(shortage)
    report = Path(order.file).with_suffix(".csv")
    command = ["check", "app", order.file, "--endpoint-url", order.endpoint, "--rate", "max"]
    command += ["-o", str(report), *(["--journal", order.journal] if order.journal else [])]
    with contextlib.redirect_stdout(sys.stderr):
        found.ended = str(int(layercheck(command)))
    shortage.end()
    found.report = report.exists()
    if found.report:
        with report.open() as file:
            verdicts = [line["verdict"] for line in csv.DictReader(file)]
        right = {True: "available", False: "unavailable"}
        found.complete = verdicts == [right[held] for held in rows.held]
        found.answered = sum(verdict in right.values() for verdict in verdicts)
    return found


class CountedAnswers:
    """A subscriber that tells of the answers which the core merged."""

    def __init__(self, answered: Callable[[], None]) -> None:
        self.answered = answered

    def record(self, outcome: Outcome) -> None:
        """The transport tells of these."""

    def record_answers(self, answers: Sequence[Answer]) -> None:
        for _ in answers:
            self.answered()


def lose_after_answers(shortage: Shortage) -> None:
    """Let the transports and runs of this process tell of each answer."""
    vars(checker)["Execution"] = partial(Execution, subscribers=[CountedAnswers(shortage.answered)])
    choose: Any = vars(connection)["choose"]
    vars(connection)["choose"] = lambda *args, **named: CountedTransport(
        choose(*args, **named), shortage.answered
    )


def main() -> None:
    # The verdicts of a report need numpy. And Python 3.11 may hang in an import, such as that of boto3, if it
    # has no memory: nothing of a run exists then, and layercheck can do nothing about it.
    for name in ("numpy", "boto3"):
        importlib.import_module(name)
    order = Order(**json.loads(sys.argv[1]))
    if order.short == "threads":
        threading.stack_size(STACK)
    found = run_command(order) if order.door == "command" else run(order)
    sys.stdout.write(json.dumps(found.__dict__) + "\n")


if __name__ == "__main__":
    main()
