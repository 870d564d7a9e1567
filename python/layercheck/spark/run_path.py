"""Refuses the path of a run where a table of the caller's is."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from layercheck import shard
from layercheck.errors import InvalidParameterError
from layercheck.redact import clean
from layercheck.spark import cluster

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def check_path(frame: DataFrame, path: str) -> None:
    """Refuse a path with other files, and one in a folder of the rows, which a rerun would read as rows.

    Args:
        frame: The rows.
        path: The path of the run.

    Raises:
        InvalidParameterError: The path is one of these.
        JournalError: The driver does not reach it.
    """
    shard.folder.check_own(cluster.open_folder(frame.sparkSession, path))
    place = _plain(path)
    files: list[str] = []
    # Some clusters forbid the question, and some sources have no files. The rows are then not looked for.
    with contextlib.suppress(Exception):
        files = frame.inputFiles()
    for folder in {os.path.dirname(_plain(unquote(file))) for file in files}:  # noqa: PTH120
        if f"{place}/".startswith(f"{folder}/"):
            raise InvalidParameterError(
                f"path is {clean(path, 200)!r}, inside the folder of the rows, and a rerun would read the "
                "verdicts as rows; pass a folder beside it"
            )


def _plain(path: str) -> str:
    """Return a path without its scheme, because Spark writes `file:` and `s3a:` where callers do not."""
    plain, count = re.subn(r"\A[A-Za-z][A-Za-z0-9+.-]*:/+", "/", path)
    return plain if count else os.path.abspath(path)  # noqa: PTH100 (links stay as they are)
