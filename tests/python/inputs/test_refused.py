"""Inputs that `layercheck.plan` and `layercheck.read` refuse, and hostile objects."""

from __future__ import annotations

import ctypes
import io
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import layercheck as lc

A, B = ("sha256:" + byte * 32 for byte in ("0a", "0b"))
TABLE = pa.table({"image": ["app"], "layer": [A]})
S = pa.array([A])


class Gives:
    """An object whose two methods of the PyCapsule interface return or raise the given value."""

    def __init__(self, *, stream: Any = None, array: Any = None) -> None:
        if stream is not None:
            self.__arrow_c_stream__ = self._giving(stream)
        if array is not None:
            self.__arrow_c_array__ = self._giving(array)

    @staticmethod
    def _giving(thing: Any) -> Any:
        def method(requested_schema: object = None) -> Any:
            if isinstance(thing, BaseException):
                raise thing
            return thing

        return method


def capsule(name: bytes, size: int = 256) -> Any:
    """A capsule full of zeros, without a release function."""
    memory = ctypes.create_string_buffer(size)
    KEPT.append((memory, name))
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return new(ctypes.addressof(memory), name, None)


KEPT: list[Any] = []

REFUSED: list[tuple[str, Any, type[Exception], str]] = [
    ("str", A, TypeError, r"a lone str is not .*: pass \[digest\] for one digest, or pathlib.Path"),
    ("bytes", A.encode(), TypeError, "a lone bytes is not"),
    ("bytearray", bytearray(A.encode()), TypeError, "a lone bytearray is not"),
    ("memoryview", memoryview(A.encode()), TypeError, "a lone memoryview is not"),
    ("int", 7, TypeError, "cannot read digests from int: pass an iterable of str"),
    ("None", None, TypeError, "cannot read digests from NoneType"),
    ("plan", lc.plan([A]), TypeError, "this is a plan already: pass it to check, or its digests to plan"),
    ("text file", io.StringIO(A), TypeError, "text mode: open it with mode 'rb', or pass its path"),
    ("numpy S32", np.zeros(3, dtype="S32"), ValueError, "S32 drops trailing zero bytes.*V32"),
    ("numpy 31", np.zeros((3, 31), np.uint8), ValueError, r"uint8 with shape \(3, 31\) holds no digests"),
    ("numpy float", np.zeros(3), ValueError, r"float64 with shape \(3,\) holds no digests: expected uint8"),
    ("numpy 0-d text", np.array(A), ValueError, r"<U71 with shape \(\) holds no digests"),
    ("numpy 2-d text", np.array([[A], [B]]), ValueError, r"<U71 with shape \(2, 1\) holds no digests"),
    ("numpy 2-d object", np.array([[A]], object), ValueError, r"object with shape \(1, 1\)"),
    ("numpy V31", np.zeros(2, "V31"), ValueError, "holds no digests"),
    ("numpy record", np.zeros(2, [("a", "S71")]), ValueError, "holds no digests"),
    ("numpy flat uint8", np.zeros(64, np.uint8), ValueError, r"\(64,\) holds no digests"),
    (
        "table",
        TABLE,
        ValueError,
        r'2 columns \("image", "layer"\): pass the one that holds the digests, such as table\["image"\]',
    ),
    (
        "table with digests",
        pa.table({"image": ["a"], "Digest": [A]}),
        ValueError,
        r'such as table\["Digest"\]',
    ),
    ("polars frame", pl.DataFrame({"a": [A], "b": [B]}), ValueError, r'2 columns \("a", "b"\)'),
    ("pandas frame", pd.DataFrame({"a": [A], "b": [B]}), ValueError, r"2 columns \('a', 'b'\)"),
    (
        "pandas frame with digests",
        pd.DataFrame({"image": ["a"], "Digest": [A], "size": [1]}),
        ValueError,
        r"such as table\['Digest'\]",
    ),
    ("wide table", pa.table({f"c{at}": [1] for at in range(50)}), ValueError, '50 columns .*"c19", ...'),
    ("no columns", pa.table({}), ValueError, "the table has no columns"),
    ("struct in a table", pa.table({"a": pa.array([{"b": A}])}), TypeError, "struct.* holds no digests"),
    ("int64", pa.array([1]), TypeError, "an Arrow column of int64 holds no digests: expected text, binary"),
    ("int64 in a table", pa.table({"a": [1]}), TypeError, "column of int64"),
    ("list of text", pa.array([[A]]), TypeError, "column of list"),
    ("timestamps", pa.array([0], pa.timestamp("s")), TypeError, "column of timestamp"),
    ("dictionary of int64", pa.array([1]).dictionary_encode(), TypeError, "dictionary.*int64"),
    ("fixed-size 40", pa.array([b"a" * 40], pa.binary(40)), TypeError, "fixedsizebinary.*40.*32"),
    ("run-end encoded", pa.RunEndEncodedArray.from_arrays([1], S), TypeError, "runendencoded"),
    ("polars int", pl.Series([1]), TypeError, "int64"),
    ("pandas int", pd.Series([1]), TypeError, "int64"),
    ("stream raises", Gives(stream=ZeroDivisionError("mine")), ZeroDivisionError, "mine"),
    ("array raises", Gives(array=ZeroDivisionError("mine")), ZeroDivisionError, "mine"),
    ("stream gives a number", Gives(stream=7), TypeError, r"__arrow_c_stream__\(\) gave int instead"),
    ("stream gives rows", Gives(stream=[A]), TypeError, r"__arrow_c_stream__\(\) gave list instead"),
    (
        "array gives one",
        Gives(array=capsule(b"arrow_array")),
        TypeError,
        r"__arrow_c_array__\(\) gave PyCaps",
    ),
    ("array gives text", Gives(array=(A, B)), TypeError, r"__arrow_c_array__\(\) gave tuple instead"),
    ("array gives none", Gives(array=()), TypeError, r"__arrow_c_array__\(\) gave tuple instead"),
    ("other capsule", Gives(stream=capsule(b"something_else")), ValueError, "capsule|PyCapsule"),
    ("capsules swapped", Gives(array=tuple(S.__arrow_c_array__()[::-1])), ValueError, "apsule"),
    ("array as stream", Gives(stream=S.__arrow_c_array__()[1]), ValueError, "apsule"),
    ("released stream", Gives(stream=capsule(b"arrow_array_stream")), ValueError, "has been read already"),
]


@pytest.mark.parametrize(
    ("wrong", "error", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_cannot_be_rows_is_refused_with_a_hint(wrong: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        lc.plan(wrong)


def test_a_duckdb_relation_of_several_columns_is_refused() -> None:
    # Not in the table, because DuckDB reports objects that live at the end of the process as leaked.
    with pytest.raises(ValueError, match=r'2 columns \("a", "b"\)'):
        lc.plan(duckdb.sql("select 1 as a, '' as b"))


def test_a_stream_is_read_once_and_then_says_so() -> None:
    stream = Gives(stream=pa.chunked_array([S]).__arrow_c_stream__())
    assert lc.plan(stream).rows == 1
    with pytest.raises(ValueError, match="the Arrow stream has been read already"):
        lc.plan(stream)


def test_a_stream_that_fails_midway_says_why() -> None:
    def batches() -> Any:
        yield TABLE.select(["layer"]).to_batches()[0]
        raise RuntimeError("mine, at the second batch")

    reader = pa.RecordBatchReader.from_batches(TABLE.select(["layer"]).schema, batches())
    with pytest.raises(RuntimeError, match=r"the Arrow stream failed: .*mine, at the second batch"):
        lc.plan(reader)


def test_a_stream_that_breaks_its_schema_is_an_error() -> None:
    other = pa.record_batch({"digest": pa.array([1])})
    schema = pa.schema([("digest", pa.string())])
    with pytest.raises(ValueError, match="malformed Arrow array"):
        lc.plan(pa.RecordBatchReader.from_batches(schema, iter([other])))


@pytest.mark.parametrize("type", [pa.string(), pa.large_binary()], ids=str)
@pytest.mark.parametrize("offsets", [[0, 64, 1_000_000, 64], [0, 64, 2, 64], [0, -5, 2, 64]], ids=str)
def test_offsets_outside_the_data_are_an_error(type: Any, offsets: list[int]) -> None:
    width = np.int32 if type == pa.string() else np.int64
    buffers = [None, pa.py_buffer(np.array(offsets, width)), pa.py_buffer(b"a" * 64)]
    broken = pa.Array.from_buffers(type, 3, buffers)
    with pytest.raises(ValueError, match="malformed Arrow array"):
        lc.plan(broken)


def test_keys_and_views_outside_the_data_are_errors() -> None:
    keys = pa.array([0, 5], pa.int8())
    dictionary = pa.DictionaryArray.from_arrays(keys, S, safe=False)
    view = np.array([71, 0, 9, 0], np.int32)  # 71 bytes in buffer 9, which does not exist
    views = pa.Array.from_buffers(pa.string_view(), 1, [None, pa.py_buffer(view)])
    for broken in (dictionary, views):
        with pytest.raises(ValueError, match="malformed Arrow array"):
            lc.plan(broken)


def test_text_that_is_not_utf_8_in_a_text_column_is_an_invalid_row() -> None:
    buffers = [None, pa.py_buffer(np.array([0, 2], np.int32)), pa.py_buffer(b"\xff\xfe")]
    plan = lc.plan(pa.Array.from_buffers(pa.string(), 1, buffers))
    assert [(reject.kind, reject.text) for reject in plan.rejects] == [("not_hexadecimal", "��")]


def test_a_list_that_shrinks_while_it_is_read_does_not_crash() -> None:
    class Shrinks:
        def __repr__(self) -> str:
            rows.clear()
            return "gone"

    rows: list[Any] = [A, B, Shrinks(), A, B] * 10_000
    plan = lc.plan(rows)
    assert (plan.rows, plan.unique, plan.rejects[0].text) == (3, 2, "gone")


def test_a_list_that_grows_while_it_is_read_ends_when_it_stops_growing() -> None:
    class Grows:
        def __repr__(self) -> str:
            rows.append(B)
            return "more"

    rows: list[Any] = [A, Grows(), Grows()]
    assert lc.plan(rows).row_index.tolist() == [0, -1, -1, 1, 1]


def test_subclasses_of_list_and_tuple_iterate_in_their_own_way() -> None:
    class Reversed(list[str]):
        def __iter__(self) -> Any:
            return iter(self[::-1])

    class Twice(tuple[str, ...]):
        def __iter__(self) -> Any:
            return iter([*self[:], *self[:]])

    assert lc.plan(Reversed([A, B])).texts(0, 2) == [B, A]
    assert lc.plan(Twice([A])).rows == 2


def test_pandas_without_pyarrow_is_iterated(monkeypatch: pytest.MonkeyPatch) -> None:
    series = pd.Series([A, None, B.upper()], dtype=pd.StringDtype("python"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    plan = lc.plan(series)
    assert plan.row_index.tolist() == [0, -1, 1]
    assert plan.rejects[0].kind == "not_text"


def test_pandas_objects_of_any_kind_are_rows() -> None:
    plan = lc.plan(pd.Series([A, 7, None, float("nan"), pd.NA, A.encode(), ("x",)]))
    assert plan.row_index.tolist() == [0, -1, -1, -1, -1, 0, -1]
    assert [reject.text for reject in plan.rejects] == ["7", None, "nan", "<NA>", "('x',)"]
    assert {reject.kind for reject in plan.rejects} == {"not_text"}


# Files with columns.

LAYERS = f"image,layer\napp,{A}\nweb,{B}\n".encode()
TWICE = f"layer,layer\n{A},{B}\n".encode()


def layers(data: bytes, format: str, column: Any) -> lc.Plan:
    return lc.plan(lc.read(io.BytesIO(data), format, column))  # type: ignore[arg-type]


def as_parquet(**columns: list[Any]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "format", "column", "message"),
    [
        (b"image,layer\napp,1\n", "csv", None, 'choose one of "image", "layer" by column='),
        (LAYERS, "csv", "digest", 'no column "digest"; there are "image", "layer"'),
        (LAYERS, "csv", 2, 'no column 2, counted from 0; there are "image", "layer"'),
        (TWICE, "csv", "layer", "by its number, counted from 0, such as column=1"),
        (TWICE, "csv", None, "by column=, or by its number, counted from 0, such as column=1"),
        (b'digest\n"' + LAYERS, "csv", None, "the quotes opened in record 2 are never closed"),
        (b'digest\n"', "csv", None, "the quotes opened in record 2 are never closed"),
        (b"," * (2 << 20), "csv", 0, "too long for a header"),
        (b",".join([b"c%d" % at for at in range(50)]), "csv", "x", '"c19" and 30 more'),
        (b"x" * 5_000, "csv", "a", 'there are "' + "x" * 80 + '…"'),
        (b'{"image": 1, "layer": 2}', "jsonl", None, 'choose one of "image", "layer" by column='),
        (b"{}", "jsonl", None, "choose one of none"),
        (b'{"image": 1}\n{"layer": 2}', "jsonl", "digest", 'no column "digest"; there are "image"'),
        (as_parquet(image=["a"], layer=["b"]), "parquet", None, "choose one of 'image', 'layer' by column="),
        (as_parquet(image=["a"], layer=[A]), "parquet", "x", "no column 'x'; there are 'image', 'layer'"),
        (as_parquet(image=["a"], layer=[A]), "parquet", 2, "no column 2, counted from 0; there are 'image'"),
        (LAYERS, "parquet", "layer", "Parquet magic bytes not found"),
    ],
)
def test_a_file_without_the_column_lists_its_columns(
    data: bytes, format: str, column: Any, message: str
) -> None:
    import re

    with pytest.raises(ValueError, match=re.escape(message)):
        layers(data, format, column)


def test_a_column_without_text_is_refused() -> None:
    with pytest.raises(TypeError, match="column of int64"):
        layers(as_parquet(layer=[1]), "parquet", "layer")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("rows.xlsx",), ValueError, "cannot tell the format of 'rows.xlsx' from its suffix: pass format="),
        (("rows.xml.gz",), ValueError, "cannot tell the format of 'rows.xml.gz'"),
        ((io.BytesIO(),), ValueError, "an open file has no suffix to tell its format: pass format="),
        (
            ("rows.csv", "tsv"),
            ValueError,
            "format must be one of lines, csv, .*, orc, layout, manifest, not 'tsv'",
        ),
        (("rows.txt", None, "layer"), ValueError, "lines have no columns"),
        (("rows.jsonl", None, 0), ValueError, "JSON Lines have keys, not numbered columns"),
        (("rows.csv", None, None, "tab", 1), TypeError, "positional"),
        (("rows.csv", None, -1), ValueError, "columns are counted from 0, so there is no column -1"),
        (("rows.csv", None, 1.5), TypeError, "column must be a name or a number, not float"),
        (("rows.csv", None, True), TypeError, "column must be a name or a number, not bool"),
        ((io.StringIO(), "csv"), TypeError, "text mode: open it with mode 'rb'"),
    ],
)
def test_read_refuses_contradictory_arguments(
    arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        lc.read(*arguments)


def test_a_missing_file_is_the_usual_error_when_it_is_read(tmp_path: Path) -> None:
    for name in ("missing.csv", "missing.jsonl", "missing.parquet", "missing"):
        rows = lc.read(tmp_path / name)
        with pytest.raises(FileNotFoundError):
            lc.plan(rows)


def test_parquet_without_pyarrow_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"Parquet needs pyarrow: pip install pyarrow"):
        lc.plan(lc.read(tmp_path / "rows.parquet"))


def test_rows_of_a_path_are_read_again_each_time(tmp_path: Path) -> None:
    path = tmp_path / "layers.csv"
    path.write_bytes(LAYERS)
    rows = lc.read(path, column="layer")
    assert repr(rows) == f"FileRows({path!r}, format='csv', column='layer')"
    assert lc.plan(rows).rows == lc.plan(rows).rows == 2
    path.write_bytes(LAYERS + b"x,y\n")
    assert lc.plan(rows).rows == 3


def test_a_csv_file_without_a_header_loses_no_row() -> None:
    assert layers(f"{A}\n{B}\n".encode(), "csv", None).texts(0, 2) == [A, B]
    assert layers(f"app,{A}\nweb,{B}\n".encode(), "csv", 1).texts(0, 2) == [A, B]


def test_records_without_the_column_are_nulls_and_blank_lines_are_skipped() -> None:
    plan = layers(f"image,layer\n\napp\nweb,{A}\r\n\r\nx,y,z\n,\n".encode(), "csv", "layer")
    assert plan.row_index.tolist() == [-1, 0, -1, -1]
    assert [(reject.kind, reject.text) for reject in plan.rejects] == [
        ("not_text", None),
        ("not_hexadecimal", "y"),
        ("empty", ""),
    ]


def test_an_endless_csv_field_uses_little_memory_and_is_one_invalid_row() -> None:
    data = b"layer,x\n" + b"a" * (8 << 20) + b",1\n" + A.encode() + b",2\n"
    plan = layers(data, "csv", "layer")
    assert plan.row_index.tolist() == [-1, 0]
    assert plan.rejects[0].kind == "wrong_length"
    padded = b"layer\n" + A.encode().ljust(65_536) + b"\n" + A.encode().ljust(65_537) + b"\n"
    assert layers(padded, "csv", "layer").row_index.tolist() == [0, -1]


def test_one_bad_line_of_json_affects_no_other_line() -> None:
    lines = [
        f'{{"layer": "{A}"}}',
        "not json",
        '{"layer": 7}',
        '{"layer": null}',
        '{"image": "app"}',
        '{"layer": {"x": 1}}',
        "null",
        "[1, [2]]",
        "1e999",
        "true",
        '{"layer": "' + "\\u0041" * 64 + '"}',
        f'"{B}"',
        f'"{B}" "{B}"',
        f'{{"layer": "x", "layer": "{B}"}}',
        '{"layer": ' + "[" * 500 + "]" * 500 + "}",
        '"\\ud800"',
        '"cut',
        "",
        " \t",
        f' "{A}" ',
    ]
    plan = layers("\n".join(lines).encode() + b'\n"\xff"', "jsonl", "layer")
    assert plan.row_index.tolist() == [0, *[-1] * 9, 1, 2, -1, 2, -1, -1, -1, 0, -1]
    assert {reject.kind for reject in plan.rejects} == {"not_text"}
    texts = [reject.text for reject in plan.rejects]
    assert texts[:5] == ["not json", '{"layer": 7}', None, '{"image": "app"}', '{"layer": {"x": 1}}']
    assert texts[-1] == '"�"'


def test_an_endless_json_line_uses_little_memory_and_is_one_invalid_row() -> None:
    class Endless(io.RawIOBase):
        left = 64

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            text = b'"' if self.left == 63 else b""
            return (text + b"a" * (1 << 20))[:size] if self.left >= 0 else b""

    plan = lc.plan(lc.read(Endless(), "jsonl"))
    assert (plan.rows, plan.rejects[0].kind) == (1, "not_text")


def test_a_long_json_object_is_read() -> None:
    line = f'{{"history": "{"x" * 200_000}", "layer": "{A}"}}\n'.encode()
    assert layers(line * 10, "jsonl", "layer").duplicates == 9
