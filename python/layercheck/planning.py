"""The offline half: turns rows in any accepted form into a `Plan`."""

from __future__ import annotations

import os

from layercheck._core import MAX_BATCH, Plan, Planner
from layercheck.file_formats import input_format
from layercheck.inputs.adapters import DigestInput, feed


def plan(
    digests: DigestInput,
    *,
    batch_size: int = MAX_BATCH,
    strict: bool = False,
    threads: int | None = None,
    raw: bool = False,
) -> Plan:
    """Validate, normalise, deduplicate and batch digests, without touching the network.

    It accepts `sha256:<hex>` in any case, 64 hex digits alone, `<reference>@sha256:<hex>`, the paths and
    URLs of blobs, `sha256__<hex>`, `docker://sha256:<hex>` and lines of `sha256sum`, with white space around
    them. Any other row is rejected: it keeps its place, is never sent, and `Plan.rejects` holds the reason.

    Every form of input gives the same plan for the same rows:

    ============================================== =====================================================
    any iterable of str, bytes or bytearray         list, tuple, generator, dict keys, set, pandas Index
    `pathlib.Path` or another path object           a text file, one row a line, plain, gzip or zstd; or
                                                    Parquet, Arrow or ORC by its first bytes
    an open binary file                             the same, from its current position
    `layercheck.read_layout(path)`, and a path or   the configs and layers of images: an OCI layout, an
    an open file with the same content              archive of `docker save` and its like, a manifest
    `layercheck.read(path, format, column)`         a column of CSV, Parquet, Arrow or ORC, or JSON Lines
    numpy, one dimension: `S`, `U`, object, `T`     text; zeros at the end of `S` and `U` are padding
    numpy, uint8 of shape (n, 32), or `V32`         raw digests
    numpy, masked                                   a masked item is a null
    pandas Series; DataFrame of one column          text of any dtype, categories too
    anything with `__arrow_c_stream__` or           a column, or a table of one column, from pyarrow,
    `__arrow_c_array__`                             polars, DuckDB, arro3, nanoarrow ...: utf8 and binary
                                                    (also large and view), dictionaries, fixed-size
                                                    binary of 64 or 71 (text) or 32 (raw digests)
    any iterable of such objects                    record batches, as they come: from a scan of a data set,
                                                    a `RecordBatchReader`, an engine
    ============================================== =====================================================

    A path to text is read as lines, whatever its suffix. `plan` warns (`UserWarning`) if the suffix is that
    of CSV or JSON Lines and hardly any line is a digest: pass `layercheck.read(path)` then.

    In files, blank lines and lines starting with `#` are not rows. None, NaN, a null and any object that
    is not text are invalid rows. Another thread may write to a list or an array meanwhile, because `plan`
    copies it block by block under the interpreter lock. Each row then has its old or its new value.

    Args:
        digests: Rows in one of these forms. `plan` refuses, with a hint, a lone str or bytes, a file open
            in text mode, numpy `S32` (it drops zeros at the end of raw digests), arrays of other shapes or
            dtypes, a table of several columns, and Arrow columns of other types.
        batch_size: Digests in one call, 1 to 100 (the service's limit).
        strict: Accept only `sha256:` followed by 64 lower-case hex digits.
        threads: 1 does all work on the calling thread. With 2 or more, a second thread shares the work from
            about 260,000 rows on; it runs no Python and ends with this call. None is 2 if this process may
            use more than one core, else 1. The plan is the same.
        raw: The bytes in an iterable, an array of objects, or a binary column of variable length are raw
            digests of 32 bytes, and not text. Bytes of another length are invalid rows (`wrong_length`). Text
            stays text. The length alone never decides, because the hex digits of an MD5 have 32 bytes too.

    Returns:
        The plan: the digests to ask, and the digest of each row.

    Raises:
        ValueError: If `batch_size` is outside 1 to 100, `threads` is below 1, an array has the wrong shape,
            or a table or file has several columns and none is chosen.
        TypeError: If `digests` is a lone str or bytes, or does not yield rows, or `threads` is not a number.
        OSError: If a file cannot be read.
        RuntimeError: If an Arrow stream fails. Exceptions of a generator or a file object pass through.

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
    if threads is not None:
        if not hasattr(threads, "__index__"):
            raise TypeError(f"threads must be a number, or None for as many as are of use, not {threads!r}")
        if threads < 1:
            raise ValueError(
                f"threads must be at least 1, or None for as many as are of use, not {threads!r}"
            )
        threads = min(threads, 2)  # more are of no use
    planner = Planner(strict=strict, threads=threads, raw=raw)
    feed(planner, digests)
    made = planner.finish(batch_size)
    # Lines that are manifests have a hint that says more.
    if made.hint is not None and "manifest" not in made.hint and isinstance(digests, os.PathLike):
        _warn_of_table(digests)
    return made


def _warn_of_table(path: os.PathLike[str]) -> None:
    """Warns that a file that is named as a table was read as lines; the command reads it by its suffix."""
    name = os.fsdecode(path)
    format_ = input_format(name)
    if format_ in ("csv", "jsonl"):
        import warnings

        warnings.warn(
            f"{name!r} was read as lines of text, as every path is, and hardly any line is a digest; pass "
            f"layercheck.read({name!r}), which reads the digests of {format_.upper()}",
            stacklevel=3,
        )
