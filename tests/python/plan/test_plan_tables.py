"""A plan as a table, through the Arrow PyCapsule interface and in pyarrow, pandas and polars."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import arro3.core
import duckdb
import nanoarrow
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import layercheck as lc

A, B = ("sha256:" + byte * 32 for byte in ("0a", "0b"))
ROWS = [A, "latest", B, A.upper(), None, "sha512:" + "0" * 128]
COLUMNS = ["row", "digest", "index", "kind", "offset", "text"]
LINES: list[dict[str, Any]] = [
    dict(zip(COLUMNS, line, strict=True))
    for line in (
        (0, A, 0, None, None, None),
        (1, None, None, "not_hexadecimal", 0, "latest"),
        (2, B, 1, None, None, None),
        (3, A, 0, None, None, None),
        (4, None, None, "not_text", 0, None),
        (5, None, None, "unsupported_algorithm", 0, "sha512:" + "0" * 128),
    )
]


def test_a_line_for_each_row_has_its_digest_or_what_is_wrong() -> None:
    plan = lc.plan(ROWS)
    assert plan.to_arrow().to_pylist() == LINES
    assert len(plan.table()) == len(ROWS)


def test_a_line_for_each_digest_has_its_first_row() -> None:
    plan = lc.plan(ROWS)
    assert plan.to_arrow(unique=True).to_pylist() == [LINES[0], LINES[2]]
    assert len(plan.table(unique=True)) == plan.unique == 2


def test_every_reader_of_the_interface_reads_the_same() -> None:
    plan = lc.plan(ROWS)
    frame = plan.to_polars()
    assert isinstance(frame, pl.DataFrame)
    assert frame.rows(named=True) == LINES
    assert pl.DataFrame(plan).equals(frame)
    assert pa.table(plan).to_pylist() == LINES
    assert pa.table(arro3.core.Table.from_arrow(plan)).to_pylist() == LINES
    assert list(nanoarrow.ArrayStream(plan).iter_py()) == LINES
    with duckdb.connect() as connection:
        reader = pa.RecordBatchReader.from_stream(plan)
        assert reader.schema.names == COLUMNS
        connection.register("plan", reader)
        counted = connection.sql("select count(digest), max(index) from plan").fetchall()
        connection.unregister("plan")
    assert counted == [(3, 1)]


def test_pandas_gets_categories_of_kinds() -> None:
    frame = lc.plan(ROWS).to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame["digest"].tolist()[:1] == [A]
    assert frame["kind"].dtype == "category"
    assert frame["kind"].notna().tolist() == [line["kind"] is not None for line in LINES]


@pytest.mark.parametrize("unique", [False, True])
def test_a_long_table_comes_in_pieces_and_in_order(unique: bool) -> None:
    rows = [f"sha256:{row % 90_000:064x}" for row in range(200_000)]
    rows[::500] = ["junk"] * len(rows[::500])
    plan = lc.plan(rows)
    pieces = list(pa.RecordBatchReader.from_stream(plan.table(unique=unique)))
    assert len(pieces) > 1
    table = pa.Table.from_batches(pieces)
    index = plan.row_index.tolist()
    if unique:
        wanted = [index.index(at) for at in range(0, plan.unique, 1_000)]
        assert table["row"].to_pylist()[::1_000] == wanted
        assert table["index"].to_pylist() == list(range(plan.unique))
    else:
        assert table["row"].to_pylist() == list(range(200_000))
        assert [-1 if at is None else at for at in table["index"].to_pylist()] == index


def test_no_rows_are_a_table_without_lines() -> None:
    table = lc.plan([]).to_arrow()
    assert (table.num_rows, table.column_names) == (0, COLUMNS)


@pytest.mark.parametrize("library", ["pyarrow", "pandas", "polars"])
def test_a_missing_library_is_named_with_its_install_command(library: str) -> None:
    how = {"pyarrow": "to_arrow", "pandas": "to_pandas", "polars": "to_polars"}[library]
    extra = {"pyarrow": "parquet"}.get(library, library)
    code = (
        "import sys, layercheck as lc\n"
        "plan = lc.plan(['ab' * 32])\n"
        f"print({library!r} in sys.modules)\n"
        f"sys.modules[{library!r}] = None\n"
        "try:\n"
        f"    plan.{how}()\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    needed = f"{how}() needs {library}, which is not installed: pip install 'layercheck[{extra}]'"
    assert done.stdout.splitlines() == ["False", needed]
