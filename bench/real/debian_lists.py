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
    """The folder has no package lists; the message says what to run."""


def package_lists(folder: Path = LISTS) -> list[Path]:
    """The binary package lists in `folder`, in any compression of apt."""
    found = sorted(path for path in folder.glob("*_Packages*") if path.is_file())
    if not found:
        raise NoLists(f"{folder} has no package lists; run apt-get update first")
    return found


def read(path: Path) -> bytes:
    """The content of a list. apt keeps lists plain, or as lz4, gz or xz."""
    if path.suffix == ".lz4":
        # apt's helper reads every form that apt writes, without Debian's package lz4.
        return subprocess.run(
            ["/usr/lib/apt/apt-helper", "cat-file", str(path)], check=True, capture_output=True
        ).stdout
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    return path.read_bytes()


def sha256_fields(folder: Path = LISTS) -> Iterator[str]:
    """Yield the 64 lower-case digits of every package of every list, in order, with repeats."""
    for path in package_lists(folder):
        for match in _FIELD.finditer(read(path)):
            yield match[1].decode("ascii")
