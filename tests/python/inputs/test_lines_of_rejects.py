"""A rejected row knows its line in the file, and the file if the command read several."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import layercheck as lc
from layercheck import _core
from layercheck.inputs.files import FileRows

A = "sha256:" + "ab" * 32


def lines_of(plan: lc.Plan) -> list[int | None]:
    return [reject.line for reject in plan.rejects]


def read(data: bytes, format_: str, column: str | int | None = None) -> FileRows:
    return lc.read(io.BytesIO(data), format_, column)  # type: ignore[arg-type]


TEXT = f"# head\n\n{A}\nbad\r\n \t\n{A}\n  # more\nworse".encode()
FILES: list[tuple[str, Callable[[], object], list[int | None]]] = [
    ("text", lambda: io.BytesIO(TEXT), [4, 8]),
    ("text with a byte-order mark", lambda: io.BytesIO(b"\xef\xbb\xbf" + TEXT), [4, 8]),
    ("gzip", lambda: io.BytesIO(gzip.compress(TEXT)), [4, 8]),
    ("the first line", lambda: io.BytesIO(b"bad"), [1]),
    ("a line that is too long", lambda: io.BytesIO(b"\n" + b"z" * 200_000 + b"\nbad"), [2, 3]),
    ("CSV", lambda: read(f"a,b\n1,{A}\n2,bad\n".encode(), "csv", "b"), [3]),
    ("CSV with CRLF", lambda: read(f"a,b\r\n1,{A}\r\n\r\n2,bad\r\n".encode(), "csv", "b"), [5 - 1]),
    ("CSV without a header", lambda: read(f"{A},1\nbad,2".encode(), "csv", 0), [2]),
    ("CSV with a blank first line", lambda: read(b"\n\na\nbad\n\nbad", "csv"), [4, 6]),
    ("CSV with line ends in quotes", lambda: read(b'a,b\n"x\n\ny",bad\n"z\n",\nq\n', "csv", "b"), [2, 5, 7]),
    ("CSV with line ends in the column", lambda: read(b'a\n"b\na\nd"\nbad\n', "csv"), [2, 5]),
    ("JSON Lines", lambda: read(f'\n"{A}"\n \n"bad"\n{{\nnull'.encode(), "jsonl"), [4, 5, 6]),
    ("a list", lambda: ["bad", A, None], [None, None]),
    ("an Arrow column", lambda: pa.array(["bad"]), [None]),
]


@pytest.mark.parametrize(("make", "lines"), [case[1:] for case in FILES], ids=[case[0] for case in FILES])
def test_a_rejected_row_has_the_line_of_its_file(make: Callable[[], object], lines: list[int | None]) -> None:
    assert lines_of(lc.plan(make())) == lines


def test_a_path_gives_the_same_lines_as_an_open_file(tmp_path: Path) -> None:
    path = tmp_path / "digests.txt"
    path.write_bytes(TEXT)
    assert lines_of(lc.plan(path)) == [4, 8]


def test_the_message_names_line_and_row() -> None:
    plan = lc.plan(io.BytesIO(f"# head\n{A}\nlatest\n".encode()))
    assert plan.rejects[0].message.startswith("line 3 (row 1), offset 0: 'l' is not hexadecimal; ")
    assert repr(plan.rejects[0]) == "Reject(row=1, line=3, kind='not_hexadecimal', offset=0, text='latest')"
    assert lc.plan(["latest"]).rejects[0].message.startswith("row 0, offset 0: ")


def test_each_file_of_several_is_named_and_counts_its_own_lines(tmp_path: Path) -> None:
    table = tmp_path / "layers.parquet"
    pq.write_table(pa.table({"layer": ["bad"]}), table)
    planner = _core.Planner()
    planner.name_file("one.txt")
    planner.read(io.BytesIO(b"\nbad\n"))
    planner.name_file("no rows")
    planner.read(io.BytesIO(b"# nothing\n"))
    planner.name_file("two\n.csv")
    planner.read_csv(io.BytesIO(b"a\n\nbad\n"), None)
    planner.name_file("layers.parquet")
    FileRows(str(table), "parquet", None).feed(planner)
    rejects = planner.finish(100).rejects
    assert [(one.file, one.line) for one in rejects] == [
        ("one.txt", 2),
        ("two\n.csv", 3),
        ("layers.parquet", None),
    ]
    starts = [one.message.partition(", offset")[0] for one in rejects]
    assert starts == ["one.txt:2 (row 0)", "two\\n.csv:3 (row 1)", "layers.parquet (row 2)"]


def test_rows_after_a_file_have_no_line() -> None:
    planner = _core.Planner()
    planner.read_jsonl(io.BytesIO(b"null\n"), None)
    planner.extend(["bad"])
    planner.read_csv(io.BytesIO(b"a\nbad\n"), None)
    planner.extend(["bad"])
    assert lines_of(planner.finish(100)) == [1, None, 2, None]


@settings(deadline=None, max_examples=300)
@given(
    records=st.lists(
        st.tuples(
            st.sampled_from(["x", '"x"', '"x\ny"', '"x\r\n\r\ny"', '""', "x"]),
            st.sampled_from(["bad", A, '"bad\n"', '"\n\nbad"', ""]),
            st.sampled_from(["\n", "\r\n", "\n\n", "\r\n\r\n\n"]),
        ),
        max_size=8,
    ),
    cuts=st.lists(st.integers(1, 9), max_size=9),
)
@example(records=[("x", "bad", "\r\n")], cuts=[8, 1])
def test_a_csv_record_has_the_line_on_which_it_starts(
    records: list[tuple[str, str, str]], cuts: list[int]
) -> None:
    text, wanted = "other,digest\n", []
    for other, digest, end in records:
        if digest != A:
            wanted.append(text.count("\n") + 1)
        text += f"{other},{digest}{end}"

    class InPieces:
        left, sizes = text.encode(), list(cuts)

        def read(self, size: int = -1) -> bytes:
            size = min(self.sizes.pop(), size) if self.sizes else size
            piece, self.left = self.left[:size], self.left[size:]
            return piece

    assert lines_of(lc.plan(lc.read(InPieces(), "csv", "digest"))) == wanted
