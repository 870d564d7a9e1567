"""The tables that cross an engine: their schemas, in plain Arrow types that every engine takes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from layercheck.report.dataframes import pyarrow

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 50_000
"""Most rows of a record batch. Larger batches let a JVM and its Python worker wait for each other when a task
ends early (apache/spark#36065)."""

OPEN = ("unanswered", "not_checked")
"""The verdicts that are not final: the digests are asked again in the last slice."""


def arrow() -> Any:
    """Import pyarrow.

    Raises:
        ImportError: It is not installed; the message says how to install it.
    """
    return pyarrow("layercheck.shard")


@cache
def schema() -> pa.Schema:
    """Return the schema of the verdict table: a line for each different digest.

    Spark takes neither dictionaries nor binaries of fixed size, and it matches columns by position. So the
    types are plain, the order is fixed, and every column may hold nulls.

    Examples:
        >>> from layercheck import shard
        >>> [(field.name, str(field.type)) for field in shard.schema()]  # doctest: +NORMALIZE_WHITESPACE
        [('digest', 'string'), ('verdict', 'string'), ('size', 'int64'), ('media_type', 'string'),
         ('code', 'string'), ('reason', 'string'), ('asked_at', 'timestamp[us, tz=UTC]')]
    """
    pa = arrow()
    return pa.schema(
        [
            pa.field("digest", pa.string()),
            pa.field("verdict", pa.string()),
            pa.field("size", pa.int64()),
            pa.field("media_type", pa.string()),
            pa.field("code", pa.string()),
            pa.field("reason", pa.string()),
            pa.field("asked_at", pa.timestamp("us", tz="UTC")),
        ]
    )


@cache
def prepared_schema() -> pa.Schema:
    """Return the schema of prepared digests: 32 raw bytes, or a note with a name and a value."""
    pa = arrow()
    return pa.schema(
        [pa.field("digest", pa.binary()), pa.field("name", pa.string()), pa.field("value", pa.int64())]
    )


def empty_table() -> pa.Table:
    """Return a verdict table without lines, for engines that lose the schema of zero rows."""
    return schema().empty_table()
