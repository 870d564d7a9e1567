"""What an audit on Ray takes as a table, in pieces."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from layercheck.parts.drive import Engine, Source
from layercheck.parts.pieces import ListedPieces, listed, read_piece
from layercheck.parts.prepare_pieces import Piece, Rows
from layercheck.shard import Counts, Fingerprint
from layercheck.shard.arguments import kind_of
from layercheck.shard.table import arrow


def source_of(table: Any, column: str) -> Source:
    """Return the input in pieces.

    Raises:
        ValueError: A dataset lacks the column.
        TypeError: `table` is something else.
    """
    import ray.data

    if isinstance(table, ray.data.Dataset):
        columns = table.columns()
        if columns is None:  # a dataset without rows may have lost its schema (ray#28505)
            return ListedPieces([])
        if column not in columns:
            shown = ", ".join(repr(str(name)[:80]) for name in columns[:20])
            raise ValueError(f"no column {column!r}; there are {shown or 'none'}")
        return _DatasetPieces(table.select_columns([column]))
    found = listed(table)
    if found is None:
        raise TypeError(
            f"table is a {kind_of(table)}; expected a ray.data.Dataset, paths of Parquet files, a dataset of "
            "pyarrow, a pandas DataFrame, an Arrow table, or a list of such tables and references to them"
        )
    return ListedPieces(found)


def check_dataset(name: str, given: object) -> None:
    """Refuse what is not a Dataset.

    Raises:
        TypeError: It is something else.
    """
    import ray.data

    if not isinstance(given, ray.data.Dataset):
        raise TypeError(
            f"{name} is a {kind_of(given)}; expected a ray.data.Dataset, which ray.data.from_pandas or "
            "from_arrow makes of a table"
        )


@dataclass(frozen=True, slots=True)
class _DatasetPieces:
    """An input whose pieces are the blocks of a Dataset, which never are all in memory."""

    dataset: Any

    def pieces(self, engine: Engine, rows: Rows, path: str, folder: str) -> Iterator[Piece]:
        """See `layercheck.parts.drive.Source`."""
        found = self.dataset.map_batches(
            _piece, batch_format="pyarrow", batch_size=None, fn_args=(rows, path, folder)
        )
        for line in found.iter_rows():
            values = json.loads(line["piece"])
            if values["error"]:
                raise (TypeError if values["error"] == "TypeError" else ValueError)(values["message"])
            total, invalid, null, digests, seen = values["counts"]
            counts = Counts(total, invalid, null, Fingerprint(digests, seen))
            yield Piece(counts, values["digests"], values["file"])


def _piece(block: Any, rows: Rows, path: str, folder: str) -> Any:
    # An exception here would reach the driver as one of Ray's, so it is data.
    name = f"{folder}piece-{uuid.uuid4().hex}.parquet" if folder else ""
    values: dict[str, Any] = {"error": None}
    try:
        piece = read_piece(block, rows, path, name)
    except (ValueError, TypeError) as error:
        values = {"error": type(error).__name__, "message": str(error)}
    else:
        counts = piece.counts
        numbers = [counts.rows, counts.invalid, counts.null, counts.seen.digests, counts.seen.hash]
        values.update(counts=numbers, digests=piece.digests, file=piece.file)
    return arrow().table({"piece": [json.dumps(values)]})
