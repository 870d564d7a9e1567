"""`canonical` and `attach`: join rows with their verdicts."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from layercheck.parts.join_rows import ADDED, KEY, added_columns, canonical_column, filled_verdicts
from layercheck.ray.cluster import Cluster
from layercheck.ray.input_pieces import check_dataset
from layercheck.shard.table import arrow, schema

if TYPE_CHECKING:
    from ray.data import Dataset


def canonical(
    dataset: Dataset,
    *,
    column: str = "digest",
    name: str = "canonical",
    raw: bool = False,
    strict: bool = False,
) -> Dataset:
    """Return the rows with one more column: the 32 bytes of the digest, null where a row has none.

    Args:
        dataset: Rows with a column of digests in any spelling.
        column: The column with the digests.
        name: The new column, of type binary: one value for every spelling, for joins.
        raw: Bytes are raw digests.
        strict: Accept only `sha256:` followed by 64 lower-case hex digits.

    Raises:
        TypeError: `dataset` is not a Dataset.
    """
    check_dataset("dataset", dataset)
    return dataset.map_batches(
        _with_canonical, batch_format="pyarrow", batch_size=None, fn_args=(column, name, raw, strict)
    )


def attach(
    dataset: Dataset,
    verdicts: Dataset,
    *,
    column: str = "digest",
    raw: bool = False,
    strict: bool = False,
    columns: Sequence[str] = ADDED,
    partitions: int | None = None,
) -> Dataset:
    """Return the rows of a dataset, each with its verdict.

    Args:
        dataset: Rows with a column of digests in any spelling.
        verdicts: What `audit`, `read` or `verdicts` returned. If a digest has several lines, because tables
            were put together, its rows come as often.
        column: The column with the digests.
        raw: Bytes are raw digests.
        strict: Accept one spelling only.
        columns: Which columns the rows get; `verdict` is always one of them.
        partitions: Partitions of the join; None for as many as the cluster has processors.

    Returns:
        A lazy Dataset with all rows, in any order: their columns, and `verdict`, `size`, `media_type`,
        `code`, `reason`, `asked_at`. A row without a digest is `invalid`, one whose digest has no line in the
        table is `not_checked`; `verdict` is never null.

    Raises:
        TypeError: `dataset` or `verdicts` is not a Dataset.
        InvalidParameterError: The dataset lacks the column, or has a column of one of these names; or the
            table lacks one.
    """
    for name, given in (("dataset", dataset), ("verdicts", verdicts)):
        check_dataset(name, given)
    names = list(dataset.columns() or [column])
    of_verdicts = verdicts.columns()  # None for a dataset without rows that lost its schema (ray#28505)
    added = added_columns(names, column, columns, of_verdicts or ["digest", *ADDED])
    count = partitions or Cluster().slots
    left = canonical(dataset, column=column, name=KEY, raw=raw, strict=strict)
    right = canonical(verdicts, name=KEY).select_columns([KEY, *added])
    joined = left.union(_no_row(dataset, names)).join(
        right.union(_no_line(added)), join_type="left_outer", num_partitions=count, on=(KEY,)
    )
    return joined.map_batches(_filled, batch_format="pyarrow", batch_size=None, fn_args=([*names, *added],))


_NO_ROW = b"no row"
"""The key of a row that is on each side of the join, because `Dataset.join` fails where a side has no rows
(Ray 2.60); `_filled` leaves it out."""


def _no_row(dataset: Dataset, names: list[str]) -> Any:
    import ray.data

    known = dataset.schema()
    kinds: Any = getattr(known, "base_schema", None)
    there: list[str] = kinds.names if isinstance(kinds, arrow().Schema) else []
    fields = [kinds.field(name) for name in names if name in there]
    columns = {field.name: arrow().nulls(1, field.type) for field in fields}
    return ray.data.from_arrow(arrow().table({**columns, KEY: arrow().array([_NO_ROW], arrow().binary())}))


def _no_line(added: list[str]) -> Any:
    import ray.data

    columns = {name: arrow().nulls(1, schema().field(name).type) for name in added}
    return ray.data.from_arrow(arrow().table({KEY: arrow().array([_NO_ROW], arrow().binary()), **columns}))


def _with_canonical(block: Any, column: str, name: str, raw: bool, strict: bool) -> Any:
    if not block.num_columns:  # of a dataset without rows that lost its schema
        return block
    return block.append_column(name, canonical_column(block.column(column), raw=raw, strict=strict))


def _filled(joined: Any, columns: list[str]) -> Any:
    pc = importlib.import_module("pyarrow.compute")
    is_row = pc.not_equal(joined.column(KEY), arrow().scalar(_NO_ROW, joined.column(KEY).type))
    joined = joined.filter(pc.fill_null(is_row, True))
    for name in columns:
        if name not in joined.column_names:  # of a dataset without rows that lost its schema
            joined = joined.append_column(name, arrow().nulls(joined.num_rows))
    words = filled_verdicts(joined.column("verdict"), joined.column(KEY))
    return joined.set_column(joined.schema.get_field_index("verdict"), "verdict", words).select(columns)
