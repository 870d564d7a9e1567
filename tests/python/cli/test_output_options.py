"""Summaries for machines, chosen rows, compressed reports, `-o -`, durations, and `--rate` offline."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest

import layercheck as lc
from cli.conftest import Layercheck, digest
from layercheck.testing import Fault, LocalEcr

ROWS = [digest(0), digest(1), "junk", digest(1), digest(2)]


@pytest.fixture
def ecr() -> Any:
    with LocalEcr({"app": [digest(0), digest(2)]}, region_name="eu-west-1") as server:
        yield server


@pytest.fixture
def command(ecr: LocalEcr, tmp_path: Path) -> list[str]:
    """`check` of five rows: two available, two of one unavailable digest, one invalid."""
    (tmp_path / "rows.txt").write_text("\n".join(ROWS) + "\n")
    return ["check", "app", "rows.txt", "--endpoint-url", ecr.endpoint_url, "--no-progress"]


def test_a_summary_for_machines_stands_in_place_of_the_table(
    layercheck: Layercheck, command: list[str], ecr: LocalEcr, tmp_path: Path
) -> None:
    ended = layercheck(*command, "--summary", "json", "-o", "report.csv", "--journal", "a.journal", "--quiet")
    assert ended.code == 3
    assert ended.err == ""
    summary = json.loads(ended.out)
    assert ended.out.count("\n") == 1
    stats = summary.pop("stats")
    assert (stats["calls"], stats["ended"], stats["restored"]) == (1, "done", 0)
    words = [
        "available",
        "unavailable",
        "archived",
        "refused",
        "other",
        "invalid",
        "unanswered",
        "not_checked",
    ]
    assert summary == {
        "exit_code": 3,
        "error": None,
        "report_file": str(tmp_path / "report.csv"),
        "report_files": [str(tmp_path / "report.csv")],
        "journal_file": "a.journal",
        "ended": "done",
        "complete": True,
        "target": {
            "repository_name": "app",
            "registry_id": None,
            "region_name": "eu-west-1",
            "endpoint_url": ecr.endpoint_url,
            "public": False,
        },
        "rows": 5,
        "unique": 3,
        "counts": dict.fromkeys(words, 0) | {"available": 2, "unavailable": 2, "invalid": 1},
        "unique_counts": dict.fromkeys(words, 0) | {"available": 2, "unavailable": 1},
        "errors": 0,
    }


def test_a_summary_for_machines_goes_to_standard_error_beside_rows(
    layercheck: Layercheck, command: list[str]
) -> None:
    ended = layercheck(*command, "--summary", "json", "--format", "jsonl", "--fail-on", "none")
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 5
    assert json.loads(ended.err)["exit_code"] == 0


def test_a_dry_run_for_machines_gives_the_numbers_of_the_plan(
    layercheck: Layercheck, command: list[str]
) -> None:
    ended = layercheck(*command, "--dry-run", "--summary", "json", "--quiet")
    assert json.loads(ended.out) == json.loads(layercheck("plan", "rows.txt", "--format", "jsonl").out)


@pytest.mark.parametrize(
    ("fault", "code", "ended", "said"),
    [
        (Fault("access_denied"), 1, "fatal", "allow the action"),
        (Fault("omit", share=1.0), 4, "done", None),
    ],
    ids=["fatal", "incomplete"],
)
def test_a_summary_for_machines_says_how_a_run_failed(
    layercheck: Layercheck,
    command: list[str],
    ecr: LocalEcr,
    fault: Fault,
    code: int,
    ended: str,
    said: str | None,
) -> None:
    ecr.set_faults([fault])
    done = layercheck(*command, "--summary", "json")
    summary = json.loads(done.out)
    assert (done.code, summary["exit_code"], summary["ended"]) == (code, code, ended)
    assert not summary["complete"]
    assert summary["report_file"] is None
    assert (summary["error"] is None) == (said is None)
    assert said is None or said in summary["error"]


def test_a_summary_for_machines_says_what_kept_a_run_from_starting(
    layercheck: Layercheck, command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "a.journal").write_text("not a journal" * 500)
    done = layercheck(*command, "--summary", "json", "--journal", "a.journal")
    assert done.code == 1
    assert json.loads(done.out) == {
        "exit_code": 1,
        "error": done.err.removeprefix("layercheck: ").rstrip("\n"),
        "report_file": None,
        "report_files": [],
        "journal_file": "a.journal",
        "ended": None,
        "complete": False,
    }


def read(path: Path) -> list[tuple[int, str]]:
    """Row and verdict of each line of a report."""
    data = path.read_bytes()
    suffixes = path.suffixes
    if suffixes[-1] == ".gz":
        data = gzip.decompress(data)
    elif suffixes[-1] == ".zst":
        data = subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout
    if suffixes[0] == ".csv":
        lines: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(data.decode())))
    elif suffixes[0] == ".jsonl":
        lines = [json.loads(line) for line in data.splitlines()]
    elif suffixes[0] == ".parquet":
        lines = pq.read_table(io.BytesIO(data)).to_pylist()
    else:
        lines = ipc.open_file(io.BytesIO(data)).read_all().to_pylist()
    return [(int(line["row"]), line["verdict"]) for line in lines]


SUFFIXES = [".csv", ".jsonl", ".parquet", ".arrow", ".csv.gz", ".csv.zst", ".jsonl.gz", ".jsonl.zst"]
CHOICES = [
    ([], [(0, "available"), (1, "unavailable"), (2, "invalid"), (3, "unavailable"), (4, "available")]),
    (["--unique"], [(0, "available"), (1, "unavailable"), (4, "available")]),
    (["--only", "unavailable, INVALID"], [(1, "unavailable"), (2, "invalid"), (3, "unavailable")]),
    (["--only", "available", "--unique"], [(0, "available"), (4, "available")]),
    (["--only", "archived"], []),
]


@pytest.mark.parametrize(("options", "lines"), CHOICES, ids=range(len(CHOICES)))
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_are_chosen_in_every_format_and_compression(
    layercheck: Layercheck,
    command: list[str],
    tmp_path: Path,
    suffix: str,
    options: list[str],
    lines: list[tuple[int, str]],
) -> None:
    ended = layercheck(*command, "-o", f"report{suffix}", "-q", *options)
    assert (ended.code, ended.out, ended.err) == (3, "", "")
    assert read(tmp_path / f"report{suffix}") == lines


def test_a_journal_is_exported_with_chosen_rows_and_compressed(
    layercheck: Layercheck, command: list[str], tmp_path: Path
) -> None:
    layercheck(*command, "--journal", "a.journal", "-q")
    ended = layercheck(
        "journal", "export", "a.journal", "-o", "x.csv.zst", "--only", "unavailable", "--unique"
    )
    assert ended.code == 0, ended.err
    assert read(tmp_path / "x.csv.zst") == [(1, "unavailable")]


def test_compressed_reports_are_compared(layercheck: Layercheck, command: list[str]) -> None:
    for name in ("a.csv.gz", "b.jsonl.zst"):
        layercheck(*command, "-o", name, "-q")
    ended = layercheck("diff", "a.csv.gz", "b.jsonl.zst")
    assert (ended.code, ended.err) == (0, "")
    assert "same             3" in ended.out


def test_a_dash_is_standard_output(layercheck: Layercheck, command: list[str]) -> None:
    for options in (["-o", "-"], ["--format", "jsonl"], ["-o", "-", "--format", "jsonl"]):
        ended = layercheck(*command, *options, "--only", "invalid")
        assert [json.loads(line)["row"] for line in ended.out.splitlines()] == [2]
    ended = layercheck(*command, "-o", "-", "--format", "csv", "--unique")
    assert len(ended.out.splitlines()) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "x.csv", "--only", "unavailible"], "did you mean 'unavailable'?"),
        (["-o", "x.csv", "--only", "purple"], "expected one of: not_checked, available"),
        (["-o", "x.csv", "--only", ""], "unknown verdict ''"),
        (["--only", "invalid"], "choose rows of the report; add -o FILE"),
        (["--unique"], "choose rows of the report; add -o FILE"),
        (["-o", "x.parquet.gz"], "the suffix does not name a format"),
        (["-o", "x.gz", "--format", "arrow"], "leave out .gz, because arrow has compression of its own"),
        (["--timeout", "5 minutes"], "'5 minutes' is not a duration"),
        (["--timeout", "0"], "expected more than 0 seconds"),
        (["--timeout", "-1s"], "'-1s' is not a duration"),
    ],
    ids=range(10),
)
def test_a_wrong_choice_is_a_usage_error(
    layercheck: Layercheck, command: list[str], options: list[str], said: str
) -> None:
    ended = layercheck(*command, *options)
    assert ended.code == 2
    assert said in " ".join(ended.err.split())


@pytest.mark.parametrize("timeout", ["0.3", "0.3s", "0.005m"])
def test_a_timeout_takes_units(
    layercheck: Layercheck, command: list[str], ecr: LocalEcr, timeout: str
) -> None:
    ecr.set_latency(60_000)
    ended = layercheck(*command, "--timeout", timeout, "--summary", "json")
    assert (ended.code, json.loads(ended.out)["ended"]) == (4, "timeout")


@pytest.mark.parametrize(
    ("rate", "calls_per_second", "said"),
    [
        ([], 500, "at the default rate of 500 calls/s"),
        (["--rate", "2"], 2, "at the rate of 2 calls/s: 2.5 s"),
        (["--rate", "0.5"], 0.5, "at the rate of 0.5 calls/s: 10.0 s"),
        (["--rate", "quota"], 1000, "at the rate of 1,000 calls/s"),
        (["--rate", "max"], None, "at --rate max, as fast as the service answers"),
    ],
    ids=["default", "two", "half", "quota", "max"],
)
@pytest.mark.parametrize("verb", [["plan"], ["check", "app", "--dry-run"]], ids=["plan", "dry_run"])
def test_a_plan_is_timed_at_the_rate(
    layercheck: Layercheck,
    tmp_path: Path,
    verb: list[str],
    rate: list[str],
    calls_per_second: float | None,
    said: str,
) -> None:
    (tmp_path / "five.txt").write_text("\n".join(map(digest, range(5))))
    common = [*verb, "five.txt", "--batch-size", "1", *rate]
    assert said in layercheck(*common).out
    numbers = json.loads(layercheck(*common, "--format", "jsonl").out)
    assert numbers["rate_calls_per_second"] == calls_per_second
    assert numbers["seconds_at_rate"] == (None if calls_per_second is None else 5 / calls_per_second)


@pytest.mark.parametrize("unique", [False, True])
def test_rows_are_chosen_in_python_in_blocks_of_any_length(
    ecr: LocalEcr, tmp_path: Path, unique: bool
) -> None:
    """More rows than a record batch of 65,536, with digests that come again."""
    rows = [digest(number) for number in range(3_000)] * 50 + ["junk"]
    report = lc.check(rows, "app", client=ecr.client())
    for only in ("available", ["unavailable", "invalid"], lc.Verdict.UNAVAILABLE, ()):
        table = report.table(unique=unique, only=only)
        words = [only] if isinstance(only, str | lc.Verdict) else only
        wanted = {each if isinstance(each, str) else each.label for each in words}
        expected = [
            line for line in report.table(unique=unique).lines(0, len(rows)) if line["verdict"] in wanted
        ]
        assert len(table) == len(expected)
        assert table.lines(0, len(rows)) == expected
        assert table.lines(7, 9) == expected[7:9]
        report.write(tmp_path / "x.arrow", unique=unique, only=only)
        found = ipc.open_file(tmp_path / "x.arrow").read_all()
        assert found.column("row").to_pylist() == [line["row"] for line in expected]
    with pytest.raises(ValueError, match="unknown verdict 'gone'"):
        report.table(only=["gone"])
