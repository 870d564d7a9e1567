"""What joins rows with verdicts: one value for each spelling of a digest, and one verdict for each row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from layercheck._core import MAX_BATCH, Planner
from layercheck.errors import InvalidParameterError
from layercheck.shard.prepare import check_form
from layercheck.shard.table import arrow

if TYPE_CHECKING:
    import pyarrow as pa

KEY = "__layercheck_digest"
"""The column of the values while rows are joined."""


def canonical_column(column: Any, *, raw: bool = False, strict: bool = False) -> pa.Array:
    """Return the 32 bytes of each row's digest; null where a row has none.

    Args:
        column: An Arrow array or chunked array of text or bytes.
        raw: Bytes are raw digests.
        strict: Accept only `sha256:` followed by 64 lower-case hex digits.

    Raises:
        InvalidParameterError: None of many rows is a digest, because they are raw digests and `raw` is not
            given, or the other way round.
    """
    import numpy as np

    pa = arrow()
    planner = Planner(strict=strict, threads=1, raw=raw)
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        planner.extend_arrow(chunk)
    plan = planner.finish(MAX_BATCH)
    check_form(plan)
    values = pa.py_buffer(np.ascontiguousarray(plan.digests).reshape(-1))
    digests = pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), plan.unique, [None, values])
    index = np.asarray(plan.row_index)
    return digests.take(pa.array(index, mask=index < 0)).cast(pa.binary())


ADDED = ("verdict", "size", "media_type", "code", "reason", "asked_at")
"""The columns that a row can get."""


def column_names(columns: object) -> list[str]:
    """Return the columns that a caller of `attach` wants, as a list.

    Raises:
        InvalidParameterError: It is one name, which would be taken for names of one letter, or not names.
    """
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        raise InvalidParameterError(
            f"columns is {columns!r}; expected a list of names, such as ['verdict', 'size']"
        )
    return list(columns)


def added_columns(
    names: Sequence[str], column: str, columns: Sequence[str], of_verdicts: Sequence[str]
) -> list[str]:
    """Return the columns that `attach` adds to rows; the verdict is always the first.

    Args:
        names: The columns of the rows.
        column: The one with the digests.
        columns: The wanted ones, of `ADDED`.
        of_verdicts: The columns of the verdict table.

    Raises:
        InvalidParameterError: The rows lack the column, or have a column of a wanted name; or a verdict
            table has no such column; or `columns` is not a list of names.
    """
    wanted = column_names(columns)
    if column not in names:
        shown = ", ".join(repr(name) for name in names[:20])
        raise InvalidParameterError(f"no column {column!r}; there are {shown or 'none'}")
    added = [name for name in ADDED if name == "verdict" or name in wanted]
    for name in wanted:
        if name not in ADDED:
            raise InvalidParameterError(f"columns has {name!r}; expected some of {', '.join(ADDED)}")
    lacking = [name for name in ("digest", *added) if name not in of_verdicts]
    if lacking:
        raise InvalidParameterError(
            f"the verdict table has no column {lacking[0]!r}; pass what audit, read or verdicts returned"
        )
    taken = [name for name in added if name in names]
    if taken:
        raise InvalidParameterError(
            f"the rows have a column {taken[0]!r}, which attach adds; rename or drop it first"
        )
    return added


def filled_verdicts(verdicts: Any, keys: Any) -> pa.Array:
    """Return one of the eight words for each row.

    Args:
        verdicts: The words that the join found, null where it found none. A partition without any may have
            lost the type.
        keys: The values of `canonical_column`: a row without one is `invalid`, and one whose digest has no
            line in the table is `not_checked`.
    """
    import pyarrow.compute as pc

    pa = arrow()
    none = pc.if_else(pc.is_null(keys), pa.scalar("invalid"), pa.scalar("not_checked"))
    return pc.coalesce(verdicts.cast(pa.string()), none)
