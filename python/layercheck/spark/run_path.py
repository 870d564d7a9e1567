"""Refuses the path of a run where a table of the caller's is."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from layercheck import shard
from layercheck.errors import InvalidParameterError
from layercheck.redact import clean
from layercheck.spark import cluster

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/]*))?(/.*)?\Z")


def check_path(frame: DataFrame, path: str) -> None:
    """Refuse a path with other files, and one in a folder of the rows, which a rerun would read as rows.

    A run that began there goes on, wherever it is.

    Args:
        frame: The rows.
        path: The path of the run.

    Raises:
        InvalidParameterError: The path is one of these.
        JournalError: The driver does not reach it.
    """
    folder = cluster.open_folder(frame.sparkSession, path)
    if shard.folder.FOLDER in folder.names():
        return
    shard.folder.check_own(folder, replaces=True)
    files: list[str] = []
    # Some clusters forbid the question, and some sources have no files. The rows are then not looked for.
    with contextlib.suppress(Exception):
        files = frame.inputFiles()
    if is_among(path, files):
        raise InvalidParameterError(
            f"path is {clean(path, 200)!r}, inside the folder of the rows, and a rerun would read the "
            "verdicts as rows; pass a folder beside it"
        )


def _roots_of(files: Sequence[str]) -> Iterator[str]:
    """Yield the folders that a frame surely reads whole, by the files that it names.

    One file alone may have been read by its own name, unless Spark wrote it. Folders of partitions
    (`date=2026-01-31`) are a part of the table above them.

    Args:
        files: URLs, as `DataFrame.inputFiles` gives them.
    """
    by_folder: dict[str, list[str]] = {}
    for file in files:
        folder, _, name = unquote(file).rpartition("/")
        by_folder.setdefault(folder, []).append(name)
    for folder, names in by_folder.items():
        root = re.sub(r"(?:/[^/=]+=[^/]*)+\Z", "", folder)
        if root != folder or len(names) > 1 or names[0].startswith("part-"):
            yield root


def is_among(path: str, files: Sequence[str]) -> bool:
    """Whether a path is inside a folder that a frame with these files surely reads whole."""
    return any(_is_beneath(path, root) for root in _roots_of(files))


def _is_beneath(path: str, folder: str) -> bool:
    (where, plain), (of_folder, plain_folder) = _place(path), _place(folder)
    # Without an authority it is the default one of the cluster, which Spark writes into the names of files.
    beneath = f"{plain.rstrip('/')}/".startswith(f"{plain_folder.rstrip('/')}/")
    return beneath and (not where or not of_folder or where == of_folder)


def _place(path: str) -> tuple[str, str]:
    """Return authority and path of a URL or a path; object stores have no default bucket."""
    found = _SCHEME.match(path)
    if found is None:
        return "", os.path.abspath(path)  # noqa: PTH100 (links stay as they are)
    return found[2] or "", os.path.normpath(found[3] or "/")
