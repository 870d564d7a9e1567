"""Checks an endless iterable in blocks; the answers come in the order of the rows."""

from __future__ import annotations

import itertools
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from layercheck.errors import InvalidParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from layercheck.dispatch.run import Run
    from layercheck.report import Report

BLOCKS_AHEAD = 3
"""Blocks in flight at once: enough that call slots are not idle at the end of a block."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdicts for one block of `Checker.stream`.

    Attributes:
        first_row: Number of the block's first row, counted from 0 over the whole stream.
        report: The block's report; row numbers in it start at 0 for each block.
    """

    first_row: int
    report: Report

    @property
    def rows(self) -> int:
        """Rows in this block."""
        return self.report.rows

    @property
    def verdicts(self) -> NDArray[Any]:
        """One verdict code per row of the block, uint8."""
        return self.report.verdicts

    @property
    def counts(self) -> dict[str, int]:
        """Verdict word to rows of the block."""
        return self.report.counts

    def digests(self, verdict: str) -> list[str]:
        """The block's digests with this verdict, unique, first seen first."""
        return self.report.digests(verdict)


def stream(
    submit: Callable[[list[Any]], Run], rows: Iterable[Any], *, block_rows: object
) -> Iterator[Answer]:
    """Yield the answers of `Checker.stream`, which passes its `submit`."""
    count = checked(rows, block_rows)
    return _answers(submit, iter(rows), count)


def checked(rows: object, block_rows: object) -> int:
    """Check the arguments of a stream, and return the rows of a block.

    Raises:
        InvalidParameterError: `block_rows` is not a positive whole number.
        TypeError: `rows` is a lone text.
    """
    if isinstance(block_rows, bool) or not isinstance(block_rows, int) or block_rows < 1:
        raise InvalidParameterError(f"block_rows is {block_rows!r}; expected a whole number of at least 1")
    if isinstance(rows, str | bytes | bytearray):
        raise TypeError(f"a lone {type(rows).__name__} is not a stream of digests: pass an iterable of them")
    return block_rows


def _answers(submit: Callable[[list[Any]], Run], rows: Iterator[Any], block_rows: int) -> Iterator[Answer]:
    under_way: deque[tuple[int, Run]] = deque()
    first_row = 0
    broken: Exception | None = None
    try:
        while broken is None:
            block, broken = read_block(rows, block_rows)
            if not block:
                break
            under_way.append((first_row, submit(block)))
            first_row += len(block)
            if len(under_way) >= BLOCKS_AHEAD:
                yield _oldest(under_way)
        while under_way:
            yield _oldest(under_way)
    except GeneratorExit:
        raise  # the consumer has left and takes no more answers
    except BaseException as error:
        if not any(run._process.is_another for _, run in under_way):
            _keep(error, under_way)
        raise
    finally:
        # Also when the consumer stops, or a fatal error ended one block, because the other blocks have no
        # reader any more. The garbage collector closes an iterator that was left open, in any thread at any
        # point.
        for _, run in under_way:
            run._cancel_soon()
    if broken is not None:
        raise broken


def read_block(rows: Iterator[Any], count: int) -> tuple[list[Any], Exception | None]:
    """Return the next rows, and what their source raised after them: these rows are checked all the same."""
    block: list[Any] = []
    try:
        block.extend(itertools.islice(rows, count))  # on an exception, `extend` keeps what came before
    except Exception as error:  # noqa: BLE001 (it is raised again when these rows have their answers)
        return block, error
    return block, None


def _oldest(under_way: deque[tuple[int, Run]]) -> Answer:
    first_row, run = under_way[0]
    run._wait()
    report = run.result()
    under_way.popleft()
    return Answer(first_row, report)


def _keep(error: BaseException, under_way: deque[tuple[int, Run]]) -> None:
    """Set what is known of the blocks in flight as `answers` on an exception: Ctrl-C or a fatal error."""
    for _, run in under_way:
        run.cancel()
    try:
        for _, run in under_way:
            run._wait()
    finally:
        # After a second Ctrl-C, Python raises that one in place of the first.
        for each in {error, sys.exception() or error}:
            each.__dict__["answers"] = [Answer(first_row, run.report()) for first_row, run in under_way]
