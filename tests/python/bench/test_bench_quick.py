"""The answers of the benchmarks on small inputs, so that a fast wrong answer cannot be published.

Every contender of every case of `bench/offline` does its job here once, in this process and without a
clock. It must find the truth that the input has by construction, or the same as the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from offline.cases import CASES, FILE, IMPORT, MEMORY
from offline.data import endpoint
from offline.data.datasets import Mix, raw_digests, text_file
from offline.harness import measure, results, summary, tables
from offline.harness.case import (
    Case,
    Contender,
    Given,
    Setting,
    differences,
    make_input,
    make_task,
    run_trials,
)
from offline.harness.expected import Answer
from offline.harness.page import PAGE, insert_table

ROWS = 10_000

LINES = [
    pytest.param(case, contender, id=f"{case.name}-{contender.name}")
    for case in CASES
    for contender in case.contenders
]


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    with endpoint.on_demand() as endpoint_url:
        yield Setting(tmp_path_factory.mktemp("inputs"), ROWS, 1, endpoint_url)


@pytest.fixture(scope="module")
def found() -> dict[str, list[Any]]:
    """The answers of each case until now."""
    return {}


@pytest.mark.parametrize(("case", "contender"), LINES)
def test_a_contender_finds_the_right_answer(
    case: Case, contender: Contender, setting: Setting, found: dict[str, list[Any]]
) -> None:
    if contender.missing:
        pytest.skip(contender.missing)
    given = make_input(case, contender, setting)
    answer = measure.here(make_task(case, contender, given))
    others = found.setdefault(case.name, [])
    assert differences(case, given, answer, others) == []
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
def test_an_answer_that_differs_in_one_field_is_found(wrong: dict[str, Any]) -> None:
    truth = Answer.of_hex(3, 1, ["ab" * 32, "cd" * 32])
    assert len(replace(truth, **wrong).differences(truth)) == 1


def test_another_order_is_found_unless_the_answer_has_none() -> None:
    truth = Answer.of_hex(2, 0, ["ab" * 32, "cd" * 32])
    turned = Answer.of_hex(2, 0, ["cd" * 32, "ab" * 32])
    assert [difference.split(":")[0] for difference in turned.differences(truth)] == ["order"]
    assert turned.unordered().differences(truth) == []


def test_a_wrong_answer_keeps_its_time_from_counting(setting: Setting) -> None:
    def untrue(at: Setting) -> Given:
        given = FILE.source(at)
        assert given.truth is not None
        return replace(given, truth=replace(given.truth, unique=1))

    record = run_trials(replace(FILE, source=untrue), [FILE.contenders[0]], setting)["layercheck"]
    assert [problem.split(":")[0] for problem in record.problem] == ["unique"]


def test_a_contender_that_fails_is_named_and_the_others_go_on(setting: Setting) -> None:
    ours = FILE.contenders[0]
    absent = Contender("broken", "no_such_module")
    records = run_trials(FILE, [ours, absent], setting)
    assert records["layercheck"].problem == []
    assert "no_such_module" in records["broken"].problem[0]


@pytest.fixture(scope="module")
def document(setting: Setting) -> dict[str, Any]:
    """The document of a small run in which one contender failed."""
    contenders = list(FILE.contenders[:2])
    benchmarks = [
        {"extra_info": results.line(case, contender, records[contender.name])}
        for case, of_case in ((FILE, contenders), (IMPORT, list(IMPORT.contenders[:2])))
        for records in [run_trials(case, of_case, setting)]
        for contender in of_case
    ]
    kept: dict[str, Any] = results.document(
        {
            "benchmarks": benchmarks,
            "machine_info": results.machine(),
            "rounds": 1,
            "most_rows": ROWS,
            "problems": {FILE.name: {"pandas": ["it failed:\nout of memory"]}},
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
    for line in document["cases"][0]["lines"]:
        assert line["peak_bytes"] >= line["before_bytes"] > 0


def test_lost_comparisons_and_failures_are_shown(document: dict[str, Any]) -> None:
    case = {**document["cases"][0]}
    ours, peer = case["lines"]
    case["lines"] = [ours, peer | {"median_s": ours["median_s"] / 4}]
    case["bars"] = [results.reach(FILE.bars[0], case)]
    shown = tables.as_text(document | {"cases": [case]})
    assert f"{FILE.name}: polars takes 0.25 of the time" in shown
    assert "NOT REACHED: 0.2x polars; at least 8.0x, aim 15.0x" in shown
    assert "pandas FAILED: out of memory" in shown
    assert "| **0.25** |" in tables.as_markdown(document | {"cases": [case]})


@pytest.mark.parametrize(("spare", "reached"), [(64, True), (65, False)])
def test_memory_is_counted_beyond_the_input_and_the_rows(spare: int, reached: bool) -> None:
    unique = results.ENOUGH_DIGESTS
    line = {"name": "layercheck", "rows": 2 * unique, "unique": unique, "median_s": 1.0}
    line["beyond_input_bytes"] = 8 * 2 * unique + spare * unique
    case = {"first": "layercheck", "lines": [line]}
    got = results.reach(MEMORY, case)
    assert (got["got"], got["reached"]) == (spare, reached)
    line["unique"] = unique - 1
    assert results.reach(MEMORY, case)["got"] is None, (
        "with few digests, the process itself is the larger part"
    )


def test_a_run_without_layercheck_has_no_ratios(document: dict[str, Any]) -> None:
    case = {**document["cases"][0]}
    case["lines"] = case["lines"][1:]
    case["bars"] = [results.reach(FILE.bars[0], case)]
    assert "NOT MEASURED polars" in tables.as_text(document | {"cases": [case]})


def test_the_page_changes_only_between_its_marks(document: dict[str, Any]) -> None:
    marks = {"begin": summary.BEGIN, "end": summary.END}
    page = f"before\n{summary.BEGIN}\na table of last month\n{summary.END}\nafter\n"
    new = insert_table(page, tables.as_markdown(document), **marks)
    assert new.startswith(f"before\n{summary.BEGIN}\n| job |")
    assert new.endswith(f"{summary.END}\nafter\n")
    assert "last month" not in new
    assert insert_table(new, "x", **marks) == insert_table(page, "x", **marks)
    with pytest.raises(ValueError, match="no lines"):
        insert_table("no marks", "table", **marks)
    insert_table(PAGE.read_text(), "table", **marks)


def test_an_import_of_layercheck_loads_nothing_heavy(setting: Setting) -> None:
    ours = IMPORT.contenders[0]
    answer = measure.here(make_task(IMPORT, ours, make_input(IMPORT, ours, setting)))
    assert answer["heavy"] == []
