"""A table of every form of input for `layercheck.plan`, each with a function that makes it from rows."""

from __future__ import annotations

import collections
import csv
import gzip
import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import arro3.core
import duckdb
import nanoarrow
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import layercheck as lc

Rows: TypeAlias = "list[Any]"  # str or None
Make: TypeAlias = "Callable[[Rows, Path], Any]"

NULL, BLANK, LINE_END, TRAILING_NUL = "null", "blank", "line end", "trailing NUL"
ALL = frozenset({NULL, BLANK, LINE_END, TRAILING_NUL})
NO_NULL = ALL - {NULL}
NUMPY = frozenset({BLANK, LINE_END})
LINES = frozenset({TRAILING_NUL})


class Form(NamedTuple):
    """A form of input; `carries` names the unusual rows that it can hold."""

    name: str
    carries: frozenset[str]
    make: Make


def encoded(rows: Rows) -> list[bytes | None]:
    return [None if row is None else row.encode() for row in rows]


def gathered(array: Any, *cuts: int) -> pa.ChunkedArray:
    """The same rows in chunks that are slices of a longer array; one chunk is empty."""
    extra = array.slice(0, 1)
    longer = pa.concat_arrays([extra, array, extra])
    bounds = [len(extra) + min(cut, len(array)) for cut in (0, *cuts, len(array))]
    pieces = [longer.slice(a, b - a) for a, b in itertools.pairwise(bounds)]
    return pa.chunked_array(pieces, type=array.type)


class Pieces(io.RawIOBase):
    """A file that returns a few bytes per read."""

    def __init__(self, data: bytes) -> None:
        self.whole = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self.whole.read(min(size, 7) if size >= 0 else 7)


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def text(rows: Rows) -> bytes:
    return "\n".join(rows).encode()


def two_frames(data: bytes) -> bytes:
    """Two zstd frames in a row, as from `cat`; the first ends in the middle of a row."""
    codec = pa.Codec("zstd")
    return bytes(codec.compress(data[:100]).to_pybytes() + codec.compress(data[100:]).to_pybytes())


def csv_text(rows: Rows, *, column: int = 0, columns: int = 1, **style: Any) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, **{"quoting": csv.QUOTE_ALL, **style})
    writer.writerow([f"column {number}" for number in range(columns)])
    for row in rows:
        writer.writerow([row if number == column else 'a "b",\nc' for number in range(columns)])
    return out.getvalue().encode()


def json_lines(rows: Rows, key: str | None = None, **style: Any) -> bytes:
    values = [row if key is None else {"x": [{key: 1}], key: row, "y": None} for row in rows]
    return "\r\n".join(json.dumps(value, **style) for value in values).encode()


def parquet(rows: Rows, path: Path, type: Any, **style: Any) -> Path:
    array = pa.array(encoded(rows) if pa.types.is_binary(type) else rows, pa.string()).cast(type)
    table = pa.table({"other": pa.nulls(len(rows)), "digest": array, "number": range(len(rows))})
    pq.write_table(table, path, row_group_size=max(7, len(rows) // 10), **style)
    return path


def of_str(rows: Rows) -> Any:
    return np.array(rows, dtype=np.str_)


def of_bytes(rows: Rows) -> Any:
    return np.array(encoded(rows), dtype=np.bytes_)


def swapped(rows: Rows) -> Any:
    array = of_str(rows)
    return array.astype(array.dtype.newbyteorder())


def masked(array: Any, rows: Rows) -> Any:
    return np.ma.array(array, mask=[row is None for row in rows])


def filled(rows: Rows) -> list[str]:
    """The rows with a text in place of each null, to be hidden by a mask."""
    return ["masked" if row is None else row for row in rows]


def duck(rows: Rows) -> Any:
    con = duckdb.connect()
    con.execute("create table t (digest varchar, number bigint)")
    if rows:
        con.executemany("insert into t values (?, ?)", [(row, number) for number, row in enumerate(rows)])
    return con.sql("select digest from t order by number")


def dictionary(rows: Rows, index: Any, value: Any) -> Any:
    return pa.array(rows, pa.string()).dictionary_encode().cast(pa.dictionary(index, value))


def batches(rows: Rows) -> list[pa.RecordBatch]:
    """Record batches of one column, one of them empty."""
    chunks = gathered(pa.array(rows, pa.string()), 5, 5, 40).chunks
    return [pa.record_batch({"digest": chunk}) for chunk in chunks]


def null_values(rows: Rows) -> Any:
    """A dictionary array with nulls in its values, and a value that no row uses."""
    values = ["never asked for", *dict.fromkeys(rows)]
    return pa.DictionaryArray.from_arrays(pa.array([values.index(row) for row in rows], pa.int64()), values)


def null_structs(rows: Rows) -> Any:
    """A struct of one column, with nulls in the struct and not in the column."""
    fields = pa.array(filled(rows), pa.string())
    return pa.StructArray.from_arrays(
        [fields], ["digest"], mask=pa.array([row is None for row in rows], pa.bool_())
    )


class Bare:
    """An object with nothing but the method of the Arrow interface."""

    def __init__(self, data: Any) -> None:
        self.__arrow_c_stream__ = data.__arrow_c_stream__


PYARROW_TYPES = [
    *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view())
]
FORMS = [
    # iterables
    Form("list", ALL, lambda rows, _: rows),
    Form("tuple", ALL, lambda rows, _: tuple(rows)),
    Form("generator", ALL, lambda rows, _: (row for row in rows)),
    Form("deque", ALL, lambda rows, _: collections.deque(rows)),
    Form("dict values", ALL, lambda rows, _: dict(enumerate(rows)).values()),
    Form("list of bytes", ALL, lambda rows, _: encoded(rows)),
    Form("tuple of bytes", ALL, lambda rows, _: tuple(encoded(rows))),
    Form("list of bytearray", NO_NULL, lambda rows, _: [bytearray(row.encode()) for row in rows]),
    Form("list of numpy str", NO_NULL, lambda rows, _: [np.str_(row) for row in rows]),
    # numpy
    Form("numpy U", NUMPY, lambda rows, _: of_str(rows)),
    Form("numpy U, other byte order", NUMPY, lambda rows, _: swapped(rows)),
    Form("numpy U, every other", NUMPY, lambda rows, _: np.repeat(of_str(rows), 2)[::2]),
    Form("numpy U, backwards", NUMPY, lambda rows, _: of_str(rows[::-1])[::-1]),
    Form("numpy U, masked", NUMPY | {NULL}, lambda rows, _: masked(of_str(filled(rows)), rows)),
    Form("numpy U, masked nowhere", NUMPY, lambda rows, _: np.ma.array(of_str(rows))),
    Form("numpy S", NUMPY, lambda rows, _: of_bytes(rows)),
    Form("numpy S, every other", NUMPY, lambda rows, _: np.repeat(of_bytes(rows), 2)[::2]),
    Form(
        "numpy S, masked",
        NUMPY | {NULL},
        lambda rows, _: masked(of_bytes(filled(rows)), rows),
    ),
    Form("numpy object", ALL, lambda rows, _: np.array(rows, dtype=object)),
    Form("numpy object, bytes", ALL, lambda rows, _: np.array(encoded(rows), dtype=object)),
    Form("numpy object, every other", ALL, lambda rows, _: np.repeat(np.array(rows, dtype=object), 2)[::2]),
    Form("numpy T", NO_NULL, lambda rows, _: np.array(rows, dtype=np.dtypes.StringDType())),
    Form(
        "numpy T with None",
        ALL,
        lambda rows, _: np.array(rows, dtype=np.dtypes.StringDType(na_object=None)),
    ),
    # pandas
    Form("pandas object", ALL, lambda rows, _: pd.Series(rows, dtype=object)),
    Form("pandas str", ALL, lambda rows, _: pd.Series(rows, dtype="str")),
    Form("pandas python string", ALL, lambda rows, _: pd.Series(rows, dtype=pd.StringDtype("python"))),
    Form("pandas category", ALL, lambda rows, _: pd.Series(rows, dtype="str").astype("category")),
    Form("pandas arrow", ALL, lambda rows, _: pd.Series(rows, dtype=pd.ArrowDtype(pa.large_string()))),
    Form("pandas index", NO_NULL, lambda rows, _: pd.Index(rows)),
    Form(
        "pandas frame with an index",
        ALL,
        lambda rows, _: pd.DataFrame(
            {"digest": pd.Series(rows, dtype="str").array}, index=[f"i{at}" for at in range(len(rows))]
        ),
    ),
    # pyarrow
    *(
        Form(f"pyarrow {kind}", ALL, lambda rows, _, kind=kind: pa.array(rows, pa.string()).cast(kind))  # type: ignore[misc]
        for kind in PYARROW_TYPES
    ),
    *(
        Form(
            f"pyarrow {kind}, sliced chunks",
            ALL,
            lambda rows, _, kind=kind: gathered(pa.array(rows, pa.string()).cast(kind), 3, 3, 20),  # type: ignore[misc]
        )
        for kind in PYARROW_TYPES
    ),
    *(
        Form(
            f"pyarrow dictionary of {value} by {index}",
            ALL,
            lambda rows, _, index=index, value=value: dictionary(rows, index, value),  # type: ignore[misc]
        )
        for index, value in [
            (pa.uint8(), pa.string()),
            (pa.int16(), pa.large_string()),
            (pa.int32(), pa.binary()),
            (pa.uint64(), pa.string()),
        ]
    ),
    Form("pyarrow dictionary with null values", ALL, lambda rows, _: null_values(rows)),
    Form(
        "pyarrow dictionary, sliced chunks",
        ALL,
        lambda rows, _: gathered(dictionary(rows, pa.int32(), pa.string()), 5, 5),
    ),
    Form("pyarrow table", ALL, lambda rows, _: pa.table({"digest": pa.array(rows, pa.string())})),
    Form("pyarrow batch", ALL, lambda rows, _: pa.record_batch({"digest": pa.array(rows, pa.string())})),
    Form(
        "pyarrow reader",
        ALL,
        lambda rows, _: pa.table({"digest": gathered(pa.array(rows, pa.string()), 4, 9)}).to_reader(),
    ),
    Form("list of batches", ALL, lambda rows, _: batches(rows)),
    Form("generator of batches", ALL, lambda rows, _: (batch for batch in batches(rows))),
    Form(
        "tuple of tables", ALL, lambda rows, _: tuple(pa.Table.from_batches([each]) for each in batches(rows))
    ),
    Form("list of chunks", ALL, lambda rows, _: gathered(pa.array(rows, pa.string()), 3, 3, 50).chunks),
    Form(
        "batches between rows",
        ALL,
        lambda rows, _: [*rows[:3], pa.array(rows[3:7], pa.string()), *rows[7:]],
    ),
    Form("pyarrow struct with nulls", ALL, lambda rows, _: null_structs(rows)),
    Form(
        "pyarrow struct with nulls, sliced",
        ALL,
        lambda rows, _: null_structs(["x", *rows, "y"]).slice(1, len(rows)),
    ),
    Form("bare capsule", ALL, lambda rows, _: Bare(pa.chunked_array([pa.array(rows, pa.string())]))),
    # polars
    Form("polars", ALL, lambda rows, _: pl.Series(rows, dtype=pl.String)),
    Form(
        "polars, chunks",
        ALL,
        lambda rows, _: pl.concat([pl.Series(part, dtype=pl.String) for part in (rows[:5], rows[5:])]),
    ),
    Form("polars, slice", ALL, lambda rows, _: pl.Series(["x", *rows, "y"])[1:-1]),
    Form("polars binary", ALL, lambda rows, _: pl.Series(encoded(rows), dtype=pl.Binary)),
    Form("polars categorical", ALL, lambda rows, _: pl.Series(rows, dtype=pl.Categorical)),
    Form("polars frame", ALL, lambda rows, _: pl.DataFrame({"digest": rows}, {"digest": pl.String})),
    # other libraries with the Arrow interface
    Form("duckdb", ALL, lambda rows, _: duck(rows)),
    Form("arro3 array", ALL, lambda rows, _: arro3.core.Array.from_arrow(pa.array(rows, pa.string()))),
    Form(
        "arro3 chunks",
        ALL,
        lambda rows, _: arro3.core.ChunkedArray.from_arrow(gathered(pa.array(rows, pa.string()), 8)),
    ),
    Form(
        "arro3 table",
        ALL,
        lambda rows, _: arro3.core.Table.from_arrow(pa.table({"digest": pa.array(rows, pa.string())})),
    ),
    Form("nanoarrow array", ALL, lambda rows, _: nanoarrow.Array(rows, nanoarrow.string())),
    Form("nanoarrow bytes", ALL, lambda rows, _: nanoarrow.Array(encoded(rows), nanoarrow.binary())),
    Form(
        "nanoarrow stream",
        ALL,
        lambda rows, _: nanoarrow.ArrayStream(gathered(pa.array(rows, pa.string()), 3)),
    ),
    # lines
    Form("path", LINES, lambda rows, at: written(at / "rows", text(rows))),
    Form(
        "path with mark, comments and CRLF",
        LINES,
        lambda rows, at: written(at / "rows", b"\xef\xbb\xbf# no row\r\n\r\n" + "\r\n".join(rows).encode()),
    ),
    Form("gzip", LINES, lambda rows, at: written(at / "rows.gz", gzip.compress(text(rows)))),
    Form("gzip by content", LINES, lambda rows, at: written(at / "rows", gzip.compress(text(rows)))),
    Form(
        "two gzip members",
        LINES,
        lambda rows, at: written(
            at / "rows.gz", gzip.compress(text(rows)[:100]) + gzip.compress(text(rows)[100:])
        ),
    ),
    Form("zstd", LINES, lambda rows, at: written(at / "rows.zst", two_frames(text(rows)))),
    Form("open file", LINES, lambda rows, _: io.BytesIO(text(rows))),
    Form("open gzip", LINES, lambda rows, _: io.BytesIO(gzip.compress(text(rows)))),
    Form("pieces", LINES, lambda rows, _: Pieces(text(rows))),
    Form("read lines", LINES, lambda rows, at: lc.read(written(at / "rows.txt", text(rows)))),
    Form("read lines by name", LINES, lambda rows, at: lc.read(str(written(at / "rows.txt", text(rows))))),
    # CSV
    Form("csv", NO_NULL, lambda rows, at: lc.read(written(at / "rows.csv", csv_text(rows)))),
    Form(
        "csv gzip", NO_NULL, lambda rows, at: lc.read(written(at / "r.csv.gz", gzip.compress(csv_text(rows))))
    ),
    Form(
        "csv zstd", NO_NULL, lambda rows, at: lc.read(written(at / "r.csv.zst", two_frames(csv_text(rows))))
    ),
    Form(
        "csv column by name",
        NO_NULL,
        lambda rows, at: lc.read(
            written(at / "r.csv", csv_text(rows, column=1, columns=3)), column="column 1"
        ),
    ),
    Form(
        "csv last column by number, in pieces",
        NO_NULL,
        lambda rows, _: lc.read(Pieces(csv_text(rows, column=2, columns=3)), "csv", 2),
    ),
    Form(
        "csv quoted where needed, with mark, line feeds alone",
        frozenset({BLANK, TRAILING_NUL}),
        lambda rows, at: lc.read(
            written(
                at / "r.csv",
                b"\xef\xbb\xbf"
                + csv_text(rows, column=0, columns=2, quoting=csv.QUOTE_MINIMAL, lineterminator="\n"),
            ),
            column="column 0",
        ),
    ),
    # JSON Lines
    Form("jsonl", ALL, lambda rows, at: lc.read(written(at / "rows.jsonl", json_lines(rows)))),
    Form(
        "jsonl in UTF-8 with mark",
        ALL,
        lambda rows, at: lc.read(
            written(at / "r.ndjson", b"\xef\xbb\xbf" + json_lines(rows, ensure_ascii=False))
        ),
    ),
    Form(
        "jsonl objects, gzip",
        ALL,
        lambda rows, at: lc.read(
            written(at / "r.jsonl.gz", gzip.compress(json_lines(rows, "digest"))), column="digest"
        ),
    ),
    Form(
        "jsonl objects of one key, in pieces",
        ALL,
        lambda rows, _: lc.read(
            Pieces("\n".join(json.dumps({"digést": row}) for row in rows).encode()), "jsonl"
        ),
    ),
    # Parquet
    *(
        Form(
            f"parquet {kind}",
            ALL,
            lambda rows, at, kind=kind: lc.read(parquet(rows, at / "r.parquet", kind), column="digest"),  # type: ignore[misc]
        )
        for kind in [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
    ),
    Form(
        "parquet zstd, open, by number",
        ALL,
        lambda rows, at: lc.read(
            io.BytesIO(parquet(rows, at / "r", pa.string(), compression="zstd").read_bytes()), "parquet", 1
        ),
    ),
]
