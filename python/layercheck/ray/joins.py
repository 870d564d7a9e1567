"""`canonical` and `attach`: join rows with their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from layercheck.parts.join_rows import ADDED, KEY, added_columns, canonical_column, filled_verdicts
from layercheck.ray.cluster import Cluster

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
    """
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
        InvalidParameterError: The dataset lacks the column, or has a column of one of these names; or the
            table lacks one.
    """
    names = list(dataset.columns() or [column])
    of_verdicts = verdicts.columns()  # None for a dataset without rows that lost its schema (ray#28505)
    added = added_columns(names, column, columns, of_verdicts or ["digest", *ADDED])
    left = canonical(dataset, column=column, name=KEY, raw=raw, strict=strict)
    right = canonical(verdicts, name=KEY).select_columns([KEY, *added])
    joined = left.join(right, join_type="left_outer", num_partitions=partitions or Cluster().slots, on=(KEY,))
    return joined.map_batches(_filled, batch_format="pyarrow", batch_size=None, fn_args=([*names, *added],))


def _with_canonical(block: Any, column: str, name: str, raw: bool, strict: bool) -> Any:
    return block.append_column(name, canonical_column(block.column(column), raw=raw, strict=strict))


def _filled(joined: Any, columns: list[str]) -> Any:
    words = filled_verdicts(joined.column("verdict"), joined.column(KEY))
    return joined.set_column(joined.schema.get_field_index("verdict"), "verdict", words).select(columns)
