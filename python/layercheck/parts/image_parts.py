"""A group of repositories -> a file with the lines of all tables; and the tables out of such files.

The functions run in workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from layercheck.parts.files import Files
from layercheck.shard.image_result import ImageGroup, ImageResult
from layercheck.shard.image_settings import ImageSettings
from layercheck.shard.image_tables import image_lines_schema, table_in
from layercheck.shard.image_work import ImageFile
from layercheck.shard.images import ask_images
from layercheck.shard.outcome import PartError
from layercheck.shard.share import Share
from layercheck.shard.table import arrow

if TYPE_CHECKING:
    import pyarrow as pa

_SEEN = ["key", "repositories", "outcome"]
_CANCELLED = "RunCancelled"


class _StoppedError(Exception):
    """Ends the writing of a file that nobody waits for."""


def check_group(
    path: str,
    name: str,
    group: ImageGroup,
    settings: ImageSettings,
    share: Share,
    *,
    stop: Callable[[], bool] | None = None,
) -> ImageResult:
    """Check the repositories of a group and write their lines, unless the file is there.

    The file is there if the worker was lost after it had written it, or if this one was given up and another
    one was faster. The driver may have recorded what the file says, so it stays. A group that was stopped
    leaves none.

    Args:
        path: The folder of the run.
        name: The name of the file; no other group and no other run has the same.
        group: The repositories.
        settings: The same in every worker.
        share: What this task may do.
        stop: Says whether to stop; called some times a second.
    """
    files = Files(path)
    there = _result_of(files, name)
    if there is not None:
        return there
    asking = ask_images([group.batch()], settings, share, stop=stop)
    result = ImageResult()

    def lines() -> Iterator[Any]:
        for batch in asking.tables():
            if _was_stopped(asking.outcome.error):
                raise _StoppedError
            result.see(batch.select(_SEEN).to_pylist())
            yield batch
        if files.has(name):
            raise _StoppedError

    try:
        files.write(name, lines(), image_lines_schema())
    except _StoppedError:
        return _result_of(files, name) or ImageResult(outcome=asking.outcome)
    return result


def read_image_table(path: str, file: ImageFile, table: str) -> pa.Table:
    """Return the lines that one file has of one table.

    Args:
        path: The folder of the run.
        file: The file, and whose lines do not count.
        table: `images`, `platforms`, `layers` or `repositories`.
    """
    import pyarrow.compute as pc

    with Files(path).table(file.name) as opened:
        found = opened.read(columns=["key", table])
    if file.left_out:
        gone = arrow().array(file.left_out, arrow().string())
        found = found.filter(pc.invert(pc.is_in(found.column("key"), value_set=gone)))
    return table_in(found, table)


def _result_of(files: Files, name: str) -> ImageResult | None:
    """What the lines of a file say; None if there is no such file."""
    result = ImageResult()
    with suppress(FileNotFoundError), files.table(name) as file:
        for batch in file.iter_batches(columns=_SEEN):
            result.see(batch.to_pylist())
        return result
    return None


def _was_stopped(error: PartError | None) -> bool:
    return error is not None and error.kind == _CANCELLED
