"""Defines cases and runs them: contenders interleaved, each answer checked before its time counts."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offline.data import adversarial_keys, datasets
from offline.data.datasets import Mix
from offline.harness import measure
from offline.harness.expected import Answer
from offline.harness.measure import Task, Trial

TIMEOUT_S = 600.0
READY_BYTES = 400
"""Bytes for each row that a process uses and frees to have memory ready; polars takes some 220 for a plan."""

OURS = "layercheck"


@dataclass(frozen=True)
class Setting:
    """The circumstances in which cases are run.

    Attributes:
        folder: Folder of the generated inputs.
        most_rows: Most rows of an input; None for the sizes that the cases name.
        rounds: Trials of every contender.
        endpoint_url: Returns the address of the local endpoint; the first call starts it.
    """

    folder: Path
    most_rows: int | None
    rounds: int
    endpoint_url: Callable[[], str]

    def rows(self, rows: int) -> int:
        """`rows`, or `most_rows` if that is less."""
        return rows if self.most_rows is None else min(rows, self.most_rows)


@dataclass(frozen=True)
class Given:
    """A source for `input_forms`, its number of rows, and its true answer if that is known."""

    source: dict[str, Any]
    rows: int
    truth: Answer | None = None


Source = Callable[[Setting], Given]


@dataclass(frozen=True)
class Contender:
    """One line of a table.

    Attributes:
        name: Name of the line.
        module: Module of `offline.contenders` that does the job.
        note: What a reader must know to compare.
        source: Its own input, in a case that compares inputs.
        cores: CPU cores it may use; None for all.
        watch_lock: Let another Python thread count during the job.
        missing: Why this build cannot run it; empty if it can.
    """

    name: str
    module: str
    note: str = ""
    source: Source | None = None
    cores: int | None = None
    watch_lock: bool = False
    missing: str = ""


@dataclass(frozen=True)
class Bar:
    """A figure that the first contender must reach.

    Attributes:
        at_least: The figure; a unit of cost makes it an upper limit.
        aim: The figure that we hope for.
        peer: The contender to compare with; None for an absolute figure.
        unit: `x`, times as fast as the peer; `s more than` the peer; `s` alone; a rate such as `rows/s`;
            `x slowest`, the slowest contender's time divided by the first one's; or `B a digest`, peak
            memory beyond the input and 8 bytes a row, divided by the number of unique digests.
    """

    at_least: float
    aim: float
    peer: str | None = None
    unit: str = "x"


@dataclass(frozen=True)
class Case:
    """One job that several contenders do.

    Attributes:
        name: Name of the group and heading of its table.
        form: The job, by its name in `input_forms`.
        source: The input of all contenders.
        contenders: The lines; the tables compare the others with the first.
        bars: Figures that the first contender must reach.
        agree: Whether all answers must be the same; False in a case that compares inputs.
        rounds: Trials of every contender; None for the usual number.
        unit: Word for a row of the input.
        headline: Whether the published table shows it.
        memory_ready: Whether the process uses and frees memory just before the job. A virtual machine that
            gives free memory back to its host takes 2 ms to get a megabyte again, longer than most jobs take
            for the rest, and what ran a second ago decides whether it must.
    """

    name: str
    form: str
    source: Source
    contenders: tuple[Contender, ...]
    bars: tuple[Bar, ...] = ()
    agree: bool = True
    rounds: int | None = None
    unit: str = "row"
    headline: bool = False
    memory_ready: bool = False


@dataclass
class Record:
    """The trials of one contender, and why it was stopped, if it was."""

    given: Given
    trials: list[Trial] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    problem: list[str] = field(default_factory=list)


def text(mix: Mix) -> Source:
    """Source of a text file with this mix."""

    def given(setting: Setting) -> Given:
        made = datasets.text_file(setting.folder, mix.capped(setting.most_rows))
        return Given({"path": str(made.path)}, made.mix.rows, made.truth)

    return given


def raw(mix: Mix) -> Source:
    """Source of raw digests with this mix."""

    def given(setting: Setting) -> Given:
        capped = mix.capped(setting.most_rows)
        return Given(dataclasses.asdict(capped), capped.rows, datasets.raw_digests(capped)[1])

    return given


def crafted(pattern: str, rows: int) -> Source:
    """Source of raw digests that follow a pattern."""

    def given(setting: Setting) -> Given:
        fewer = setting.rows(rows)
        return Given({"pattern": pattern, "rows": fewer}, fewer, adversarial_keys.truth(pattern, fewer))

    return given


def with_memory_ready(case: Case) -> Case:
    """The same job with memory that the process used and freed just before."""
    return dataclasses.replace(case, name=f"{case.name}, memory ready", memory_ready=True, headline=False)


def plain(rows: int = 1, **source: Any) -> Source:
    """Source that is used as given."""
    return lambda setting: Given(source, rows)


def calls(count: int, in_flight: int) -> Source:
    """Source of `count` calls of 100 digests to the local endpoint."""

    def given(setting: Setting) -> Given:
        fewer = max(1, setting.rows(count * 100) // 100)
        source = {"calls": fewer, "in_flight": in_flight, "endpoint_url": setting.endpoint_url()}
        return Given(source, fewer)

    return given


def make_task(case: Case, contender: Contender, given: Given) -> Task:
    """The task of one trial."""
    ready_bytes = given.rows * READY_BYTES if case.memory_ready else 0
    return Task(case.form, contender.module, given.source, contender.cores, contender.watch_lock, ready_bytes)


def make_input(case: Case, contender: Contender, setting: Setting) -> Given:
    """The input of a contender."""
    return (contender.source or case.source)(setting)


def run_trials(case: Case, contenders: list[Contender], setting: Setting) -> dict[str, Record]:
    """Measure the contenders interleaved, so that all meet the same load of the machine.

    The order is first, second, first, third, and so on. If a contender fails or gives a wrong answer, its
    record's `problem` says so, and the later rounds leave it out.
    """
    records = {contender.name: Record(make_input(case, contender, setting)) for contender in contenders}
    for contender in contenders:
        records[contender.name].problem += [contender.missing] if contender.missing else []
    for _ in range(case.rounds or setting.rounds):
        for contender in _interleaved(contenders):
            record = records[contender.name]
            if record.problem:
                continue
            record.loads.append(os.getloadavg()[0])
            try:
                trial = measure.in_own_process(make_task(case, contender, record.given), TIMEOUT_S)
            except Exception as error:  # noqa: BLE001 - a peer may raise anything; the others go on
                record.problem.append(str(error))
                continue
            record.trials.append(trial)
            answers = [trial.answer for other in records.values() for trial in other.trials]
            record.problem += differences(case, record.given, trial.answer, answers)
    return records


def differences(case: Case, given: Given, answer: Any, others: list[Any]) -> list[str]:
    """How an answer differs from the truth or, if no truth is known, from the first answer of the case."""
    if given.truth is not None and "members" in answer:
        return Answer(**answer | {"members": tuple(answer["members"])}).differences(given.truth)
    if case.agree and others and _comparable(answer) != _comparable(others[0]):
        return [f"{answer!r:.300} instead of {others[0]!r:.300}"]
    return []


def _comparable(answer: Any) -> Any:
    """The answer without the size of the written file, which each contender chooses."""
    if isinstance(answer, dict):
        return {name: value for name, value in answer.items() if name != "file_bytes"}
    return answer


def _interleaved(contenders: list[Contender]) -> Iterator[Contender]:
    first, *others = contenders
    if not others:
        yield first
    for other in others:
        yield first
        yield other
