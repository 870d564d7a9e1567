"""The benchmarks' answers, on small inputs: a fast wrong answer cannot be published.

Every contestant of every race of `bench/offline` does its job here once, in this process and without a
clock, and must find what is true of the input by construction, or what the others find.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from offline.cases import FILE, IMPORT, MEMORY, RACES
from offline.data import endpoint
from offline.data.datasets import Mix, raw_digests, text_file
from offline.harness import case as racing
from offline.harness import measure, results, summary, tables
from offline.harness.case import Contestant, Race, Setting
from offline.harness.expected import Answer
from offline.harness.page import into

ROWS = 10_000

LINES = [
    pytest.param(race, contestant, id=f"{race.name}-{contestant.name}")
    for race in RACES
    for contestant in race.contestants
]


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    with endpoint.on_demand() as endpoint_url:
        yield Setting(tmp_path_factory.mktemp("inputs"), ROWS, 1, endpoint_url)


@pytest.fixture(scope="module")
def found() -> dict[str, list[Any]]:
    """The answers of each race so far."""
    return {}


@pytest.mark.parametrize(("race", "contestant"), LINES)
def test_a_contestant_finds_the_right_answer(
    race: Race, contestant: Contestant, setting: Setting, found: dict[str, list[Any]]
) -> None:
    if contestant.missing:
        pytest.skip(contestant.missing)
    given = racing.given(race, contestant, setting)
    answer = measure.here(racing.task(race, contestant, given))
    others = found.setdefault(race.name, [])
    assert racing.differences(race, given, answer, others) == []
    others.append(answer)


def test_a_plan_of_every_input_is_what_the_generator_says(tmp_path: Path) -> None:
    for duplicates in (0.0, 0.2, 0.5, 0.9):
        for dirty in (False, True):
            mix = Mix(3_000, duplicates, dirty)
            made = text_file(tmp_path, mix)
            lines = made.path.read_text().splitlines()
            texts = [line.lower().removeprefix("sha256:") for line in lines]
            valid = [text for text in texts if len(text) == 64 and set(text) <= set("0123456789abcdef")]
            wanted = Answer.of_hex(len(lines), len(lines) - len(valid), dict.fromkeys(valid))
            assert made.truth.differences(wanted) == [], mix
            assert wanted.differences(made.truth) == [], mix
            assert text_file(tmp_path, mix).truth == made.truth, "read back from the folder"
            assert (made.truth.invalid == 0) is not dirty


def test_repeats_are_as_many_as_asked_for() -> None:
    for duplicates in (0.0, 0.2, 0.5, 0.9):
        rows, truth = raw_digests(Mix(20_000, duplicates))
        assert len(rows) == truth.rows == 20_000
        assert abs(1 - truth.unique / 20_000 - duplicates) < 0.02


@pytest.mark.parametrize(
    "wrong", [{"rows": 9}, {"invalid": 9}, {"unique": 9}, {"order": "00"}, {"members": (1, 2, 3, 4)}]
)
def test_an_answer_that_differs_in_anything_is_told_apart(wrong: dict[str, Any]) -> None:
    truth = Answer.of_hex(3, 1, ["ab" * 32, "cd" * 32])
    assert len(replace(truth, **wrong).differences(truth)) == 1


def test_another_order_is_told_apart_unless_no_order_is_claimed() -> None:
    truth = Answer.of_hex(2, 0, ["ab" * 32, "cd" * 32])
    turned = Answer.of_hex(2, 0, ["cd" * 32, "ab" * 32])
    assert [difference.split(":")[0] for difference in turned.differences(truth)] == ["order"]
    assert turned.unordered().differences(truth) == []


def test_a_wrong_answer_keeps_its_time_from_counting(setting: Setting) -> None:
    def untrue(at: Setting) -> racing.Given:
        given = FILE.source(at)
        assert given.truth is not None
        return replace(given, truth=replace(given.truth, unique=1))

    course = racing.run(replace(FILE, source=untrue), [FILE.contestants[0]], setting)["layercheck"]
    assert [trouble.split(":")[0] for trouble in course.trouble] == ["unique"]


def test_a_contestant_that_dies_is_named_and_the_others_go_on(setting: Setting) -> None:
    ours = FILE.contestants[0]
    absent = Contestant("nobody", "no_such_module")
    courses = racing.run(FILE, [ours, absent], setting)
    assert courses["layercheck"].trouble == []
    assert "no_such_module" in courses["nobody"].trouble[0]


@pytest.fixture(scope="module")
def document(setting: Setting) -> dict[str, Any]:
    """A small run as it is kept, one contestant of it failed."""
    contestants = list(FILE.contestants[:2])
    benchmarks = [
        {"extra_info": results.line(race, contestant, course)}
        for race, of_race in ((FILE, contestants), (IMPORT, list(IMPORT.contestants[:2])))
        for courses in [racing.run(race, of_race, setting)]
        for contestant in of_race
        for course in [courses[contestant.name]]
    ]
    kept: dict[str, Any] = results.document(
        {
            "benchmarks": benchmarks,
            "machine_info": results.machine(),
            "rounds": 1,
            "most_rows": ROWS,
            "troubles": {FILE.name: {"pandas": ["it died\nof hunger"]}},
        }
    )
    return kept


def test_a_kept_run_names_no_host_and_no_path(document: dict[str, Any]) -> None:
    import platform

    text = json.dumps(document)
    assert f'"{platform.node()}"' not in text
    assert str(Path.cwd()) not in text
    assert str(Path.home()) + "/" not in text


def test_memory_is_measured_from_before_the_job_on(document: dict[str, Any]) -> None:
    for line in document["races"][0]["lines"]:
        assert line["peak_bytes"] >= line["before_bytes"] > 0


def test_what_is_lost_and_what_failed_is_shown(document: dict[str, Any]) -> None:
    race = {**document["races"][0]}
    ours, peer = race["lines"]
    race["lines"] = [ours, peer | {"median_s": ours["median_s"] / 4}]
    race["bars"] = [results.reach(FILE.bars[0], race)]
    shown = tables.for_people(document | {"races": [race]})
    assert f"{FILE.name}: polars takes 0.25 of the time" in shown
    assert "NOT REACHED: 0.2x polars; at least 5.0x, aim 15.0x" in shown
    assert "pandas FAILED: of hunger" in shown
    assert "| **0.25** |" in tables.for_page(document | {"races": [race]})


@pytest.mark.parametrize(("spare", "reached"), [(64, True), (65, False)])
def test_memory_is_counted_beyond_the_input_and_the_rows(spare: int, reached: bool) -> None:
    unique = results.ENOUGH_DIGESTS
    line = {"name": "layercheck", "rows": 2 * unique, "unique": unique, "median_s": 1.0}
    line["beyond_input_bytes"] = 8 * 2 * unique + spare * unique
    race = {"first": "layercheck", "lines": [line]}
    got = results.reach(MEMORY, race)
    assert (got["got"], got["reached"]) == (spare, reached)
    line["unique"] = unique - 1
    assert results.reach(MEMORY, race)["got"] is None, "of few digests, the process itself is most"


def test_a_run_without_ours_has_no_ratios(document: dict[str, Any]) -> None:
    race = {**document["races"][0]}
    race["lines"] = race["lines"][1:]
    race["bars"] = [results.reach(FILE.bars[0], race)]
    assert "NOT MEASURED polars" in tables.for_people(document | {"races": [race]})


def test_the_page_changes_between_its_marks_alone(document: dict[str, Any]) -> None:
    marks = {"begin": summary.BEGIN, "end": summary.END}
    page = f"before\n{summary.BEGIN}\na table of last month\n{summary.END}\nafter\n"
    new = into(page, tables.for_page(document), **marks)
    assert new.startswith(f"before\n{summary.BEGIN}\n| job |")
    assert new.endswith(f"{summary.END}\nafter\n")
    assert "last month" not in new
    assert into(new, "x", **marks) == into(page, "x", **marks)
    with pytest.raises(ValueError, match="no lines"):
        into("no marks", "table", **marks)
    into((Path(__file__).parents[2] / "docs" / "speed.md").read_text(), "table", **marks)


def test_an_import_of_layercheck_loads_nothing_heavy(setting: Setting) -> None:
    ours = IMPORT.contestants[0]
    answer = measure.here(racing.task(IMPORT, ours, racing.given(IMPORT, ours, setting)))
    assert answer["heavy"] == []
