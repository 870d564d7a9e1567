"""The report: counts, tables for every library, files, and the view in a notebook."""

from __future__ import annotations

import csv
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

import layercheck as lc
from layercheck._core import Ledger
from layercheck.testing import LocalEcr
from made_report import HOSTILE, A, B, C, D, report


def test_every_row_is_counted_once() -> None:
    made = report()
    assert sum(made.counts.values()) == made.rows == 6
    assert {word: rows for word, rows in made.counts.items() if rows} == {
        "available": 2,
        "unavailable": 1,
        "refused": 1,
        "invalid": 1,
        "not_checked": 1,
    }
    assert sum(made.unique_counts.values()) == made.plan.unique == 4
    assert not made.complete


def test_verdict_codes_are_in_input_order() -> None:
    verdict = lc.Verdict
    assert report().verdicts.tolist() == [
        *(verdict.AVAILABLE, verdict.UNAVAILABLE, verdict.AVAILABLE),
        *(verdict.INVALID, verdict.REFUSED, verdict.NOT_CHECKED),
    ]


def test_digests_of_a_verdict_are_unique_and_in_order() -> None:
    assert report().digests("available") == [A]
    assert report().digests(lc.Verdict.NOT_CHECKED) == [D]
    assert report().digests("invalid") == []
    with pytest.raises(
        ValueError, match="unknown verdict 'missing'; expected one of: not_checked, available"
    ):
        report().digests("missing")


COLUMNS = ["row", "digest", "verdict", "size", "media_type", "code", "reason", "input"]


def test_the_arrow_table_has_the_promised_columns() -> None:
    table = report().to_arrow()
    assert table.column_names == COLUMNS
    lines = table.to_pylist()
    assert [line["row"] for line in lines] == list(range(6))
    assert lines[0] == {
        "row": 0,
        "digest": A,
        "verdict": "available",
        "size": 123,
        "media_type": "a/b",
        "code": None,
        "reason": None,
        "input": None,
    }
    assert (lines[3]["digest"], lines[3]["input"], lines[3]["code"]) == (None, HOSTILE, "not_hexadecimal")
    assert (lines[4]["code"], lines[4]["reason"]) == ("InvalidLayerDigest", HOSTILE)


def test_the_unique_table_has_a_line_per_digest() -> None:
    lines = report().to_arrow(unique=True).to_pylist()
    assert [(line["row"], line["digest"]) for line in lines] == [(0, A), (1, B), (4, C), (5, D)]


@pytest.mark.parametrize("unique", [False, True])
def test_a_plain_table_says_the_same_in_types_that_every_engine_takes(unique: bool) -> None:
    made = report()
    plain = made.to_arrow(unique=unique, plain=True)
    assert plain.to_pylist() == made.to_arrow(unique=unique).to_pylist()
    assert {str(field.type) for field in plain.schema} == {"int64", "string"}
    assert all(field.nullable for field in plain.schema)
    assert plain.column_names == COLUMNS
    table = made.table(unique=unique, only="unavailable", plain=True)
    assert pa.table(table).to_pylist() == pa.table(made.table(unique=unique, only="unavailable")).to_pylist()
    assert pa.schema(table) == plain.schema


def test_a_plain_table_comes_in_batches_of_50_000_lines() -> None:
    made = report([f"{number:064x}" for number in range(120_000)])
    reader = pa.RecordBatchReader.from_stream(made.table(plain=True))
    assert [batch.num_rows for batch in reader] == [50_000, 50_000, 20_000]


def test_pandas_polars_and_the_stream_agree_with_arrow() -> None:
    made = report()
    expected = made.to_arrow().to_pylist()
    assert made.to_polars().to_dicts() == expected
    assert pa.table(made).to_pylist() == expected
    frame = made.to_pandas()
    assert frame["verdict"].tolist() == [line["verdict"] for line in expected]
    assert frame["digest"].dropna().tolist() == [line["digest"] for line in expected if line["digest"]]


def test_numpy_arrays_are_the_columns() -> None:
    arrays = report().to_numpy()
    assert arrays["verdict"].tolist() == report().verdicts.tolist()
    assert arrays["size"].tolist() == [123, -1, -1, -1]
    assert arrays["unique_verdict"][arrays["row_index"][2]] == lc.Verdict.AVAILABLE


def read_csv(path: Path) -> list[str | None]:
    with path.open(newline="", encoding="utf-8") as file:
        return [line["digest"] or None for line in csv.DictReader(file)]


def read_jsonl(path: Path) -> list[str | None]:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert all(list(json.loads(line)) == COLUMNS for line in lines)
    return [json.loads(line)["digest"] for line in lines]


def read_parquet(path: Path) -> list[str | None]:
    digests: list[str | None] = pyarrow.parquet.read_table(path)["digest"].to_pylist()
    return digests


def read_arrow(path: Path) -> list[str | None]:
    digests: list[str | None] = pyarrow.feather.read_table(path)["digest"].to_pylist()
    return digests


READERS: dict[str, Callable[[Path], list[str | None]]] = {
    "csv": read_csv,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "arrow": read_arrow,
}


@pytest.mark.parametrize("format", READERS)
def test_every_file_format_reads_back(format: str, tmp_path: Path) -> None:
    path = tmp_path / f"out.{format}"
    report().write(path)
    assert READERS[format](path) == [A, B, A, None, C, D]
    report().write(tmp_path / "other", format=format, unique=True)
    assert READERS[format](tmp_path / "other") == [A, B, C, D]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["other", path.name]


@pytest.mark.parametrize("format", READERS)
def test_a_report_without_rows_is_a_file_with_columns_only(format: str, tmp_path: Path) -> None:
    report([A, B, C]).write(tmp_path / "some", format=format)
    empty = lc.Report(Ledger(lc.plan([])).columns(), target=lc.Target("app"), stats=lc.RunStats())
    empty.write(tmp_path / "none", format=format)
    assert READERS[format](tmp_path / "none") == []
    assert empty.to_arrow().column_names == COLUMNS


@pytest.mark.parametrize("format", ["parquet", "arrow"])
def test_tables_longer_than_one_record_batch_are_written_whole(format: str, tmp_path: Path) -> None:
    rows = [f"sha256:{number:064x}" for number in range(150_000)]
    made = lc.Report(Ledger(lc.plan(rows)).columns(), target=lc.Target("app"), stats=lc.RunStats())
    made.write(tmp_path / "long", format=format)
    assert READERS[format](tmp_path / "long") == rows


def test_a_failed_write_leaves_the_old_file_and_no_temporary_file(tmp_path: Path) -> None:
    # A real failure: the process must not write files of more than 1,000 bytes.
    path = tmp_path / "out.csv"
    path.write_text("old")
    code = (
        "import layercheck as lc, resource, signal, sys\n"
        "from layercheck._core import Ledger\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "rows = [f'sha256:{n:064x}' for n in range(1000)]\n"
        "made = lc.Report(Ledger(lc.plan(rows)).columns(), target=lc.Target('app'), stats=lc.RunStats())\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    made.write(sys.argv[1])\nexcept OSError as error:\n    print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "27", done.stderr  # EFBIG
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_report_gets_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    plain, old = tmp_path / "plain", tmp_path / "old.csv"
    plain.touch()
    old.touch(mode=0o600)
    report().write(tmp_path / "new.csv")
    report().write(old)
    assert stat.S_IMODE((tmp_path / "new.csv").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    assert stat.S_IMODE(old.stat().st_mode) == 0o600


def test_writing_through_a_symbolic_link_replaces_its_file(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to(real)
    report().write(link)
    assert link.is_symlink()
    assert real.read_text().startswith("row,digest")


def test_unknown_formats_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot tell a format from the name .*out\.xlsx"):
        report().write(tmp_path / "out.xlsx")
    with pytest.raises(
        ValueError, match="unknown format 'xml'; expected one of: arrow, csv, html, jsonl, parquet"
    ):
        report().write(tmp_path / "out", format="xml")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(IsADirectoryError, match="Name a file in it"):
        report().write(tmp_path / "folder.csv")


@pytest.mark.parametrize(
    ("library", "use"),
    [
        ("pyarrow", "made.to_arrow()"),
        ("pyarrow", "made.write(sys.argv[1])"),
        ("pandas", "made.to_pandas()"),
        ("polars", "made.to_polars()"),
    ],
)
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    library: str, use: str, tmp_path: Path
) -> None:
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "import layercheck as lc\nfrom layercheck._core import Ledger\n"
        "made = lc.Report(Ledger(lc.plan([])).columns(), target=lc.Target('app'), stats=lc.RunStats())\n"
        f"try:\n    {use}\nexcept ImportError as error:\n    print(error)\n"
    )
    path = tmp_path / "out.parquet"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert f"needs {library}, which is not installed: pip install 'layercheck[" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x.csv", "x.html"])
def test_write_to_a_folder_that_is_not_there_names_the_folder(name: str, tmp_path: Path) -> None:
    path = tmp_path / "nodir" / name
    with pytest.raises(FileNotFoundError, match="its folder does not exist; make it first") as raised:
        report().write(path)
    assert raised.value.filename == str(tmp_path / "nodir")
    assert ".part" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_raise_for_failures_names_what_is_missing_first() -> None:
    with pytest.raises(
        lc.UnansweredError, match=r"1 of 6 rows have no answer \(0 unanswered, 1 not checked\)"
    ) as raised:
        report().raise_for_failures()
    assert raised.value.report is not None
    with pytest.raises(lc.InvalidDigestError, match=r"1 rows are invalid and 1 were refused .* row 3"):
        report([A, B, C, HOSTILE]).raise_for_failures()
    fine = lc.Report(Ledger(lc.plan([])).columns(), target=lc.Target("app"), stats=lc.RunStats())
    fine.raise_for_failures()


def test_raise_for_failures_raises_for_the_verdicts_that_are_named() -> None:
    with LocalEcr({"app": [A]}) as ecr:
        made = lc.check([A, B, B], "app", client=ecr.client())
        empty = lc.check([], "app", client=ecr.client())
    made.raise_for_failures()
    made.raise_for_failures(verdicts=["archived", "other"])
    with pytest.raises(lc.VerdictError, match=f"of 2 digests in app: 1 unavailable; first: {B}") as raised:
        made.raise_for_failures(verdicts=(lc.Verdict.ARCHIVED, "unavailable"))
    assert raised.value.report is made
    with pytest.raises(ValueError, match="nowhere"):
        made.raise_for_failures(verdicts="nowhere")
    empty.raise_for_failures()
    with pytest.raises(lc.UnansweredError, match="no rows"):
        empty.raise_for_failures(verdicts="unavailable")


def test_the_notebook_view_is_escaped_and_limited() -> None:
    shown = report()._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    many = report([A, B, C, *("junk" + str(number) for number in range(1_000))])._repr_html_()
    assert many.count("<tr>") < 40
    assert "20 of the 1,002 rows that are not available" in many


def test_repr_is_one_line_with_the_counts() -> None:
    assert repr(report()).startswith("Report('team/app', rows=6, available=2, unavailable=1")
    assert "\n" not in repr(report())


def test_the_folder_is_synced_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()) if sys.platform == "linux" else "")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    report().write(tmp_path / "out.csv")
    assert len(synced) == 2
    if sys.platform == "linux":
        assert synced[0].endswith(".part")
        assert synced[1] == str(tmp_path)
