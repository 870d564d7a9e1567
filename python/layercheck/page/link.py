"""Relative addresses from a page to the files beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

Files: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""One file, or several."""


def links(page: str | os.PathLike[str], files: Files) -> tuple[tuple[str, str], ...]:
    """Return the address and the name of each file, as seen from the folder of the page.

    Args:
        page: The page.
        files: The files.

    Examples:
        >>> links("out/audit.html", "out/all rows.parquet")
        (('./all%20rows.parquet', 'all rows.parquet'),)
    """
    folder = Path(page).resolve().parent
    given = [files] if isinstance(files, str | os.PathLike) else files
    return tuple(_link(folder, Path(file)) for file in given)


def _link(folder: Path, file: Path) -> tuple[str, str]:
    # The first part of an address must not look like a scheme, so it begins with a dot.
    relative = os.path.relpath(file.resolve(), folder)
    address = quote(os.fsencode(relative))
    return (address if address.startswith("../") else f"./{address}"), file.name
