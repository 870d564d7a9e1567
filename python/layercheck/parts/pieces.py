"""Pieces of the input: what they may be, and how a worker reads one."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layercheck.errors import InvalidParameterError
from layercheck.parts.drive import Engine, Task
from layercheck.parts.files import Files
from layercheck.parts.prepare_pieces import Piece, Rows, count_piece, write_piece
from layercheck.redact import clean
from layercheck.shard.table import arrow

_BATCH_ROWS = 1 << 16
_DIGEST = re.compile(r"\s*(?:\S*@)?(?:sha256:)?[0-9a-f]{64}\s*", re.IGNORECASE)
_DIGESTS_GIVEN = (
    'table holds digests, and texts are taken for paths; pass pyarrow.table({"digest": [...]}), or lc.check '
    "for a list"
)
_AHEAD = 2
"""Pieces under way for each slot, so that no slot waits for the driver."""


@dataclass(frozen=True, slots=True)
class ListedPieces:
    """An input whose pieces are known.

    Attributes:
        listed: Paths of Parquet files, fragments of a dataset, Arrow tables, pandas frames, or what the
            engine turns into one of these before it calls a function with it.
    """

    listed: Sequence[Any]

    def pieces(self, engine: Engine, rows: Rows, path: str, folder: str) -> Iterator[Piece]:
        """See `Source`."""

        def tasks() -> Iterator[Task]:
            for number, piece in enumerate(self.listed):
                name = f"{folder}piece-{number:06d}.parquet" if folder else ""
                yield Task(f"piece {number} of the input", read_piece, (piece, rows, path, name))

        for _, found in engine.run(tasks(), _AHEAD * engine.slots):
            yield found


def read_piece(piece: Any, rows: Rows, path: str, name: str) -> Piece:
    """Count the rows of one piece in a worker, and write its digests if a name for their file is given."""
    batches = batches_of(piece, rows.column)
    return write_piece(batches, rows, path, name) if name else count_piece(batches, rows)


def listed(table: Any) -> list[Any] | None:
    """Return the pieces of an input that is not of an engine; None if it is none of these.

    Args:
        table: The path of a Parquet file or of a folder with such files, a list of paths or of Arrow tables,
            a dataset of pyarrow, an Arrow table, or a pandas frame or Series.

    Raises:
        TypeError: A dataset has a file system that holds keys, or a list holds digests.
        InvalidParameterError: A path is a pattern.
    """
    dataset = importlib.import_module("pyarrow.dataset")
    pa = arrow()
    if isinstance(table, str | os.PathLike):
        table = dataset.dataset(_everywhere(table), format="parquet")
    if isinstance(table, dataset.InMemoryDataset):  # its fragments cannot be pickled
        return [table.to_table()]
    if isinstance(table, dataset.Dataset):
        return _without_keys(list(table.get_fragments()))
    if isinstance(table, pa.Table | pa.RecordBatch) or _is_of_pandas(table):
        return [table]
    if isinstance(table, list | tuple):
        if any(isinstance(each, bytes) for each in table):
            raise TypeError(_DIGESTS_GIVEN)
        return _without_keys(
            [_everywhere(each) if isinstance(each, str | os.PathLike) else each for each in table]
        )
    return None


def check_apart(table: Any, files: Files) -> None:
    """Refuse a run in a folder of its own input, because a rerun would read its verdicts as rows.

    Raises:
        InvalidParameterError: The path of the run is inside the folder of the rows.
    """
    for each in table if isinstance(table, list | tuple) else [table]:
        if not isinstance(each, str | os.PathLike):
            continue
        rows = _everywhere(each)
        if f"{files.path}/".startswith(f"{rows}/"):
            raise InvalidParameterError(
                f"path is {clean(files.path, 200)!r}, inside the folder of the rows, and a rerun would read "
                "the verdicts as rows; pass a folder beside it"
            )


def batches_of(piece: Any, column: str | None) -> Iterable[Any]:
    """Return the record batches of a piece, with only the column of the digests where it is there.

    Raises:
        OSError: A file cannot be read.
        TypeError: The piece is something else.
    """
    dataset = importlib.import_module("pyarrow.dataset")
    pa = arrow()
    if isinstance(piece, str):
        piece = dataset.dataset(piece, format="parquet")
    if isinstance(piece, dataset.Fragment | dataset.Dataset):
        schema = piece.schema if isinstance(piece, dataset.Dataset) else piece.physical_schema
        columns = [column] if column in schema.names else None
        return piece.to_batches(columns=columns, batch_size=_BATCH_ROWS)  # type: ignore[no-any-return]
    if isinstance(piece, pa.RecordBatch):
        return [piece]
    if isinstance(piece, pa.Table):
        return piece.to_batches(max_chunksize=_BATCH_ROWS)  # type: ignore[no-any-return]
    if _is_of_pandas(piece):
        if piece.ndim == 1:  # a Series, which is a column of digests whatever its name
            frame = piece.to_frame() if column is None else piece.to_frame(name=column)
        else:
            frame = piece[[column]] if column in piece.columns else piece
        return pa.Table.from_pandas(frame, preserve_index=False).to_batches(max_chunksize=_BATCH_ROWS)  # type: ignore[no-any-return]
    raise TypeError(
        f"a piece of the input is a {type(piece).__name__}; expected the path of a Parquet file, a Table or "
        "RecordBatch of pyarrow, or a DataFrame or Series of pandas"
    )


def _is_of_pandas(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and (
        hasattr(value, "to_frame") or hasattr(value, "columns")
    )


def _everywhere(path: str | os.PathLike[str]) -> str:
    """Return a path that means the same in every worker.

    Raises:
        TypeError: It is a digest.
        InvalidParameterError: It is a pattern. The file systems of pyarrow expand none.
    """
    if _DIGEST.fullmatch(os.fspath(path)):
        raise TypeError(_DIGESTS_GIVEN)
    found = Files.at(path, "table").path
    if Path(found).is_absolute():
        is_pattern = re.search(r"[*?]|\[.-.\]", found) is not None and not Path(found).exists()
    else:
        is_pattern = "*" in found.partition("?")[0]
    if is_pattern:
        raise InvalidParameterError(
            f"table has the pattern {clean(os.fspath(path), 200)!r}; pass the folder of the files, or a list "
            "of their paths"
        )
    return found


_KEYS = (
    "secret_key",
    "session_token",
    "access_token",
    "account_key",
    "sas_token",
    "client_secret",
    "password",
)
"""Options of the file systems of pyarrow that are secrets."""


def _without_keys(pieces: list[Any]) -> list[Any]:
    """Return the pieces, unless a file system of pyarrow would be pickled with its keys.

    Raises:
        TypeError: It would.
    """
    for piece in pieces:
        for system in _file_systems(piece):
            held = next(_held(system.__reduce__()[1]), None)
            if held is not None:
                raise TypeError(
                    f"table has a {type(system).__name__} that holds a {held}, and a distributed run would "
                    "pickle it into the engine's files; pass the URL as text, and give the workers "
                    "credentials of their own"
                )
    return pieces


def _file_systems(piece: Any) -> Iterator[Any]:
    """Yield the file systems of pyarrow in a piece, also those inside of others and of joined datasets.

    Raises:
        TypeError: One is of another library, so that nobody can tell what it holds.
    """
    dataset = importlib.import_module("pyarrow.dataset")
    if not isinstance(piece, dataset.Dataset | dataset.Fragment):
        return  # what an engine knows answers to any name
    if isinstance(piece, dataset.UnionDataset):
        for child in piece.children:
            yield from _file_systems(child)
    system: Any = getattr(piece, "filesystem", None)
    while hasattr(system, "base_fs"):
        system = system.base_fs
    if type(system).__name__ == "PyFileSystem":
        raise TypeError(
            "table has a file system that is not pyarrow's own, and a distributed run would pickle it with "
            "what it holds into the engine's files; pass the URL as text, and give the workers credentials "
            "of their own"
        )
    if type(system).__module__.startswith("pyarrow."):
        yield system


def _held(options: Any) -> Iterator[str]:
    """Yield the names of the options of a file system that are secrets and have a value."""
    if isinstance(options, dict):
        for name, value in options.items():
            if name in _KEYS and value:
                yield name
            yield from _held(value)
    elif isinstance(options, list | tuple):
        for each in options:
            yield from _held(each)
