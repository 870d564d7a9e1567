"""Recognises the kind of an input and feeds its rows to the planner."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, TypeAlias

from layercheck._core import Layout, Plan, Planner
from layercheck.inputs.files import FileRows

DigestInput: TypeAlias = "Iterable[str | bytes | None] | os.PathLike[str] | BinaryIO | Any"
"""The inputs of `layercheck.plan`: rows of text, a path, an open binary file, or raw digests as an array."""

_PIECE_ROWS = 65_536  # rows of an array that are converted at once


def feed(planner: Planner, digests: Any) -> None:
    """Gives all rows of an input to the planner.

    The order of the tests matters. A file may be iterable. A pandas object has an Arrow capsule only if
    pyarrow is installed. Most objects with a capsule are iterable too, but iterating is slower.

    Raises:
        TypeError: If `digests` does not yield rows.
        ValueError: If an array or a table has the wrong shape.
    """
    if isinstance(digests, (str, bytes, bytearray, memoryview)):
        raise TypeError(
            f"a lone {type(digests).__name__} is not a collection of digests: pass [digest] for one digest, "
            "or pathlib.Path(name) for a file"
        )
    if isinstance(digests, Plan):
        raise TypeError("this is a plan already: pass it to check, or its digests to plan")
    if isinstance(digests, FileRows):
        _tell(digests.feed(planner), digests.file)
    elif isinstance(getattr(digests, "_layout", None), Layout):
        _tell(tuple(planner.extend_layout(digests._layout)), digests.source)
    elif isinstance(digests, os.PathLike) or _is_binary_file(digests):
        _tell(FileRows(digests, "lines", None).feed(planner), digests)
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


def _tell(notes: tuple[str, ...], file: Any) -> None:
    """Logs what was decided about a file."""
    if not notes:
        return
    import logging  # here, because most inputs have no notes

    shown = repr(os.fsdecode(file)) if isinstance(file, (str, os.PathLike)) else type(file).__name__
    for note in notes:
        logging.getLogger("layercheck").info("%s of %s", note, shown)


def _is_binary_file(digests: Any) -> bool:
    # By its method, because compressed and remote files do not inherit from io.RawIOBase.
    return callable(getattr(digests, "read", None)) and not isinstance(digests, io.TextIOBase)


def _is_pandas(digests: Any) -> bool:
    # Tested without importing pandas. The second test excludes other types of the package.
    return type(digests).__module__.partition(".")[0] == "pandas" and hasattr(digests, "ndim")


def _is_array(digests: Any) -> bool:
    # Only numpy's objects have this attribute, so the test does not need to import numpy.
    return hasattr(digests, "__array_interface__") and hasattr(digests, "dtype")


def _feed_pandas(planner: Planner, data: Any) -> None:
    if data.ndim == 2:
        # The Arrow table of a DataFrame would contain its index as one more column.
        if data.shape[1] != 1:
            names = ", ".join(repr(name) for name in list(data.columns)[:20])
            raise ValueError(
                f"the table has {data.shape[1]} columns ({names}): pass the one that holds the digests, "
                f"such as table[{_likely(data.columns)!r}]"
            )
        data = data.iloc[:, 0]
    if data.dtype == object:
        # The column may hold objects of any type, which pandas cannot convert to one Arrow type.
        _feed_array(planner, data.to_numpy())
        return
    if hasattr(data, "__arrow_c_stream__"):
        try:
            import pyarrow  # noqa: F401 - pandas uses it to make capsules
        except ImportError:
            pass
        else:
            planner.extend_arrow(data)
            return
    planner.extend(data)


def _likely(names: Iterable[Any]) -> Any:
    """The column that is named `digest`, in any case, or else the first one."""
    known = list(names)
    return next((name for name in known if isinstance(name, str) and name.lower() == "digest"), known[0])


def _feed_array(planner: Planner, array: Any) -> None:
    import numpy as np

    kind, width = array.dtype.kind, array.dtype.itemsize
    if array.ndim == 1 and array.size == 0:
        return  # of any dtype, because numpy makes an empty list an array of floats
    if kind == "S" and planner.raw:
        raise ValueError(
            f"dtype S{width} drops trailing zero bytes, so it cannot hold raw digests: "
            "use dtype V32, uint8 with shape (n, 32), or object"
        )
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
    """The array itself, or pieces of it if it must be converted, so that only a piece is in memory twice."""
    if array.flags.c_contiguous and array.dtype.isnative and array.dtype.kind not in "OT":
        yield array
        return
    for start in range(0, len(array), _PIECE_ROWS):
        yield array[start : start + _PIECE_ROWS]
