"""`diff` of report files: every format and style of writing, and files that are not reports."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import layercheck as lc
from fake_account import digests
from layercheck._core import Comparison
from layercheck.comparison.changes import CHANGES, LISTED
from layercheck.verdict import Verdict

D = digests(8)
WORDS = [verdict.label for verdict in Verdict]
COLUMNS = ["row", "digest", "verdict", "size", "media_type", "code", "reason", "input"]

Row = tuple[str | None, str]
"""Digest and verdict."""


def table(rows: list[Row]) -> list[dict[str, Any]]:
    blank = dict.fromkeys(COLUMNS)
    return [
        blank | {"row": at, "digest": digest, "verdict": verdict, "input": None if digest else 'j,"\nunk'}
        for at, (digest, verdict) in enumerate(rows)
    ]


def as_csv(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(table(rows))


def as_other_csv(path: Path, rows: list[Row]) -> None:
    """CSV as from a spreadsheet: a byte-order mark, quotes everywhere, other columns in another order."""
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["verdict", "note", "digest"])
        writer.writerows([verdict, "a\nb", digest or ""] for digest, verdict in rows)


def as_gzipped_csv(path: Path, rows: list[Row]) -> None:
    as_csv(path, rows)
    path.write_bytes(gzip.compress(path.read_bytes()))


def as_jsonl(path: Path, rows: list[Row]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in table(rows)))


def as_zstd_jsonl(path: Path, rows: list[Row]) -> None:
    as_jsonl(path, rows)
    path.write_bytes(pa.Codec("zstd").compress(path.read_bytes(), asbytes=True))


def arrow(rows: list[Row], digest: Any, verdict: Any, **others: Any) -> pa.Table:
    columns = {"verdict": pa.array([row[1] for row in rows], pa.string()).cast(verdict)}
    columns["digest"] = pa.array([row[0] for row in rows], pa.string()).cast(digest)
    return pa.table(columns | {name: [value] * len(rows) for name, value in others.items()})


def as_parquet(path: Path, rows: list[Row]) -> None:
    words = pa.dictionary(pa.int8(), pa.string())
    pq.write_table(arrow(rows, pa.string(), words), path, row_group_size=2)


def as_other_parquet(path: Path, rows: list[Row]) -> None:
    pq.write_table(arrow(rows, pa.large_string(), pa.large_string(), note="x"), path, use_dictionary=False)


def as_arrow(path: Path, rows: list[Row]) -> None:
    words = pa.dictionary(pa.int32(), pa.large_string())
    feather.write_feather(arrow(rows, pa.string(), words, note=[1]), path, chunksize=2)


def as_other_arrow(path: Path, rows: list[Row]) -> None:
    feather.write_feather(arrow(rows, pa.large_string(), pa.string()), path, compression="uncompressed")


WRITERS: dict[str, Callable[[Path, list[Row]], None]] = {
    "a.csv": as_csv,
    "b.csv": as_other_csv,
    "c.csv.gz": as_gzipped_csv,
    "d.jsonl": as_jsonl,
    "e.ndjson.zst": as_zstd_jsonl,
    "f.parquet": as_parquet,
    "g.pq": as_other_parquet,
    "h.arrow": as_arrow,
    "i.feather": as_other_arrow,
    "csv without a suffix": as_csv,
    "gzip without a suffix": as_gzipped_csv,
    "parquet without a suffix": as_parquet,
    "arrow.journal": as_arrow,
    "lines.journal": as_jsonl,
}


def change(before: str | None, after: str | None) -> str:
    """The expected change, computed in another way than in the package."""
    if before is None or after is None:
        return "added" if before is None else "removed"
    final = {"available", "unavailable", "archived", "refused", "other"}
    if not {before, after} <= final:
        return "unknown"
    if before == after:
        return "same"
    named = {
        ("available", "unavailable"): "vanished",
        ("archived", "unavailable"): "vanished",
        ("unavailable", "available"): "appeared",
        ("unavailable", "archived"): "appeared",
        ("available", "archived"): "archived",
        ("archived", "available"): "restored",
    }
    return named.get((before, after), "changed")


def expected(before: list[Row], after: list[Row]) -> dict[str, list[str]]:
    first, second = ({digest: word for digest, word in rows if digest} for rows in (before, after))
    found: dict[str, list[str]] = {word: [] for word in CHANGES}
    for digest in [*first, *(digest for digest in second if digest not in first)]:
        found[change(first.get(digest), second.get(digest))].append(digest)
    return found


@st.composite
def reports(draw: st.DrawFn) -> list[Row]:
    verdicts = draw(st.dictionaries(st.sampled_from(D), st.sampled_from(WORDS)))
    rows: list[Row] = [(digest, verdicts[digest]) for digest in verdicts]
    again = draw(st.lists(st.sampled_from(rows), max_size=5)) if rows else []
    return draw(st.permutations([*rows, *again, *[(None, "invalid")] * draw(st.integers(0, 2))]))


@settings(max_examples=150, deadline=None)
@given(before=reports(), after=reports(), forms=st.tuples(*[st.sampled_from(sorted(WRITERS))] * 2))
def test_diff_equals_a_slow_model(
    tmp_path_factory: pytest.TempPathFactory, before: list[Row], after: list[Row], forms: tuple[str, str]
) -> None:
    # An empty file with the suffix .journal is read as a journal without a run.
    assume(all(rows or form != "lines.journal" for form, rows in zip(forms, (before, after), strict=True)))
    folder = tmp_path_factory.mktemp("diff")
    for side, form, rows in zip("ab", forms, (before, after), strict=True):
        (folder / side).mkdir()
        WRITERS[form](folder / side / form, rows)
    changes = lc.diff(folder / "a" / forms[0], folder / "b" / forms[1])
    wanted = expected(before, after)
    assert {word: changes.digests(word) for word in CHANGES} == wanted
    assert changes.counts == {word: len(found) for word, found in wanted.items()}
    listed = {digest: word for word in LISTED for digest in wanted[word]}
    assert {line.digest: line.change for line in changes.lines()} == listed
    assert [line.digest for line in changes.lines()] == sorted(listed, key=changes.plan.texts(0, 99).index)
    sides = [{digest: word for digest, word in rows if digest} for rows in (before, after)]
    for line in changes.lines():
        assert (line.before, line.after) == (sides[0][line.digest], sides[1][line.digest])
    assert changes.to_arrow().to_pylist() == [line._asdict() for line in changes.lines()]
    open_words = {"not_checked", "unanswered", "invalid"}
    assert changes.sizes == tuple(map(len, sides))
    assert changes.unsettled == tuple(sum(word in open_words for word in side.values()) for side in sides)


@pytest.mark.parametrize("form", sorted(WRITERS))
def test_a_report_with_two_verdicts_for_a_digest_is_refused(tmp_path: Path, form: str) -> None:
    rows = [(D[0], "available"), (None, "invalid"), (D[1], "available"), (D[0], "unavailable")]
    WRITERS[form](tmp_path / form, rows)
    as_csv(tmp_path / "sound.csv", rows[:3])
    said = f"{tmp_path / form}: rows 0 and 3, counted from 0, say available and unavailable of {D[0]}; "
    for both in ((form, "sound.csv"), ("sound.csv", form)):
        with pytest.raises(ValueError) as refused:
            lc.diff(*(tmp_path / each for each in both))
        assert str(refused.value).startswith(said)


@pytest.mark.parametrize("form", sorted(WRITERS))
@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((D[2], "gone"), "unknown verdict"),
        ((D[2], ""), "unknown verdict"),
        (("junk", "available"), '"junk" is not a digest, but its verdict is available'),
        ((None, "not_checked"), '"" is not a digest, but its verdict is not_checked'),
    ],
)
def test_an_impossible_row_is_refused_with_its_line_or_row(
    tmp_path: Path, form: str, row: Row, said: str
) -> None:
    WRITERS[form](tmp_path / form, [(D[0], "available"), (D[1], "archived"), row])
    with pytest.raises(ValueError) as refused:
        lc.diff(tmp_path / form, tmp_path / form)
    message = str(refused.value)
    assert said in message
    text = form.startswith(("a.", "b.", "c.", "d.", "e.", "csv", "gzip", "lines"))
    header = 0 if form.startswith(("d.", "e.", "lines")) else 1
    # In `as_other_csv`, each record has two lines.
    place = f"line {6 if form == 'b.csv' else 3 + header}: " if text else "row 2, counted from 0: "
    assert message.startswith(f"{tmp_path / form}: {place}")


def test_digests_in_other_spellings_are_joined(tmp_path: Path) -> None:
    as_csv(tmp_path / "a.csv", [(D[0], "available"), (D[1], "available"), ("junk", "invalid")])
    as_jsonl(tmp_path / "b.jsonl", [(D[1].upper(), "unavailable"), (D[0].partition(":")[2], "available")])
    changes = lc.diff(tmp_path / "a.csv", tmp_path / "b.jsonl")
    assert (changes.digests("same"), changes.digests("vanished")) == ([D[0]], [D[1]])
    assert changes.sizes == (2, 2)


@pytest.mark.parametrize("form", ["a.csv", "b.csv", "d.jsonl", "f.parquet", "h.arrow"])
def test_a_file_that_is_cut_short_is_an_error_or_ends_with_a_row(tmp_path: Path, form: str) -> None:
    WRITERS[form](tmp_path / form, [(digest, "unavailable") for digest in D])
    (tmp_path / "none.jsonl").touch()
    content, sizes, messages = (tmp_path / form).read_bytes(), set(), set()
    for length in range(len(content)):
        (tmp_path / form).write_bytes(content[:length])
        try:
            changes = lc.diff(tmp_path / "none.jsonl", tmp_path / form)
        except ValueError as error:
            messages.add(str(error).partition(": ")[0])
        else:
            # A file cut at the end of a row looks complete, but it must not add rows.
            assert changes.digests("added") == D[: changes.sizes[1]]
            assert set(changes.after.tolist()) <= {int(Verdict.UNAVAILABLE)}
            sizes.add(changes.sizes[1])
    assert messages == {str(tmp_path / form)}
    assert len(sizes) == (len(D) + 1 if form.endswith(("csv", "jsonl")) else 0)


def test_a_compressed_report_that_is_cut_short_is_an_error(tmp_path: Path) -> None:
    as_gzipped_csv(tmp_path / "a.csv.gz", [(digest, "available") for digest in D])
    as_zstd_jsonl(tmp_path / "b.jsonl.zst", [(digest, "available") for digest in D])
    for name in ("a.csv.gz", "b.jsonl.zst"):
        content = (tmp_path / name).read_bytes()
        for length in range(4, len(content)):
            (tmp_path / name).write_bytes(content[:length])
            with pytest.raises((OSError, ValueError), match=name):
                lc.diff(tmp_path / name, tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "there are none"),
        ("a.csv", b"row,other\n1,2\n", 'not a report: a report has the columns .* there are "row", "other"'),
        ("a.csv", b"digest,verdict,verdict\n", "each once"),
        ("a.csv", b"digest,verdict\n" + b"x" * (2 << 20), "line 2: the line is longer than 1048576 bytes"),
        (
            "a.csv",
            b"digest,verdict\n\xff\xfe\x00\x1b[2J,available\n",
            'line 2: "..\\\\0\\\\u{1b}\\[2J" is no',
        ),
        ("a.csv", b'digest,verdict\n"\n\n', "line 2: the line opens quotes that are never closed"),
        ("a.jsonl", b'{"digest": null}\n', "line 1: missing field `verdict`"),
        ("a.jsonl", b'{"verdict": 1}\n', "line 1: invalid type: integer `1`, expected a string"),
        ("a.jsonl", b'{"verdict": "invalid"}\n\xff\n', "line 2: the line is not a JSON object"),
        ("a.jsonl", b'{"verdict": "' + b"x" * (2 << 20), "line 1: the line is longer than 1048576 bytes"),
        ("a.parquet", b"PAR1", "cannot be read as Parquet: .*; is the file cut short\\?"),
        ("a.parquet", b"digest,verdict\n", "cannot be read as Parquet"),
        ("a.arrow", b"ARROW1\0\0", "cannot be read as Arrow"),
    ],
    ids=range(13),
)
def test_a_file_that_is_not_a_report_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=said) as refused:
        lc.diff(tmp_path / name, tmp_path / name)
    assert str(refused.value).startswith(f"{tmp_path / name}: ")
    assert len(str(refused.value)) < 400 + len(str(tmp_path))
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize("write", [pq.write_table, feather.write_feather])
@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"digest": D[:1]}, "not a report: it needs the columns .* it has 'digest'"),
        (
            {"digest": D[:1], "verdict": [1]},
            "not a report: its column 'verdict' has the type int64, not text",
        ),
        ({"digest": D[:1], "verdict": [None]}, "row 0, counted from 0: unknown verdict 'None'"),
        (
            {"digest": [1.5], "verdict": ["available"]},
            "not a report: an Arrow column of float64 holds no digests",
        ),
        (
            {"digest": D[:1], "verdict": [["available"]]},
            "not a report: its column 'verdict' has the type list<",
        ),
    ],
    ids=range(5),
)
def test_columns_of_other_types_are_refused(
    tmp_path: Path, write: Any, columns: dict[str, list[Any]], said: str
) -> None:
    file = tmp_path / f"a.{'parquet' if write is pq.write_table else 'arrow'}"
    write(pa.table(columns), str(file))
    with pytest.raises(ValueError, match=said) as refused:
        lc.diff(file, file)
    assert str(refused.value).startswith(f"{file}: ")


def test_unused_categories_are_ignored(tmp_path: Path) -> None:
    words = pa.DictionaryArray.from_arrays(pa.array([1], pa.int8()), ["gone", "available"])
    pq.write_table(pa.table({"digest": D[:1], "verdict": words}), tmp_path / "a.parquet")
    feather.write_feather(pa.table({"digest": D[:1], "verdict": words}), str(tmp_path / "a.arrow"))
    assert lc.diff(tmp_path / "a.parquet", tmp_path / "a.arrow").digests("same") == D[:1]


def test_a_report_can_come_through_a_pipe(tmp_path: Path) -> None:
    as_jsonl(tmp_path / "a.jsonl", [(D[0], "available")])
    reading, writing = os.pipe()
    with subprocess.Popen(["gzip", "-c", tmp_path / "a.jsonl"], stdout=writing):
        os.close(writing)
        changes = lc.diff(f"/dev/fd/{reading}", tmp_path / "a.jsonl")
    os.close(reading)
    assert changes.digests("same") == D[:1]


def test_a_comparison_with_an_unreadable_source_is_not_joined() -> None:
    raw, codes = np.ones((2, 32), dtype=np.uint8), np.ones(2, dtype=np.uint8)
    cases: list[tuple[Callable[[Comparison], None], str]] = [
        (lambda comparison: comparison.extend_raw(raw, codes[:1]), "2 digests, but 1 verdicts"),
        (lambda comparison: comparison.extend_arrow(pa.array(D[:1]), codes), "1 digests, but 2 verdicts"),
        (lambda comparison: comparison.extend_raw(raw, codes + 7), "no verdict has the code 8"),
        (lambda comparison: comparison.extend_arrow(pa.array([1.5]), codes[:1]), "holds no digests"),
    ]
    for fail, said in cases:
        comparison = Comparison()
        comparison.begin("one")
        comparison.extend_raw(raw, codes)
        with pytest.raises((ValueError, TypeError), match=said):
            fail(comparison)
        if said == "holds no digests":
            # Its verdicts were added before its digests failed.
            with pytest.raises(ValueError, match="joined already, or could not be read"):
                comparison.finish()
            continue
        plan, (one,) = comparison.finish()
        assert (plan.unique, one.tolist()) == (1, [1])


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    folders, missing = (tmp_path / "folder", tmp_path / "folder.parquet"), tmp_path / "none.csv"
    for folder in folders:
        folder.mkdir()
    kinds = {missing: FileNotFoundError} | dict.fromkeys(folders, IsADirectoryError)
    for path, kind in kinds.items():
        with pytest.raises(kind) as refused:
            lc.diff(path, path)
        assert refused.value.filename == str(path)
    with pytest.raises(lc.JournalError, match="there is no journal"):
        lc.diff(tmp_path / "none", tmp_path / "none")
