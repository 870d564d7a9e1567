"""`FreshDigests`: the digests that no call has asked for yet."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layercheck._core import CallLoop


class FreshDigests:
    """Ranges of numbers, from which new calls are taken in order, or from anywhere.

    Every call begins a whole number of batches after the start of its part, so that each batch is asked by
    one call. A range that is lent to a `CallLoop` still counts as not asked.

    Args:
        numbers: How many digests there are.
        batch_size: Most digests in one call.
        packed_from: The first number that stands for a digest of a batch that is known in part, for a run
            that goes on with a journal.
        next_open: For such a run: returns the next call's digests from a number on, as start and stop.
    """

    def __init__(
        self,
        numbers: int,
        batch_size: int,
        *,
        packed_from: int | None = None,
        next_open: Callable[[int], tuple[int, int]] | None = None,
    ) -> None:
        border = numbers if packed_from is None else packed_from
        self._numbers = numbers
        self._batch_size = batch_size
        self._next_open = next_open
        self._borrower: CallLoop | None = None
        self._ranges = [(start, stop) for start, stop in ((0, border), (border, numbers)) if start < stop]
        self._skip_known()

    def __bool__(self) -> bool:
        """Whether any digest is left."""
        return bool(self._ranges) or self._draw()

    @property
    def first(self) -> int:
        """The first digest that is left; the number of all digests if none is."""
        return self._ranges[0][0] if self._ranges else self._numbers

    def take(self) -> tuple[int, int]:
        """Return the digests of the next call, as start and stop."""
        start, end = self._ranges[0]
        stop = start + self._batch_size
        if self._next_open is None and stop < end:
            self._ranges[0] = (stop, end)
            return start, stop
        return self._cut(0, self._call_from(start, end) or (start, end))

    def take_far(self, rng: random.Random) -> tuple[int, int]:
        """Return the digests of a call from anywhere in what is left, as start and stop."""
        while len(self._ranges) > 1 or self._batch_size < self._ranges[0][1] - self._ranges[0][0]:
            sizes = [stop - start for start, stop in self._ranges]
            (at,) = rng.choices(range(len(sizes)), weights=sizes)
            start, stop = self._ranges[at]
            somewhere = rng.randrange(start, stop, self._batch_size)
            call = self._call_from(somewhere, stop) or self._call_from(start, stop)
            if call is not None:
                return self._cut(at, call)
            del self._ranges[at]  # all of it is known; never the first range
        return self.take()

    def lend(self, calls: CallLoop) -> None:
        """Lend the first range, unless something of an earlier one is left there."""
        if self._ranges and not calls.left:
            calls.lend(*self._ranges.pop(0))
            self._borrower = calls

    def take_back(self) -> None:
        """Take back what is left of a range that was lent."""
        calls, self._borrower = self._borrower, None
        if calls is not None:
            start, stop = calls.take_back()
            if start < stop:
                self._ranges.insert(0, (start, stop))

    def _draw(self) -> bool:
        """Take one call back from a range that was lent; return whether there was one."""
        call = None if self._borrower is None else self._borrower.take_one()
        if call is None:
            return False
        self._ranges.append(call)
        return True

    def _cut(self, at: int, call: tuple[int, int]) -> tuple[int, int]:
        """Take a call out of the range at this index."""
        start, stop = self._ranges[at]
        parts = ((start, call[0]), (call[1], stop))
        self._ranges[at : at + 1] = [part for part in parts if part[0] < part[1]]
        self._skip_known()
        return call

    def _skip_known(self) -> None:
        """Let the first range begin with a digest that is to be asked."""
        while self._ranges:
            first, end = self._ranges[0]
            call = self._call_from(first, end)
            if call is not None:
                self._ranges[0] = (call[0], end)
                return
            del self._ranges[0]

    def _call_from(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the first call from a number on that begins before `end`."""
        if start >= end:
            return None
        if self._next_open is None:
            return start, min(start + self._batch_size, end)
        first, stop = self._next_open(start)
        return (first, min(stop, end)) if first < min(stop, end) else None
