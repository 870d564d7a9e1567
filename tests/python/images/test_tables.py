"""The four tables of a check, as files and in other libraries."""

from __future__ import annotations

import copy
import csv
import gzip
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.ipc
import pyarrow.parquet
import pytest

import layercheck as lc
from layercheck.testing import ImageRule, LocalEcr
from made_images import check, index, manifest, put


@pytest.fixture(scope="module")
def report() -> Iterator[lc.ImageReport]:
    with LocalEcr({"team/a": ImageRule(1_500, layers=3, broken=7), "team/empty": {}}) as ecr:
        put(ecr, manifest("a"), "v1", repository="team/b", lacking=["a"])
        put(ecr, index(manifest("a")), "multi", repository="team/b")
        yield check(ecr, "team/*")


@pytest.mark.parametrize("table", ["images", "platforms", "layers", "repositories"])
def test_every_format_of_a_table_has_the_same_lines(
    report: lc.ImageReport, table: str, tmp_path: Path
) -> None:
    lines = report.to_arrow(table).to_pylist()
    assert len(report.table(table)) == len(lines)
    for suffix in ("csv", "jsonl", "jsonl.gz", "csv.zst", "parquet", "arrow"):
        report.write(tmp_path / f"t.{suffix}", table=table)
    assert pyarrow.parquet.read_table(tmp_path / "t.parquet").to_pylist() == lines
    with pyarrow.ipc.open_file(tmp_path / "t.arrow") as file:
        assert file.read_all().to_pylist() == lines
    text = (tmp_path / "t.jsonl").read_text()
    assert gzip.decompress((tmp_path / "t.jsonl.gz").read_bytes()).decode() == text
    parsed = [json.loads(line) for line in text.splitlines()]
    plain: list[Any] = [
        {name: value for name, value in line.items() if not name.endswith("_at")} for line in lines
    ]
    assert [{name: line[name] for name in plain[0]} for line in parsed] == plain
    with (tmp_path / "t.csv").open(newline="") as file:
        assert [row["repository"] for row in csv.DictReader(file)] == [each["repository"] for each in lines]


def accounts_in(report: lc.ImageReport) -> set[Any]:
    return {line["account_id"] for name in report.tables for line in report.to_arrow(name).to_pylist()}


def test_every_table_names_the_account_that_the_service_names(report: lc.ImageReport) -> None:
    assert accounts_in(report) == {"123456789012"}


@pytest.mark.parametrize(
    ("named", "account", "is_told"),
    [
        (["111111111111"], "111111111111", False),
        (["111111111111", "222222222222", "333333333333"], None, True),
        (["1111", "a" * 12, "\u0661" * 12, 111111111111, None], None, False),
        (["111111111111", "x"], "111111111111", False),
    ],
)
def test_an_account_counts_if_all_answers_agree_on_it(
    named: list[Any], account: str | None, is_told: bool
) -> None:
    with LocalEcr({"team/a": ImageRule(20, layers=1, broken=1)}) as ecr:
        client = ecr.client()

        def change(parsed: dict[str, Any], **_: Any) -> None:
            for number, each in enumerate([*parsed.get("imageDetails", []), *parsed.get("images", [])]):
                each["registryId"] = named[number % len(named)]

        client.meta.events.register("after-call.ecr.DescribeImages", change)
        client.meta.events.register("after-call.ecr.BatchGetImage", change)
        report = check(ecr, "team/a", client=client)
    assert accounts_in(report) == {account}
    assert any("name several accounts" in note for note in report.notes) == is_told


def test_the_account_that_the_user_names_counts() -> None:
    with LocalEcr({"team/a": ImageRule(20, layers=1, broken=1)}) as ecr:
        report = check(ecr, "team/a", client=ecr.client(), registry_id="123456789012")
    assert accounts_in(report) == {"123456789012"}


def test_tables_of_several_repositories_stand_one_behind_the_other(report: lc.ImageReport) -> None:
    lines = report.to_arrow("images").to_pylist()
    assert [line["repository"] for line in lines] == ["team/a"] * 1_500 + ["team/b"] * 2
    counts = {line["repository"]: line["images"] for line in report.to_arrow("repositories").to_pylist()}
    assert counts == {"team/a": 1_500, "team/b": 2, "team/empty": 0}
    assert report.repository("team/b").table("images").lines(0, 5) == report.table().lines(1_500, 1_505)
    with pytest.raises(KeyError, match="was not checked"):
        report.repository("team/c")


@pytest.mark.parametrize("table", ["images", "platforms", "layers", "repositories"])
def test_any_part_of_a_table_has_its_lines(report: lc.ImageReport, table: str) -> None:
    one = report.repository("team/a")
    for found in (report.table(table, all_layers=True), one.table(table, all_layers=True)):
        lines = found.lines(0, len(found))
        for start in (0, 1, 7, 1_023, 1_024, 1_025, 1_499, 1_500, 1_501, 5_000):
            for stop in (start, start + 1, start + 1_500):
                assert found.lines(start, stop) == lines[start:stop]


def test_layers_are_those_that_are_not_available_or_all(report: lc.ImageReport, tmp_path: Path) -> None:
    assert len(report.table("layers")) == 8
    report.write(tmp_path / "all.csv", table="layers", all_layers=True)
    blobs = sum(each["blobs"] for each in report.to_arrow("repositories").to_pylist())
    assert len((tmp_path / "all.csv").read_text().splitlines()) == blobs + 1


def test_other_libraries_take_the_tables(report: lc.ImageReport) -> None:
    frame = report.to_pandas()
    assert (frame["verdict"] == "incomplete").sum() == report.counts["incomplete"] == 9
    assert report.to_polars("repositories").height == 3


def test_an_unknown_table_or_verdict_lists_the_known_ones(report: lc.ImageReport) -> None:
    with pytest.raises(ValueError, match="images, platforms, layers, repositories"):
        report.table("nonsense")
    with pytest.raises(ValueError, match="unreadable"):
        next(report.find("nonsense"))


def test_a_report_of_no_repositories_has_empty_tables() -> None:
    with LocalEcr({}) as ecr:
        report = check(ecr, "*")
    for table in report.tables:
        assert report.to_arrow(table).num_rows == 0


def test_pickling_and_copying_say_what_to_send_instead(report: lc.ImageReport) -> None:
    for held in (report, report.repository("team/b")):
        for way in (pickle.dumps, copy.copy):
            with pytest.raises(TypeError, match="to_arrow"):
                way(held)


def test_failures_raise_and_name_the_first_image(report: lc.ImageReport) -> None:
    said = "9 images are incomplete and 0 unreadable; first: team/a"
    with pytest.raises(lc.IncompleteImagesError, match=said):
        report.raise_for_failures()


def test_a_notebook_shows_verdicts_and_the_first_broken_images(report: lc.ImageReport) -> None:
    view = report._repr_html_()
    assert "3 repositories" in view
    assert "10 of the" not in view
    assert "1 of 1 layer is missing" in view
    with LocalEcr({}) as ecr:
        assert "0 images" in check(ecr, "*")._repr_html_()
