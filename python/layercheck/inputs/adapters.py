"""Which kind of input an object is, and the planner's door for it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, TypeAlias

from layercheck._core import Plan, Planner
from layercheck.inputs.files import FileRows

DigestInput: TypeAlias = "Iterable[str | bytes | None] | os.PathLike[str] | BinaryIO | Any"
"""What `layercheck.plan` takes: rows of text, a path, an open binary file, or raw digests as an array."""

_PIECE_ROWS = 65_536  # rows of an array that are converted at a time


def feed(planner: Planner, digests: Any) -> None:
    """Gives all rows of an input to the planner.

    The order of the questions matters: a file may be iterable, a pandas object has an Arrow capsule only
    if pyarrow is there, and most things with a capsule are iterable too, but slower so.

    Raises:
        TypeError: If `digests` is nothing that yields rows.
        ValueError: If an array or a table has another shape.
    """
    if isinstance(digests, (str, bytes, bytearray, memoryview)):
        raise TypeError(
            f"a lone {type(digests).__name__} is not a collection of digests: pass [digest] for one digest, "
            "or pathlib.Path(name) for a file"
        )
    if isinstance(digests, Plan):
        raise TypeError("this is a plan already: pass it to check, or its digests to plan")
    if isinstance(digests, FileRows):
        digests.feed(planner)
    elif isinstance(digests, os.PathLike) or _is_binary_file(digests):
        planner.read(digests)
    elif isinstance(digests, io.TextIOBase):
        raise TypeError("the file is open in text mode: open it with mode 'rb', or pass its path")
    elif _is_pandas(digests):
        _feed_pandas(planner, digests)
    elif _is_array(digests):
        _feed_array(planner, digests)
    elif hasattr(digests, "__arrow_c_stream__") or hasattr(digests, "__arrow_c_array__"):
        planner.extend_arrow(digests)
    elif isinstance(digests, Iterable):
        planner.extend(digests)
    else:
        raise TypeError(
            f"cannot read digests from {type(digests).__name__}: pass an iterable of str, a pathlib.Path, "
            "an open binary file, an (n, 32) uint8 array or an Arrow column"
        )


def _is_binary_file(digests: Any) -> bool:
    # Duck-typed, since compressed and remote files are no relatives of io.RawIOBase.
    return callable(getattr(digests, "read", None)) and not isinstance(digests, io.TextIOBase)


def _is_pandas(digests: Any) -> bool:
    # Asked without importing pandas. Two attributes, so that no relative of it is meant by mistake.
    return type(digests).__module__.partition(".")[0] == "pandas" and hasattr(digests, "ndim")


def _is_array(digests: Any) -> bool:
    # An object with this attribute comes from numpy, so asking does not import numpy for anybody.
    return hasattr(digests, "__array_interface__") and hasattr(digests, "dtype")


def _feed_pandas(planner: Planner, data: Any) -> None:
    if data.ndim == 2:
        # As an Arrow table it would bring its index along as one more column.
        if data.shape[1] != 1:
            names = ", ".join(repr(name) for name in list(data.columns)[:20])
            raise ValueError(
                f"the table has {data.shape[1]} columns ({names}): pass the one that holds the digests, "
                f"such as table[{data.columns[0]!r}]"
            )
        data = data.iloc[:, 0]
    if data.dtype == object:
        # Anything may be in there, which pandas could not turn into one Arrow type.
        _feed_array(planner, data.to_numpy())
        return
    if hasattr(data, "__arrow_c_stream__"):
        try:
            import pyarrow  # noqa: F401 - pandas makes its capsules with it
        except ImportError:
            pass
        else:
            planner.extend_arrow(data)
            return
    planner.extend(data)


def _feed_array(planner: Planner, array: Any) -> None:
    import numpy as np

    kind, width = array.dtype.kind, array.dtype.itemsize
    if array.ndim == 1 and array.size == 0:
        return  # of any dtype: to numpy an empty list is one of floats
    if kind == "S" and width == 32:
        raise ValueError(
            "dtype S32 drops trailing zero bytes, so it cannot hold raw digests: "
            "use dtype V32 or uint8 with shape (n, 32)"
        )
    raw = (array.dtype == np.dtype("V32") and array.ndim == 1) or (
        array.dtype == np.uint8 and array.ndim == 2 and array.shape[1] == 32
    )
    if not raw and not (array.ndim == 1 and kind in "SUOT"):
        raise ValueError(
            f"an array of {array.dtype} with shape {array.shape} holds no digests: expected uint8 of shape "
            "(n, 32), V32, or one dimension of text"
        )
    masked = isinstance(array, np.ma.MaskedArray) and np.ma.getmaskarray(array).any()
    if raw:
        _feed_raw(planner, array, masked=bool(masked))
        return
    for piece in _pieces(array):
        if masked or kind in "OT" or width == 0:
            planner.extend(piece.tolist())  # a masked item becomes None
        else:
            items = np.ascontiguousarray(np.asarray(piece).astype(piece.dtype.newbyteorder("="), copy=False))
            planner.extend_fixed(items.view(np.uint8), width, wide=kind == "U")


def _feed_raw(planner: Planner, array: Any, *, masked: bool) -> None:
    import numpy as np

    if not masked:
        for piece in _pieces(array):
            planner.extend_raw(np.ascontiguousarray(np.asarray(piece)).view(np.uint8))
        return
    mask: Any = np.ma.getmaskarray(array).reshape(len(array), -1).any(axis=1)
    ends = [*(np.flatnonzero(mask[1:] != mask[:-1]) + 1).tolist(), len(array)]
    start = 0
    for end in ends:
        if mask[start]:
            planner.extend([None] * (end - start))
        else:
            planner.extend_raw(np.ascontiguousarray(array.data[start:end]).view(np.uint8))
        start = end


def _pieces(array: Any) -> Iterator[Any]:
    """The array itself, or pieces of it if it must be converted, so that little is in memory twice."""
    if array.flags.c_contiguous and array.dtype.isnative and array.dtype.kind not in "OT":
        yield array
        return
    for start in range(0, len(array), _PIECE_ROWS):
        yield array[start : start + _PIECE_ROWS]
