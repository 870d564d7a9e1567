"""The delimiter, column or key that a file tells, and the note that names it."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest

import layercheck as lc

A, B, C = ("sha256:" + byte * 32 for byte in ("0a", "0b", "0c"))


class Told:
    """The plan of a file, and the notes that were logged."""

    def __init__(self, plan: lc.Plan, notes: list[str]) -> None:
        self.plan = plan
        self.digests = plan.texts(0, plan.unique)
        self.notes = [note.removesuffix(" of BytesIO") for note in notes]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Any:
    def read(text: str | bytes, format: Any = "csv", column: Any = None, **more: Any) -> Told:
        caplog.clear()
        data = text if isinstance(text, bytes) else text.encode()
        with caplog.at_level(logging.INFO, logger="layercheck"):
            plan = lc.plan(lc.read(io.BytesIO(data), format, column, **more))
        return Told(plan, [record.getMessage() for record in caplog.records])

    return read


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_header_tells_the_delimiter(told: Any, delimiter: str, quote: str, mark: bytes) -> None:
    rows = [("image", "digest", "size"), ("app", A, "1"), ("web", B, "2")]
    text = "\r\n".join(delimiter.join(f"{quote}{cell}{quote}" for cell in row) for row in rows)
    for column in (None, "digest", 1):
        assert told(mark + text.encode(), column=column).digests == [A, B]


@pytest.mark.parametrize(
    ("text", "digests"),
    [
        pytest.param(f'"image;tag";digest\n"a;b";{A}\n', [A], id="semicolons in quotes"),
        pytest.param(f"image,size;digest\n1,5;{A}\n2,5;{B}\n", [A, B], id="decimal commas, consistent twice"),
        pytest.param(f"digest\n{A}\n{B}\n", [A, B], id="one column"),
        pytest.param(f"digest; lower case\n{A}\n{B}\n", [A, B], id="a header with a semicolon, rows without"),
        pytest.param(f"a,digest\nx;y,{A}\nz;w,{B}\n", [A, B], id="semicolons in the values"),
        pytest.param(f"a;digest\nx;{A}\nshort\ny;{B}\n", [A, B], id="one short row"),
        pytest.param(f"a;digest\nx;{A}", [A], id="no line end"),
        pytest.param(f"x;{A}\ny;{B}\n", [A, B], id="no header"),
    ],
)
def test_the_delimiter_is_taken_where_it_is_plain(told: Any, text: str, digests: list[str]) -> None:
    if text.startswith("image,size;"):
        with pytest.raises(ValueError, match="which column holds the digests"):
            told(text)  # comma and semicolon both split it, so it is a comma
        assert told(text, delimiter=";").digests == digests
        return
    assert told(text).digests == digests


@pytest.mark.parametrize(
    ("delimiter", "character"),
    [(";", ";"), ("|", "|"), ("tab", "\t"), (r"\t", "\t"), ("\t", "\t"), ("~", "~")],
)
def test_a_given_delimiter_is_taken(told: Any, delimiter: str, character: str) -> None:
    text = f"image{character}digest\na,b{character}{A}\n"
    assert told(text, delimiter=delimiter).digests == [A]


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte-order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("delimiter", [";", "\t", "~", ","])
def test_a_first_line_of_excel_names_the_delimiter(told: Any, delimiter: str, end: str, mark: str) -> None:
    lines = [f"sep={delimiter}", f"name{delimiter}digest", f"a, b;c{delimiter}{A}", f"d{delimiter}no"]
    read = told(mark + end.join(lines).replace("a, b;c", '"a, b;c"') + end)
    assert read.digests == [A]
    # The line counts in the file, and is not a row.
    assert (read.plan.rows, read.plan.rejects[0].row) == (2, 1)
    if end != "\r":
        assert read.plan.rejects[0].line == 4


def test_a_given_delimiter_wins_over_that_of_the_first_line(told: Any) -> None:
    assert told(f"sep=;\nname|digest\na;b|{A}\n", delimiter="|").digests == [A]


@pytest.mark.parametrize("first", ["sep=", "sep=ab", 'sep="', "sep;x", "separator"])
def test_another_first_line_is_the_header(told: Any, first: str) -> None:
    assert told(f"{first}\n{A}\n", column=0).digests == [A]


@pytest.mark.parametrize("wrong", ["", ";;", '"', "\n", "\r", "\0", "§", "comma"])
def test_what_cannot_stand_between_fields_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"delimiter must be one character such as ; or \|, or tab, not"):
        lc.read("rows.csv", delimiter=wrong)


def test_a_delimiter_without_csv_is_refused() -> None:
    with pytest.raises(ValueError, match="only CSV has a delimiter, and the format is jsonl"):
        lc.read("rows.jsonl", delimiter=";")
    with pytest.raises(TypeError, match="delimiter must be one character, not int"):
        lc.read("rows.csv", delimiter=9)  # type: ignore[arg-type]


def test_a_file_named_tsv_has_tabs_where_a_comma_would_win_elsewhere(tmp_path: Path) -> None:
    text = f"a,b\tdigest\nx,y\t{A}\n"
    (tmp_path / "rows.tsv").write_text(text)
    (tmp_path / "rows.csv").write_text(text)
    assert lc.plan(lc.read(tmp_path / "rows.tsv")).unique == 1
    with pytest.raises(ValueError, match="no column"):
        lc.plan(lc.read(tmp_path / "rows.csv", column="digest"))


CHOSEN = {
    "the name": (f"image,digest,other\n{A},{B},{C}\n", 'column "digest"', [B]),
    "the name in capitals": (f"image, Digest \nx,{B}\n", 'column " Digest "', [B]),
    "the only one with digests": (f"image,layer\napp,{A}\nweb,{B}\n", 'column "layer"', [A, B]),
    "with empty cells": (f"image,layer\napp,\nweb,{B}\n", 'column "layer"', [B]),
    "two of the name, one holds digests": (f"digest,DIGEST\nx,{A}\n", 'column "DIGEST"', [A]),
    "without a header": (f"app,{A}\nweb,{B}\n", "column 1, counted from 0,", [A, B]),
    "other spellings": (f"image,layer\napp,{A[7:].upper()}\n", 'column "layer"', [A]),
}


@pytest.mark.parametrize(("text", "note", "digests"), CHOSEN.values(), ids=CHOSEN)
def test_the_column_of_the_digests_is_taken_with_a_note(
    told: Any, text: str, note: str, digests: list[str]
) -> None:
    found = told(text)
    assert (found.notes, found.digests) == ([note], digests)


@pytest.mark.parametrize(
    "text",
    [
        f"image,layer\n{A},{B}\n",
        "image,layer\napp,1\n",
        "image,layer\n",
        f"image,layer\n{'app,x' + chr(10)}" + f"web,{A}\n" + "web,junk\n" * 9,
    ],
    ids=["two hold digests", "none does", "no rows", "few values are digests"],
)
def test_without_one_column_of_digests_the_columns_are_listed(told: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r'choose one of "image", "layer" by column='):
        told(text)


def test_only_the_first_rows_are_looked_at(told: Any) -> None:
    with pytest.raises(ValueError, match="which column"):
        told("image,layer\n" + "app,\n" * 200 + f"app,{A}\n")
    with pytest.raises(ValueError, match="which column"):
        told(f"image,layer\n{'x' * 70_000},{A}\n")
    # What stands behind the first rows is read by the choice that they made.
    rows = f"app,{A}\n" * 150 + f"{B},{C}\n"
    assert told("image,layer\n" + rows).digests == [A, C]


def test_one_column_and_a_named_column_have_no_note(told: Any) -> None:
    assert told(f"layer\n{A}\n").notes == []
    assert told(f"image,digest\nx,{A}\n", column="digest").notes == []


def jsonl(*rows: Any) -> str:
    return "\n".join(map(json.dumps, rows))


KEYS = {
    "the name": (jsonl({"image": A, "digest": B}), ['key "digest"'], [B]),
    "the name in capitals": (jsonl({"image": A, "Digest": B}), ['key "Digest"'], [B]),
    "the only one with digests": (jsonl({"image": "app", "layer": A}), ['key "layer"'], [A]),
    "the only one": (jsonl({"layer": A}), ['key "layer"'], [A]),
    "the only one, without digests": (jsonl({"layer": "x"}), ['key "layer"'], []),
    "strings have no key": (jsonl(A, B), [], [A, B]),
    "late": (
        jsonl({"a": 1}, {"a": 1}, {"digest": A}, {"digest": B}),
        ['key "digest"', '2 records without the key "digest" (the first is row 0)'],
        [A, B],
    ),
    "gone once": (
        jsonl({"digest": A}, {"other": A}),
        ['key "digest"', '1 record without the key "digest" (the first is row 1)'],
        [A],
    ),
}


@pytest.mark.parametrize(("text", "notes", "digests"), KEYS.values(), ids=KEYS)
def test_the_key_of_the_digests_is_named(told: Any, text: str, notes: list[str], digests: list[str]) -> None:
    found = told(text, "jsonl")
    assert (found.notes, found.digests) == (notes, digests)


def test_a_record_without_the_key_shows_itself(told: Any) -> None:
    found = told(jsonl({"digest": A}, {"other": 1}, {"digest": None}), "jsonl", "digest")
    assert [reject.text for reject in found.plan.rejects] == ['{"other": 1}', None]
    assert found.notes == ['1 record without the key "digest" (the first is row 1)']


def test_several_keys_without_digests_are_listed(told: Any) -> None:
    for rows in ([{"a": "x", "b": 1}], [{"a": A, "b": B}]):
        with pytest.raises(ValueError, match=r'choose one of "a", "b" by column='):
            told(jsonl(*rows), "jsonl")


def test_json_lines_may_be_named_json(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(jsonl({"digest": A}, {"digest": B}))
    assert lc.plan(lc.read(path)).unique == 2


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_a_large_file_in_small_pieces_tells_the_same(told: Any, format: str) -> None:
    class Drops(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 7, 7))

    rows = [("app", f"sha256:{number:064x}") for number in range(3_000)]
    if format == "csv":
        text = "image;layer\n" + "".join(f"{image};{layer}\n" for image, layer in rows)
    else:
        text = jsonl(*({"image": image, "layer": layer} for image, layer in rows))
    whole = told(text, format).plan
    dropped = lc.plan(lc.read(Drops(text.encode()), format))  # type: ignore[arg-type]
    assert whole.unique == 3_000
    assert dropped.fingerprint() == whole.fingerprint()


def test_another_column_is_another_plan(told: Any) -> None:
    text = f"a;b,c\n{A};x,{B}\n{A};x,{B}\n"
    plans = [told(text, column="c").plan, told(text, column="a", delimiter=";").plan]
    assert plans[0].fingerprint() != plans[1].fingerprint()
