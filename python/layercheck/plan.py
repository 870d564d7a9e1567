"""The offline half: rows in any accepted form become a `Plan`."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from typing import Any

from layercheck._core import MAX_BATCH, Plan, Planner
from layercheck.types import DigestInput


def plan(digests: DigestInput, *, batch_size: int = MAX_BATCH, strict: bool = False) -> Plan:
    """Validate, normalise, deduplicate and batch digests, without touching the network.

    Accepted are `sha256:<hex>` in any case, 64 hex digits alone, `<reference>@sha256:<hex>`,
    `blobs/sha256/<hex>` paths and `sha256__<hex>`, with white space around them. Anything else is
    a rejected row: it keeps its place, is never sent, and its reason is in `Plan.rejects`.

    Args:
        digests: One of: any iterable of str or bytes (None, NaN and other objects in it are
            invalid rows); a `pathlib.Path` (or another path object) of a text file, one row a line,
            plain, gzipped or zstd-compressed; an open binary file; a numpy array of uint8 with
            shape (n, 32) or of dtype `V32`: raw digests. In text files, blank lines and lines
            starting with `#` are not rows.
        batch_size: Digests in one call, 1 to 100 (the service's limit).
        strict: Accept only `sha256:` followed by 64 lower-case hex digits.

    Returns:
        The plan: what would be asked, and which row is which digest.

    Raises:
        ValueError: If `batch_size` is outside 1 to 100, or an array has another shape.
        TypeError: If `digests` is a lone str or bytes, or nothing that yields rows.
        OSError: If a file cannot be read.

    Examples:
        >>> import layercheck as lc
        >>> p = lc.plan(["sha256:" + "ab" * 32, "AB" * 32, "latest"])
        >>> p.rows, p.unique, p.duplicates, p.invalid
        (3, 1, 1, 1)
        >>> print(p.rejects[0].message)
        row 2, offset 0: 'l' is not hexadecimal; expected 64 hex digits, alone or after "sha256:"
    """
    given: object = batch_size
    if not isinstance(given, int) or not 1 <= given <= MAX_BATCH:
        raise ValueError(f"batch_size must be a whole number from 1 to {MAX_BATCH}, not {batch_size!r}")
    planner = Planner(strict=strict)
    _take(planner, digests)
    return planner.finish(batch_size)


def _take(planner: Planner, digests: Any) -> None:
    if isinstance(digests, (str, bytes, bytearray)):
        raise TypeError(
            f"a lone {type(digests).__name__} is not a collection of digests: pass [digest] for one digest, "
            "or pathlib.Path(name) for a file"
        )
    if isinstance(digests, os.PathLike) or _is_binary_file(digests):
        planner.read(digests)
    elif isinstance(digests, io.TextIOBase):
        raise TypeError("the file is open in text mode: open it with mode 'rb', or pass its path")
    elif _is_array(digests):
        _take_array(planner, digests)
    elif isinstance(digests, Iterable):
        planner.extend(digests)
    else:
        raise TypeError(
            f"cannot read digests from {type(digests).__name__}: pass an iterable of str, a pathlib.Path, "
            "an open binary file or an (n, 32) uint8 array"
        )


def _is_binary_file(digests: Any) -> bool:
    # Duck-typed, since compressed and remote files are no relatives of io.RawIOBase.
    return callable(getattr(digests, "read", None)) and not isinstance(digests, io.TextIOBase)


def _is_array(digests: Any) -> bool:
    # An object with this attribute comes from numpy, so asking does not import numpy for anybody.
    return hasattr(digests, "__array_interface__") and hasattr(digests, "dtype")


def _take_array(planner: Planner, array: Any) -> None:
    import numpy as np

    kind = array.dtype.kind
    if kind == "S" and array.dtype.itemsize == 32:
        raise ValueError(
            "dtype S32 drops trailing zero bytes, so it cannot hold raw digests: "
            "use dtype V32 or uint8 with shape (n, 32)"
        )
    if array.dtype == np.dtype("V32") and array.ndim == 1:
        planner.extend_raw(np.ascontiguousarray(array).view(np.uint8))
    elif array.dtype == np.uint8 and array.ndim == 2 and array.shape[1] == 32:
        planner.extend_raw(np.ascontiguousarray(array))
    elif array.ndim == 1 and kind in "SUOT":
        planner.extend(array.tolist())
    else:
        raise ValueError(
            f"an array of {array.dtype} with shape {array.shape} holds no digests: expected uint8 of shape "
            "(n, 32), V32, or one dimension of text"
        )
