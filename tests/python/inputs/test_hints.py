"""An input that holds hardly any digest has one hint, and a good input has none."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import io
import json
import lzma
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import digest_strategies as ds
import layercheck as lc

RAW = [hashlib.sha256(str(number).encode()).digest() for number in range(5)]
HEX = [raw.hex() for raw in RAW]
DIGESTS = [f"sha256:{digits}" for digits in HEX]
QUOTES, SEVERAL, TABLE = "in quotes", "tr -s", "--input-format csv"
JSON_LINES, MANIFEST, JSON = "--input-format jsonl", "manifest", "strings"

HINTS = [
    ("jq without -r", "\n".join(json.dumps(one) for one in DIGESTS), QUOTES),
    ("lines out of a JSON array", "".join(f'  "{one}",\n' for one in DIGESTS), QUOTES),
    ("single quotes", "\n".join(f"'{one}'" for one in HEX), QUOTES),
    ("commas at the ends", "".join(f"{one},\n" for one in DIGESTS), QUOTES),
    ("one JSON array in one line", json.dumps(DIGESTS), JSON),
    ("a JSON array over many lines", json.dumps([{"digest": one} for one in DIGESTS], indent=2), JSON),
    ("objects over many lines", "\n".join(json.dumps({"digest": one}, indent=2) for one in DIGESTS), JSON),
    ("a cut array", json.dumps(DIGESTS * 9), JSON),
    ("JSON Lines", "\n".join(json.dumps({"digest": one}) for one in DIGESTS), JSON_LINES),
    ("one object", json.dumps({"digest": DIGESTS[0]}), JSON_LINES),
    ("manifests in a line each", 2 * (json.dumps({"schemaVersion": 2, "layers": DIGESTS}) + "\n"), MANIFEST),
    (
        "manifests over many lines",
        2 * json.dumps({"schemaVersion": 2, "layers": [{"digest": one} for one in DIGESTS]}, indent=3),
        MANIFEST,
    ),
    ("the text output of the AWS CLI", "\t".join(DIGESTS), SEVERAL),
    ("several with spaces", " ".join(HEX), SEVERAL),
    ("several with commas", ",".join(DIGESTS), SEVERAL),
    ("several on each of many lines", "\n".join(f"{one} {one}" for one in DIGESTS), SEVERAL),
    ("CSV", "image,digest\n" + "\n".join(f"app,{one}" for one in DIGESTS), TABLE),
    ("CSV with quotes", "image,digest\n" + "\n".join(f'"app","{one}"' for one in DIGESTS), TABLE),
    ("CSV of one line", f"app;{DIGESTS[0]};12", TABLE),
    ("tabs", "\n".join(f"app\t{one}\t12" for one in DIGESTS), TABLE),
    ("percent-encoded", "\n".join(f"sha256%3A{one}" for one in HEX), "percent-encoded"),
    ("percent-encoded in URLs", "\n".join(f"/blobs/sha256%3a{one}?a" for one in HEX), "percent-encoded"),
    ("SRI", "\n".join("sha256-" + base64.b64encode(raw).decode() for raw in RAW), "base64"),
    ("base64 alone", "\n".join(base64.b64encode(raw).decode() for raw in RAW), "base64"),
    ("HTML", "<!DOCTYPE html>\n<html>\n<p>\n</p>\n", "HTML"),
    ("binary", "\x7fELF\x02\x01\0\0\n\0\0\n", "looks binary"),
    ("words", "latest\nstable\n", "no row is a digest"),
    ("numbers", "1\n2\n", "no row is a digest"),
]


@pytest.mark.parametrize(("text", "hint"), [case[1:] for case in HINTS], ids=[case[0] for case in HINTS])
def test_an_input_without_digests_says_what_it_looks_like(text: str, hint: str, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_text(text)
    for plan in (
        lc.plan(path),
        lc.plan(text.splitlines()),
        lc.plan(io.BytesIO(b"\xef\xbb\xbf" + text.encode())),
    ):
        assert plan.unique == 0
        assert plan.hint is not None
        assert hint in plan.hint
        assert "\n" not in plan.hint


def test_strict_mode_that_rejects_everything_says_so() -> None:
    assert "leave out strict" in (lc.plan(HEX, strict=True).hint or "")
    assert lc.plan(HEX).hint is None


def test_raw_digests_that_are_read_as_text_say_so() -> None:
    hint = lc.plan(RAW).hint
    assert hint is not None
    assert "raw=True" in hint
    assert "--raw" in hint
    assert lc.plan(RAW, raw=True).hint is None
    # The hex digits of an MD5 have 32 bytes too, and are text.
    assert "raw" not in (lc.plan([digits[:32] for digits in HEX]).hint or "")


def test_one_digest_in_a_hundred_rows_is_enough_to_have_no_hint() -> None:
    rows = [f'"{one}"' for one in DIGESTS] * 40
    assert lc.plan([*rows[:99], DIGESTS[0]]).hint is None
    assert QUOTES in (lc.plan([*rows[:100], DIGESTS[0]]).hint or "")
    # Few digests among rows of no special look: not one rule says what they are.
    assert lc.plan(["latest"] * 200 + [DIGESTS[0]]).hint is None


def test_the_representation_of_a_plan_shows_the_hint() -> None:
    assert "no row is a digest" in repr(lc.plan(["latest"]))
    assert "hint" not in repr(lc.plan(DIGESTS))
    assert lc.plan([]).hint is None


@settings(deadline=None, max_examples=200)
@given(rows=st.lists(ds.rows, max_size=40), good=st.integers(1, 5))
def test_an_input_with_digests_never_has_a_hint(rows: list[object], good: int) -> None:
    assert lc.plan([*DIGESTS[:good], *rows]).hint is None
    assert lc.plan([*rows, *HEX[:good]]).hint is None


@settings(deadline=None, max_examples=200)
@given(rows=st.lists(ds.rows, max_size=80), strict=st.booleans())
def test_a_hint_of_any_rows_is_one_line(rows: list[object], strict: bool) -> None:
    plan = lc.plan(rows, strict=strict)
    if plan.rows and not plan.unique:
        assert plan.hint is not None
        assert plan.hint.isprintable()


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("digests.txt", DIGESTS[0])
    return packed.getvalue()


LINES = "\n".join(DIGESTS)
FOREIGN = [
    ("UTF-16", LINES.encode("utf-16"), "it is UTF-16 text; convert it with: iconv -f utf-16 -t utf-8"),
    ("UTF-16 in the other order", b"\xfe\xff" + LINES.encode("utf-16-be"), "UTF-16"),
    ("UTF-16 without a mark", LINES.encode("utf-16-le"), "UTF-16"),
    ("UTF-16 in the other order without a mark", LINES.encode("utf-16-be"), "UTF-16"),
    ("UTF-32", LINES.encode("utf-32"), "UTF-32"),
    ("xz", lzma.compress(LINES.encode()), "xz -dc"),
    ("bzip2", bz2.compress(LINES.encode()), "bzip2 -dc"),
    ("zip", zipped(), "unzip -p"),
    ("lz4", bytes.fromhex("04224d1864"), "lz4 -dc"),
    ("7z", bytes.fromhex("377abcaf271c0004"), "7z x"),
    ("SQLite", b"SQLite format 3\0\x10\0", "layercheck journal export"),
    ("tar", bytes(257) + b"ustar", "tar archive"),
]


@pytest.mark.parametrize(("data", "said"), [case[1:] for case in FOREIGN], ids=[case[0] for case in FOREIGN])
def test_a_file_that_is_not_text_is_an_error_and_not_invalid_rows(
    data: bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "input"
    for content in (data, gzip.compress(data)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=said) as by_path:
            lc.plan(path)
        assert str(by_path.value).startswith(f"{path}: it is ")
        with pytest.raises(ValueError, match=f"^it is .*{said}|^{said}"):
            lc.plan(io.BytesIO(content))
        for format_ in ("csv", "jsonl"):
            with pytest.raises(ValueError, match=said):
                lc.plan(lc.read(path, format_))


@pytest.mark.parametrize("word", ["ORC", "PAR1", "FEA1", "BZh9", "PK", "7z", "ORC sha256"])
def test_a_text_that_begins_with_the_letters_of_a_magic_number_is_a_text(word: str) -> None:
    plan = lc.plan(io.BytesIO(f"{word}\n{LINES}\n".encode()))
    assert (plan.rows, plan.unique) == (6, 5)


@pytest.mark.parametrize("rows", [[one.encode() for one in DIGESTS], [one.encode() for one in HEX]])
def test_the_text_of_digests_that_is_read_as_raw_digests_says_so(rows: list[bytes]) -> None:
    assert str(lc.plan(rows, raw=True).hint).startswith(
        "the rows are the text of digests and not raw digests"
    )
    assert "not raw digests" not in str(lc.plan([raw[:20] for raw in RAW], raw=True).hint)
    assert "not raw digests" not in str(lc.plan([raw + raw for raw in RAW], raw=True).hint)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("layers.csv", "image,digest\n" + "".join(f"app,{one}\n" for one in DIGESTS), "digests of CSV"),
        (
            "layers.jsonl",
            "".join(json.dumps({"digest": one}) + "\n" for one in DIGESTS),
            "digests of JSONL",
        ),
    ],
)
def test_a_path_of_a_table_that_is_read_as_lines_warns_and_names_read(
    name: str, text: str, says: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.warns(UserWarning, match=says) as caught:
        made = lc.plan(path)
    assert made.unique == 0
    assert caught[0].filename.endswith("test_hints.py")
    assert f"layercheck.read({str(path)!r})" in str(caught[0].message)
    assert lc.plan(lc.read(path)).unique == len(DIGESTS)


def test_a_path_with_digests_in_its_lines_does_not_warn(tmp_path: Path) -> None:
    path = tmp_path / "digests.csv"
    path.write_text("digest\n" + "\n".join(DIGESTS))
    assert lc.plan(path).unique == len(DIGESTS)
