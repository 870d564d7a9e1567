"""The benchmark of calls: the answers of the contenders at two points with few calls, and its tables.

`make bench-calls-quick` also runs aiobotocore and the AWS SDK for Rust, which it builds first. These tests
run the contenders that need only what the tests need.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import pytest

from calls import suite, tables
from calls.grid import CACHE, CONTENDERS, GRID, HEADLINES, QUICK, Contender
from layercheck.dispatch.transport.selection import NAMES
from offline.harness.page import PAGE, insert_table

ELSEWHERE = [each for each in CONTENDERS if CACHE in Path(each.command[0]).parents]
HERE = [each for each in CONTENDERS if each not in ELSEWHERE]

MOST = {"plain": 1.05, "slim": 0.5, "wire": 0.3, "native": 0.1}
"""Limit of interpreter-level calls for each call of the API, as a part of boto3's, with planning and waiting.
Other load on the machine does not change this count. Measured: 1.00, 0.42, 0.24 and 0.05."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return suite.document(QUICK, HERE, quick=True)


def test_each_contender_finds_the_truth_at_every_point(document: dict[str, Any]) -> None:
    assert tables.problems(document) == []
    for point, wanted in zip(document["points"], QUICK, strict=True):
        assert point["name"] == str(wanted)
        assert [line["name"] for line in point["lines"]] == [one.name for one in HERE]
        for line in point["lines"]:
            assert line["calls_per_s"] > 0
            assert line["peak_bytes"] >= line["before_bytes"] > 0
            assert line["p99_ms"] >= line["p50_ms"] >= point["latency_ms"]
            assert line["cpu_s_per_million_digests"] > 0


def test_two_peers_are_built_by_their_own_targets() -> None:
    assert [one.name for one in ELSEWHERE] == ["aiobotocore", "aws-sdk-ecr (Rust)"]
    assert not any(one.ours for one in ELSEWHERE)


def test_calls_of_the_interpreter_are_counted(document: dict[str, Any]) -> None:
    counts = {one["name"]: one["interpreter_calls_per_call"] for one in document["contenders"]}
    boto3 = counts["boto3 + ThreadPoolExecutor"]
    # botocore's parser alone takes hundreds of steps for an answer of 100 layers with four members each.
    assert boto3 > 500
    assert counts["boto3 in 2 processes"] is None
    assert set(MOST) == set(NAMES)
    for name, most in MOST.items():
        assert counts[f"layercheck, {name}"] < most * boto3, name


def test_an_untrue_answer_has_no_time() -> None:
    class Liar(Contender):
        def measure(self, task: dict[str, object], timeout_s: float) -> dict[str, Any]:
            return {"there": 1, "verdicts": "00"}

    found = suite.measured(Liar("liar", ("/bin/false",)), {"calls": 1}, {"there": 50, "verdicts": "01"})
    assert found["problem"].startswith("{'there': 1")
    assert "calls_per_s" not in suite.line([found])


def test_a_contender_that_fails_is_named(document: dict[str, Any]) -> None:
    found = suite.measured(Contender("broken", ("/bin/false",)), {"calls": 1}, {"there": 50})
    assert found["problem"].startswith("broken failed")
    point = document["points"][0]
    broken = document | {"points": [point | {"lines": [{"name": "broken", **suite.line([found])}]}]}
    assert tables.problems(broken) == [f"{point['name']}: broken: broken failed:"]
    assert "FAILED" in tables.as_text(broken)


def test_lost_points_are_shown(document: dict[str, Any]) -> None:
    point = document["points"][0]
    lines = [
        line | {"calls_per_s": 1.0 if line["name"].startswith("layercheck") else 7.0}
        for line in point["lines"]
    ]
    losing = document | {"points": [point | {"lines": lines}], "headlines": [point["name"]]}
    assert len(tables.lost(losing)) == sum(not one.ours for one in HERE)
    assert "LOST: " in tables.as_text(losing)
    table = tables.as_markdown(losing)
    assert table.count("**7**") == len(tables.lost(losing))
    assert all(f"\n* {each}\n" in table for each in tables.lost(losing))
    winning = document | {"points": [point | {"lines": [line | {"calls_per_s": 7.0} for line in lines]}]}
    assert tables.lost(winning) == []
    assert tables.as_markdown(winning).endswith("a peer was faster at 0.")


def test_a_ready_plan_hides_no_lost_point(document: dict[str, Any]) -> None:
    """The peers begin with texts, so a line that begins with a plan is told beside the others."""
    point = document["points"][0]
    rates = {"layercheck, ready plan": 9.0, "boto3 + ThreadPoolExecutor": 7.0}
    lines = [line | {"calls_per_s": rates.get(line["name"], 1.0)} for line in point["lines"]]
    losing = document | {"points": [point | {"lines": lines}], "headlines": [point["name"]]}
    said = f"{point['name']}: boto3 + ThreadPoolExecutor makes 7 calls/s, layercheck 1, of a ready plan 9"
    assert tables.lost(losing) == [said]
    assert "**7**" in tables.as_markdown(losing)
    assert "**9**" not in tables.as_markdown(losing)


def test_a_kept_run_names_no_host_and_no_path(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert f'"{platform.node()}"' not in text
    assert str(Path.cwd()) not in text


def test_the_page_has_a_place_for_the_table(document: dict[str, Any]) -> None:
    begin, end = tables.BEGIN, tables.END
    assert f"{begin}\n| where |" in insert_table(
        PAGE.read_text(), tables.as_markdown(document), begin=begin, end=end
    )


def test_the_grid_has_all_required_points() -> None:
    assert {point.latency_ms for point in GRID} == {0, 10, 40}
    assert {point.in_flight for point in GRID} >= {1, 128}
    assert {point.tls for point in GRID} == {False, True}
    assert set(HEADLINES) <= set(GRID)
    assert len(set(GRID)) == len(GRID)
