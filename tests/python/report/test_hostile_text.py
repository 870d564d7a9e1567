"""Text from outside in written reports: shown by terminals and spreadsheets, and read back exactly."""

from __future__ import annotations

import csv
import json
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import layercheck as lc
from layercheck._core import Ledger

A, B, C = ("sha256:" + byte * 32 for byte in ("0a", "0b", "0c"))
FROM_OUTSIDE = ["media_type", "code", "reason", "input"]
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    " =1",
    '"=1"',
    "a;=1",
    "a| @b",
    "x,-1",
]
ESCAPES = [
    "\x1b[2J",
    "\x07",
    "\x7f",
    "\x9b31m",
    "\u202e",
    "\u2066",
    "\u200b",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\U000e0041",
]
PLAIN = ["caf\u00e9", "日本", "a-b=c", "back\\slash", "\\u003d", "'quoted'", '"', ""]


def report(text: str) -> lc.Report:
    """A report whose four columns from outside all hold the text."""
    plan = lc.plan([A, text, B, C])
    ledger = Ledger(plan)
    layers = [
        {"layerDigest": A, "layerAvailability": "AVAILABLE", "layerSize": 1, "mediaType": text},
        {"layerDigest": B, "layerAvailability": text},
    ]
    failures = [{"layerDigest": C, "failureCode": text, "failureReason": text}]
    ledger.merge(0, 3, {"layers": layers, "failures": failures})
    return lc.Report(ledger.columns(), target=lc.Target("app"), stats=lc.RunStats())


def written(text: str, suffix: str) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"report{suffix}"
        report(text).write(path)
        return path.read_bytes().decode("utf-8")


def undone(cell: str) -> str:
    """The exact text of a CSV cell, as docs/reference/report-files.md says it."""
    text: str = json.loads('"' + cell.replace('"', '\\"') + '"')
    return text


def shown(lines: str) -> bool:
    """Whether a terminal shows every character of the lines and does nothing else."""
    acting = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs"}
    return all(character in " \n" or unicodedata.category(character) not in acting for character in lines)


texts = st.text(
    st.one_of(st.sampled_from("=+-@,;|\"' \\\n\t\x1b\x9b\u202e\u2028u0"), st.characters(codec="utf-8"))
)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize("text", ESCAPES, ids=ascii)
def test_no_file_of_lines_holds_a_character_that_a_terminal_acts_on(text: str, suffix: str) -> None:
    lines = written(f"a{text}b", suffix)
    assert shown(lines)
    assert f"a\\u{text.encode('utf-16-be')[:2].hex()}" in lines


@given(texts)
def test_every_record_is_one_line_of_visible_characters(text: str) -> None:
    for suffix, header in ((".csv", 1), (".jsonl", 0)):
        lines = written(text, suffix)
        assert shown(lines)
        assert len(lines.splitlines()) == 4 + header


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
@pytest.mark.parametrize("separator", [",", ";", "|", "\t"], ids=ascii)
def test_no_cell_begins_a_formula_whatever_the_spreadsheet_takes_for_the_separator(
    text: str, separator: str
) -> None:
    for line in written(text, ".csv").splitlines():
        for cell in next(csv.reader([line], delimiter=separator)):
            assert not cell.strip(' "').startswith(tuple("=+-@\uff1d\uff0b\uff0d\uff20")), line


@given(texts)
@example("\\")
@example('\\"')
def test_every_text_reads_back_exactly_from_csv_and_json_lines(text: str) -> None:
    made = report(text)
    expected = [{name: line[name] or "" for name in FROM_OUTSIDE} for line in made.table().lines(0, 4)]
    cells = list(csv.DictReader(written(text, ".csv").splitlines()))
    assert [{name: undone(line[name]) for name in FROM_OUTSIDE} for line in cells] == expected
    lines = [json.loads(line) for line in written(text, ".jsonl").split("\n")[:-1]]
    assert [{name: line[name] or "" for name in FROM_OUTSIDE} for line in lines] == expected


@pytest.mark.parametrize("text", PLAIN, ids=ascii)
def test_plain_text_stays_as_it_is_but_for_a_doubled_backslash(text: str) -> None:
    line = list(csv.DictReader(written("a" + text, ".csv").splitlines()))[1]
    assert line["input"] == "a" + text.replace("\\", "\\\\")


@pytest.mark.parametrize("text", [*FORMULAS, *ESCAPES, *PLAIN], ids=ascii)
def test_every_format_of_one_report_says_the_same_to_diff(text: str, tmp_path: Path) -> None:
    names = [tmp_path / f"report.{suffix}" for suffix in ("parquet", "csv", "jsonl", "arrow")]
    made = report(text)
    for name in names:
        made.write(name)
    assert pyarrow.parquet.read_table(names[0])["input"].to_pylist()[1] in (text, None)
    for name in names[1:]:
        counts = lc.diff(names[0], name).counts
        assert counts["same"] + counts["unknown"] == sum(counts.values()) == 3
