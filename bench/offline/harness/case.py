"""Contestants, races between them, and how one is run: in turns, and answers before times."""

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
from offline.harness.measure import Lap, Task

TIMEOUT_S = 600.0
OURS = "layercheck"


@dataclass(frozen=True)
class Setting:
    """Where a race is run.

    Attributes:
        folder: Keeps generated inputs.
        most_rows: No input has more; None for the sizes as they stand.
        rounds: Turns of every contestant.
        endpoint_url: Starts the local endpoint when first called; its address.
    """

    folder: Path
    most_rows: int | None
    rounds: int
    endpoint_url: Callable[[], str]

    def rows(self, rows: int) -> int:
        """`rows`, or what is allowed."""
        return rows if self.most_rows is None else min(rows, self.most_rows)


@dataclass(frozen=True)
class Given:
    """A source for `forms`, how many rows it has, and what is true of it where that is known."""

    source: dict[str, Any]
    rows: int
    truth: Answer | None = None


Source = Callable[[Setting], Given]


@dataclass(frozen=True)
class Contestant:
    """One line of a table.

    Attributes:
        name: What the line is called.
        module: Who does it.
        note: What a reader must know to compare.
        source: Its own input, in a race between inputs.
        cores: CPU cores it may use.
        watch_lock: Let another Python thread count meanwhile.
        missing: Why it cannot take part in this build, if it cannot.
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
    """What the first contestant is to reach.

    Attributes:
        at_least: Short of this it fails.
        aim: What is hoped for.
        peer: Whom it is compared with, if anybody.
        unit: `x`, times as fast as the peer; `s more than` the peer; `s` alone; a rate such as `rows/s`;
            `x slowest`, what the slowest contestant takes as a multiple of the first; or `B a digest`, peak
            memory beyond the input and 8 bytes a row, by the number of unique digests.
    """

    at_least: float
    aim: float
    peer: str | None = None
    unit: str = "x"


@dataclass(frozen=True)
class Race:
    """The same job by several contestants.

    Attributes:
        name: Group and headline.
        form: The job.
        source: The input of all.
        contestants: The first is the one the others are compared with.
        bars: What is to be reached.
        agree: Whether all answers must be the same; not in a race between inputs.
        rounds: Turns, if other than usual.
        unit: What a row of the input is called.
        headline: Whether it goes into the table of docs/speed.md.
    """

    name: str
    form: str
    source: Source
    contestants: tuple[Contestant, ...]
    bars: tuple[Bar, ...] = ()
    agree: bool = True
    rounds: int | None = None
    unit: str = "row"
    headline: bool = False


@dataclass
class Course:
    """How it went for one contestant."""

    given: Given
    laps: list[Lap] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)


def text(mix: Mix) -> Source:
    """A text file of this mix."""

    def given(setting: Setting) -> Given:
        made = datasets.text_file(setting.folder, mix.capped(setting.most_rows))
        return Given({"path": str(made.path)}, made.mix.rows, made.truth)

    return given


def raw(mix: Mix) -> Source:
    """Raw digests of this mix."""

    def given(setting: Setting) -> Given:
        capped = mix.capped(setting.most_rows)
        return Given(dataclasses.asdict(capped), capped.rows, datasets.raw_digests(capped)[1])

    return given


def crafted(pattern: str, rows: int) -> Source:
    """Raw digests that follow a pattern."""

    def given(setting: Setting) -> Given:
        fewer = setting.rows(rows)
        return Given({"pattern": pattern, "rows": fewer}, fewer, adversarial_keys.truth(pattern, fewer))

    return given


def plain(rows: int = 1, **source: Any) -> Source:
    """A source as it stands."""
    return lambda setting: Given(source, rows)


def calls(count: int, in_flight: int) -> Source:
    """So many calls of 100 digests to the local endpoint."""

    def given(setting: Setting) -> Given:
        fewer = max(1, setting.rows(count * 100) // 100)
        source = {"calls": fewer, "in_flight": in_flight, "endpoint_url": setting.endpoint_url()}
        return Given(source, fewer)

    return given


def task(race: Race, contestant: Contestant, given: Given) -> Task:
    """What is to be measured."""
    return Task(race.form, contestant.module, given.source, contestant.cores, contestant.watch_lock)


def given(race: Race, contestant: Contestant, setting: Setting) -> Given:
    """The contestant's input."""
    return (contestant.source or race.source)(setting)


def run(race: Race, contestants: list[Contestant], setting: Setting) -> dict[str, Course]:
    """Measure in turns: first, second, first, third, ..., so that all meet the same weather.

    A contestant that fails, or whose answer is wrong, is told so in its `trouble` and left out of
    the turns that follow.
    """
    courses = {one.name: Course(given(race, one, setting)) for one in contestants}
    for one in contestants:
        courses[one.name].trouble += [one.missing] if one.missing else []
    for _ in range(race.rounds or setting.rounds):
        for one in _turns(contestants):
            course = courses[one.name]
            if course.trouble:
                continue
            course.loads.append(os.getloadavg()[0])
            try:
                lap = measure.in_own_process(task(race, one, course.given), TIMEOUT_S)
            except Exception as error:  # noqa: BLE001 - whatever a peer dies of, the others go on
                course.trouble.append(str(error))
                continue
            course.laps.append(lap)
            others = [lap.answer for other in courses.values() for lap in other.laps]
            course.trouble += differences(race, course.given, lap.answer, others)
    return courses


def differences(race: Race, given: Given, answer: Any, others: list[Any]) -> list[str]:
    """How an answer differs from the truth, or, where none is known, from the others' first."""
    if given.truth is not None and "members" in answer:
        return Answer(**answer | {"members": tuple(answer["members"])}).differences(given.truth)
    if race.agree and others and _said(answer) != _said(others[0]):
        return [f"{answer!r:.300} instead of {others[0]!r:.300}"]
    return []


def _said(answer: Any) -> Any:
    """The answer without how many bytes it was written in, which is everybody's own choice."""
    if isinstance(answer, dict):
        return {name: value for name, value in answer.items() if name != "file_bytes"}
    return answer


def _turns(contestants: list[Contestant]) -> Iterator[Contestant]:
    first, *others = contestants
    if not others:
        yield first
    for other in others:
        yield first
        yield other
