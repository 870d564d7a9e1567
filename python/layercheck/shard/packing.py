"""Which repositories a task asks: each is packed whole, so that calls are not multiplied.

A call asks up to 100 digests of one repository. Cutting 5,000 repositories of 30 digests into 64 parts by the
hash of the digest makes 24 times as many calls.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from layercheck.errors import InvalidParameterError

SPLIT_DIGESTS = 100_000
"""A repository with more digests is split. It takes 1,000 calls, so one more for each part does not count."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Piece:
    """A share of a repository that one part asks.

    Attributes:
        part: Number of the part.
        piece: Which of the `pieces`, from 0. A digest belongs to the piece
            `first_two_bytes * pieces // 65536`.
        pieces: Into how many pieces the repository is split; 1 for whole.
    """

    part: int
    piece: int = 0
    pieces: int = 1


def pack_repositories(digests: Mapping[Key, int], parts: int) -> dict[Key, list[Piece]]:
    """Divide repositories among parts so that each part has about as many calls.

    Repositories of at most 100,000 digests stay whole.

    Args:
        digests: How many digests each repository has, by any key that names it.
        parts: How many parts, for instance the askers of a lane.

    Returns:
        The pieces of each repository, one for a whole one. The same for the same input.

    Raises:
        InvalidParameterError: `parts` is below 1.

    Examples:
        >>> packed = pack_repositories({"large": 250_000, "a": 30, "b": 30}, 2)
        >>> [(piece.part, piece.piece, piece.pieces) for piece in packed["large"]]
        [(0, 0, 2), (1, 1, 2)]
        >>> packed["a"], packed["b"]
        ([Piece(part=0, piece=0, pieces=1)], [Piece(part=1, piece=0, pieces=1)])
    """
    if parts < 1:
        raise InvalidParameterError(f"parts is {parts}; expected at least 1")
    pieces: list[tuple[int, Key, int, int]] = []
    for key, number in digests.items():
        count = 1 if number <= SPLIT_DIGESTS else min(parts, -(-number // SPLIT_DIGESTS))
        pieces += [(-(-number // count // 100), key, piece, count) for piece in range(count)]
    # The largest first, each to the part with the fewest calls so far.
    pieces.sort(key=lambda each: -each[0])
    loads = [(0, part) for part in range(parts)]
    packed: dict[Key, list[Piece]] = {key: [] for key in digests}
    for calls, key, piece, count in pieces:
        load, part = heapq.heappop(loads)
        packed[key].append(Piece(part, piece, count))
        heapq.heappush(loads, (load + max(1, calls), part))
    return {key: sorted(found, key=lambda each: each.piece) for key, found in packed.items()}


def deal(names: Iterable[str], parts: int) -> list[list[str]]:
    """Deal names out to parts in turn, sorted and each once; the same for the same names."""
    ordered = sorted(set(names))
    return [ordered[part::parts] for part in range(parts)]
