"""The SHA256 fields of the package lists that `apt-get update` leaves on disk."""

from __future__ import annotations

import gzip
import lzma
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

LISTS = Path("/var/lib/apt/lists")
_FIELD = re.compile(rb"^SHA256: ([0-9a-f]{64})$", re.MULTILINE)


class NoLists(Exception):  # noqa: N818 (a fact about the machine)
    """There is nothing to read; the message says what to run."""


def package_lists(folder: Path = LISTS) -> list[Path]:
    """The binary package lists in `folder`, however apt compressed them."""
    found = sorted(path for path in folder.glob("*_Packages*") if path.is_file())
    if not found:
        raise NoLists(f"no package lists in {folder}: run apt-get update first")
    return found


def read(path: Path) -> bytes:
    """The content of one list. apt keeps them plain, or as lz4, gz or xz."""
    if path.suffix == ".lz4":
        # apt's own helper knows every form it writes; Debian's lz4 is the other way.
        return subprocess.run(
            ["/usr/lib/apt/apt-helper", "cat-file", str(path)], check=True, capture_output=True
        ).stdout
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    return path.read_bytes()


def sha256_fields(folder: Path = LISTS) -> Iterator[str]:
    """64 lower-case digits for every package of every list, in order, repeats included."""
    for path in package_lists(folder):
        for match in _FIELD.finditer(read(path)):
            yield match[1].decode("ascii")
