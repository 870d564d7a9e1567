"""Real digests in the spellings that people use, and the truth of each row, found without layercheck."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_SPELLINGS: list[Callable[[str], str]] = [
    lambda hex_digits: f"sha256:{hex_digits}",
    lambda hex_digits: f"sha256:{hex_digits}",
    lambda hex_digits: f"sha256:{hex_digits.upper()}",
    lambda hex_digits: f"SHA256:{hex_digits}",
    lambda hex_digits: hex_digits,
    lambda hex_digits: hex_digits.upper(),
    lambda hex_digits: f"sha256__{hex_digits}",
    lambda hex_digits: f"registry.example:5000/team/app:1.2@sha256:{hex_digits}",
    lambda hex_digits: f"layout/blobs/sha256/{hex_digits}",
    lambda hex_digits: f"  sha256:{hex_digits}\t",
    lambda hex_digits: f"sha256:{hex_digits}\r",
]
# Each of these is not a digest, but is made from a digest that the repository may hold.
_JUNK: list[Callable[[str], str]] = [
    lambda hex_digits: f"sha256:{hex_digits[:-1]}",
    lambda hex_digits: f"sha256:{hex_digits}0",
    lambda hex_digits: f"sha256:{hex_digits[:20]}g{hex_digits[21:]}",
    lambda hex_digits: f"sha256-{hex_digits}.sig",
    lambda hex_digits: f"sha512:{hex_digits * 2}",
    lambda hex_digits: f"md5:{hex_digits[:32]}",
    lambda hex_digits: hex_digits[:12],
    lambda hex_digits: f"sha256:{hex_digits}\0",
    lambda hex_digits: "not a digest",
]
_NO_ROWS = ["", "   ", "# a comment", "\t# sha256:" + "0" * 64]


@dataclass(frozen=True)
class Row:
    """One row of the file: its text, and the digest that it means; None for junk."""

    text: str
    hex: str | None


def chance(purpose: str, key: object, sides: int) -> int:
    """A number from 0 to `sides` - 1 that looks random but is always the same, because it is a hash."""
    seed = hashlib.sha256(f"{purpose}/{key}".encode()).digest()
    return int.from_bytes(seed[:8], "big") % sides


def held(hex_digits: str) -> bool:
    """Whether the repository holds a digest; true for about half of them."""
    return chance("held", hex_digits, 2) == 0


def rows(digests: Iterable[str]) -> list[Row]:
    """Rows with each digest in some spelling, about one in five twice, and one in ten also as junk."""
    made: list[Row] = []
    for number, hex_digits in enumerate(digests):
        made.append(Row(_SPELLINGS[chance("spelling", number, len(_SPELLINGS))](hex_digits), hex_digits))
        if chance("again", number, 5) == 0:
            again = _SPELLINGS[chance("spelling again", number, len(_SPELLINGS))]
            made.append(Row(again(hex_digits), hex_digits))
        if chance("junk", number, 10) == 0:
            made.append(Row(_JUNK[chance("which junk", number, len(_JUNK))](hex_digits), None))
    return made


def as_file(made: list[Row]) -> bytes:
    """The rows as a text file with a byte-order mark, comments, blank lines and mixed line ends."""
    parts = ["\ufeff"]
    for number, row in enumerate(made):
        if chance("no row", number, 50) == 0:
            parts.append(_NO_ROWS[chance("which no row", number, len(_NO_ROWS))] + "\n")
        parts.append(row.text + ("\r\n" if chance("line end", number, 3) == 0 else "\n"))
    return "".join(parts).encode()
