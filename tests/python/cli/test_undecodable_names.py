"""File names and arguments that are not UTF-8, which Linux allows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from layercheck.testing import LocalEcr

from .conftest import Layercheck, digest

LATIN = os.fsdecode(b"caf\xe9")
SHOWN = r"caf\udce9"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    try:
        (tmp_path / f"{LATIN}.txt").write_text(f"{digest(0)}\n")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (tmp_path / "one.txt").write_text(f"{digest(0)}\nwrong\n")
    return tmp_path


@pytest.mark.parametrize("others", [[], ["one.txt"]], ids=["alone", "beside another"])
def test_a_file_with_such_a_name_is_read(others: list[str], folder: Path, layercheck: Layercheck) -> None:
    ended = layercheck("plan", f"{LATIN}.txt", *others, "--format", "jsonl")
    assert (ended.code, ended.err) == (0, "")
    assert '"unique": 1' in ended.out


def test_a_message_about_such_a_file_is_one_printable_line(folder: Path, layercheck: Layercheck) -> None:
    (folder / f"{LATIN}.csv").write_text("a,b\n1,2\n")
    ended = layercheck("plan", "one.txt", f"{LATIN}.csv")
    assert ended.code == 1
    assert SHOWN in ended.err.replace("\\\\", "\\")
    assert "unexpected" not in ended.err


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "csv.gz"])
def test_diff_reads_a_report_that_check_wrote_under_such_a_name(
    suffix: str, folder: Path, check: Layercheck, layercheck: Layercheck
) -> None:
    name = f"{LATIN}.{suffix}"
    assert check("app", "one.txt", "-o", name, "-o", "plain.csv").code == 3
    ended = layercheck("diff", name, "plain.csv")
    assert (ended.code, ended.err) == (0, "")
    assert SHOWN in ended.out


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_parquet_and_arrow_are_read_under_such_a_name_and_refused_before_asking_to_write_one(
    suffix: str, folder: Path, check: Layercheck, layercheck: Layercheck, local_ecr: LocalEcr
) -> None:
    name = f"{LATIN}.{suffix}"
    refused = check("app", "one.txt", "-o", name)
    assert (refused.code, len(local_ecr.calls)) == (1, 0)
    assert f"'{SHOWN}.{suffix}'" in refused.err
    assert "choose another name" in refused.err
    assert check("app", "one.txt", "-o", f"plain.{suffix}", "-o", "plain.csv").code == 3
    (folder / f"plain.{suffix}").rename(folder / name)
    assert layercheck("plan", name, "--column", "digest", "--format", "jsonl").code == 0
    ended = layercheck("diff", name, "plain.csv")
    assert (ended.code, ended.err) == (0, "")
    assert SHOWN in ended.out


def test_diff_reads_a_journal_with_such_a_name(
    folder: Path, check: Layercheck, layercheck: Layercheck
) -> None:
    assert check("app", "one.txt", "--journal", LATIN, "-o", "plain.csv").code == 3
    ended = layercheck("diff", LATIN, "plain.csv")
    assert (ended.code, ended.err) == (0, "")


def test_a_broken_report_with_such_a_name_is_one_printable_line(folder: Path, layercheck: Layercheck) -> None:
    (folder / f"{LATIN}.parquet").write_bytes(b"PAR1 and no more")
    ended = layercheck("diff", f"{LATIN}.parquet", f"{LATIN}.parquet")
    assert ended.code == 1
    assert SHOWN in ended.err
    assert "unexpected" not in ended.err


def test_a_column_that_is_not_utf_8_is_wrong_usage(folder: Path, layercheck: Layercheck) -> None:
    (folder / "two.csv").write_text(f"digest,size\n{digest(0)},1\n")
    ended = layercheck("plan", "two.csv", "--column", os.fsdecode(b"\xe9"))
    assert ended.code == 2
    assert "'--column'" in ended.err
    assert "UTF-8" in ended.err
    assert "enum" not in ended.err
