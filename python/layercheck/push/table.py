"""The rows of a push plan as tables of other libraries and as files."""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from layercheck._core import compressed
from layercheck.file_formats import compressed_suffix
from layercheck.optional import imported
from layercheck.push.actions import PushRow
from layercheck.report.atomic_write import atomic_write
from layercheck.report.dataframes import pyarrow
from layercheck.report.files import format_of

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(PushRow))

_LISTS = ("images", "platforms")
_FORMULA = re.compile(r"(^|[,;|\"] *)([=+\-@])")
"""Where a spreadsheet begins a formula; `docs/reference/report-files.md` has the rule."""


def to_arrow(rows: Sequence[PushRow]) -> pa.Table:
    """The rows as a pyarrow table."""
    arrow = pyarrow("to_arrow()")
    return arrow.Table.from_pylist(list(map(_plain, rows)), schema=_schema(arrow))


def to_pandas(rows: Sequence[PushRow]) -> pd.DataFrame:
    """The rows as a pandas DataFrame; `size` has the dtype Int64, because it may be null."""
    pandas = imported("pandas", "to_pandas()", extra="pandas")
    frame: pd.DataFrame = to_arrow(rows).to_pandas()
    frame["size"] = pandas.array([row.size for row in rows], dtype="Int64")
    return frame


def to_polars(rows: Sequence[PushRow]) -> pl.DataFrame:
    """The rows as a polars DataFrame."""
    polars = imported("polars", "to_polars()", extra="polars")
    types = {name: polars.List(polars.String) if name in _LISTS else polars.String for name in COLUMNS}
    types |= {"size": polars.Int64, "in_source": polars.Boolean, "archived": polars.Boolean}
    frame: pl.DataFrame = polars.DataFrame(list(map(_plain, rows)), schema=types)
    return frame


def save(rows: Sequence[PushRow], path: str | os.PathLike[str], format: str | None = None) -> None:
    """Write the rows to `path`, as `PushPlan.write` describes."""
    chosen = format_of(path, format)
    suffix = compressed_suffix(path)
    content = as_bytes(rows, chosen)
    with atomic_write(Path(path)) as temporary:
        Path(temporary).write_bytes(compressed(content, suffix) if suffix else content)


def as_bytes(rows: Sequence[PushRow], format: str) -> bytes:
    """The rows in a format of files. A plan has thousands of rows, not millions, so it is made as a whole."""
    if format in ("csv", "jsonl"):
        text = io.StringIO(newline="")
        (_write_csv if format == "csv" else _write_jsonl)(rows, text)
        return text.getvalue().encode()
    arrow = pyarrow(f"writing {'Parquet' if format == 'parquet' else 'Arrow files'}")
    sink = io.BytesIO()
    content = to_arrow(rows)
    if format == "parquet":
        importlib.import_module("pyarrow.parquet").write_table(content, sink, compression="zstd")
    else:
        with importlib.import_module("pyarrow.ipc").new_file(sink, content.schema) as writer:
            writer.write_table(content)
    del arrow
    return sink.getvalue()


def json_lines(rows: Sequence[PushRow]) -> Iterator[str]:
    """The rows as lines of JSON in visible ASCII characters."""
    for row in rows:
        yield json.dumps(_plain(row), separators=(",", ":")).replace("\x7f", "\\u007f") + "\n"


def _write_jsonl(rows: Sequence[PushRow], out: TextIO) -> None:
    out.writelines(json_lines(rows))


def _write_csv(rows: Sequence[PushRow], out: TextIO) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(_cell(value) for value in _plain(row).values())


def _cell(value: object) -> str:
    """A cell of CSV. Text from outside has the escapes of JSON, and cannot begin a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        value = " ".join(value)
    inside = json.dumps(str(value))[1:-1].replace('\\"', '"').replace("\x7f", "\\u007f")
    return _FORMULA.sub(lambda found: f"{found[1]}\\u{ord(found[2]):04x}", inside)


def _plain(row: PushRow) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in COLUMNS}
    return values | {name: list(values[name]) for name in _LISTS}


def _schema(arrow: Any) -> Any:
    text, texts = arrow.string(), arrow.list_(arrow.string())
    types = {"size": arrow.int64(), "in_source": arrow.bool_(), "archived": arrow.bool_()}
    types |= dict.fromkeys(_LISTS, texts)
    return arrow.schema([(name, types.get(name, text)) for name in COLUMNS])
