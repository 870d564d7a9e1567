"""A group of repositories -> a file with the lines of all tables; and the tables out of such files.

The functions run in workers.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from layercheck.errors import JournalError
from layercheck.parts.files import Files
from layercheck.shard.folder import FOLDER
from layercheck.shard.image_result import ImageGroup, ImageResult
from layercheck.shard.image_settings import ImageSettings
from layercheck.shard.image_tables import image_lines_schema, table_in
from layercheck.shard.image_work import ImageFile, image_files
from layercheck.shard.images import ask_images
from layercheck.shard.outcome import PartError
from layercheck.shard.share import Share
from layercheck.shard.table import BATCH_ROWS, arrow

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE_FOLDER = "images"
"""Where the files with the lines of the groups are."""
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
    """Check the repositories of a group and write their lines, unless there is a file of the group.

    There is one if the worker was lost after it had written it, or if this one was given up and another one
    was faster. Each attempt writes a file of its own, so a late one changes nothing that the driver recorded.
    A group that was stopped leaves none.

    Args:
        path: The folder of the run.
        name: The folder of the group beneath it; no other group and no other run has the same.
        group: The repositories.
        settings: The same in every worker.
        share: What this task may do.
        stop: Says whether to stop; called some times a second.

    Returns:
        What the lines say, and which file has them.
    """
    files = Files(path)
    there = _result_in(files, name)
    if there is not None:
        return there
    own = f"{name}/{uuid.uuid4().hex}.parquet"
    asking = ask_images([group.batch()], settings, share, stop=stop)
    result = ImageResult(file=own)

    def lines() -> Iterator[Any]:
        for batch in asking.tables():
            if _was_stopped(asking.outcome.error):
                raise _StoppedError
            result.see(batch.select(_SEEN).to_pylist())
            yield batch
        if files.names(name):
            raise _StoppedError

    try:
        files.write(own, _gathered(lines()), image_lines_schema())
    except _StoppedError:
        return _result_in(files, name) or ImageResult(outcome=asking.outcome)
    return result


def read_image_table(path: str, file: ImageFile, table: str) -> pa.Table:
    """Return the lines that one file has of one table.

    Args:
        path: The folder of the run.
        file: The file, and whose lines do not count.
        table: `images`, `platforms`, `layers` or `repositories`.

    Raises:
        JournalError: The file is gone.
    """
    import pyarrow.compute as pc

    files = Files(path)
    try:
        opened = files.table(file.name)
    except FileNotFoundError:
        raise _gone(files, file) from None
    with opened:
        found = opened.read(columns=["key", table])
    if file.left_out:
        gone = arrow().array(file.left_out, arrow().string())
        found = found.filter(pc.invert(pc.is_in(found.column("key"), value_set=gone)))
    return table_in(found, table)


def image_files_at(files: Files) -> list[ImageFile]:
    """Return what makes up the tables of a run, as far as it is done.

    Raises:
        JournalError: No check of images began there, or a file is broken or gone.
    """
    return checked_files(files, image_files(files.records))


def checked_files(files: Files, found: list[ImageFile]) -> list[ImageFile]:
    """Return the files with the lines, if they are there.

    Raises:
        JournalError: One is gone; the message says how to check its repositories again.
    """
    there = set(files.names_below(IMAGE_FOLDER))
    for file in found:
        if file.name not in there:
            raise _gone(files, file)
    return found


def _gone(files: Files, file: ImageFile) -> JournalError:
    return JournalError(
        f"{files.url(file.name)} is gone; delete {files.url(f'{FOLDER}/{file.manifest}')} and run the same "
        "again"
    )


def _result_in(files: Files, folder: str) -> ImageResult | None:
    """What the lines of the first file in a folder say; None if there is none."""
    for name in files.names(folder):
        result = ImageResult(file=f"{folder}/{name}")
        with files.table(result.file) as file:
            for batch in file.iter_batches(columns=_SEEN):
                result.see(batch.to_pylist())
        return result
    return None


def _gathered(batches: Iterable[Any]) -> Iterator[Any]:
    """Put small batches together, because each becomes a row group, which costs 10 kB."""
    pa = arrow()
    waiting: list[Any] = []
    for batch in batches:
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= BATCH_ROWS:
            yield from pa.Table.from_batches(waiting).combine_chunks().to_batches()
            waiting = []
    if waiting:
        yield from pa.Table.from_batches(waiting).combine_chunks().to_batches()


def _was_stopped(error: PartError | None) -> bool:
    return error is not None and error.kind == _CANCELLED
