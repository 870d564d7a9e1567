"""Checks an iterable of any length in blocks on an event loop; the answers come in the order of the rows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from layercheck.daemon_thread import DaemonThread
from layercheck.dispatch.stream import BLOCKS_AHEAD, Answer, checked, read_block

if TYPE_CHECKING:
    from layercheck.dispatch.run import Run

T = TypeVar("T")
Rows = Iterable[Any] | AsyncIterable[Any]


def stream_async(
    submit: Callable[[list[Any]], Run], rows: Rows, *, block_rows: object
) -> AsyncIterator[Answer]:
    """Yield the answers of `Checker.stream_async`, which passes its `submit`."""
    count = checked(rows, block_rows)
    if isinstance(rows, AsyncIterable):
        return _answers(submit, _AsyncBlocks(rows, count))
    return _answers(submit, _Blocks(rows, count))


class _Blocks:
    """Takes blocks of a plain iterable in a thread, because it may wait for a file or for a network."""

    def __init__(self, rows: Iterable[Any], count: int) -> None:
        self._rows = iter(rows)
        self._count = count

    async def next(self) -> tuple[list[Any], Exception | None]:
        """Return the next rows, and what their source raised after them."""
        return await asyncio.wrap_future(_in_thread(lambda: read_block(self._rows, self._count)))


class _AsyncBlocks:
    """Takes blocks of an asynchronous iterable on the event loop."""

    def __init__(self, rows: AsyncIterable[Any], count: int) -> None:
        self._rows = aiter(rows)
        self._count = count

    async def next(self) -> tuple[list[Any], Exception | None]:
        """Return the next rows, and what their source raised after them."""
        block: list[Any] = []
        try:
            async for row in self._rows:
                block.append(row)
                if len(block) >= self._count:
                    break
        except Exception as error:  # noqa: BLE001 (it is raised again when these rows have their answers)
            return block, error
        return block, None


async def _answers(
    submit: Callable[[list[Any]], Run], blocks: _Blocks | _AsyncBlocks
) -> AsyncIterator[Answer]:
    under_way: deque[tuple[int, Run]] = deque()
    first_row = 0
    broken: Exception | None = None
    try:
        while broken is None:
            block, broken = await blocks.next()
            if not block:
                break
            under_way.append((first_row, await _submitted(submit, block)))
            first_row += len(block)
            if len(under_way) >= BLOCKS_AHEAD:
                yield await _oldest(under_way)
        while under_way:
            yield await _oldest(under_way)
    except Exception as error:
        error.__dict__["answers"] = await _known(under_way)
        raise
    finally:
        # Also when the consumer stops or the task is cancelled, because the blocks have no reader any more.
        for _, run in under_way:
            run._cancel_soon()
    if broken is not None:
        raise broken


async def _submitted(submit: Callable[[list[Any]], Run], block: list[Any]) -> Run:
    """Start the run of a block in a thread; if the task is cancelled meanwhile, the run is cancelled too."""
    started = _in_thread(lambda: submit(block))
    try:
        return await asyncio.wrap_future(started)
    except asyncio.CancelledError:
        started.add_done_callback(_cancel_unused)
        raise


def _in_thread(work: Callable[[], T]) -> Future[T]:
    """Do some work in a daemon thread.

    `asyncio.run` waits at its end for the threads of its executor, and the rows may come from a queue that
    never gives another. And the loop may end before the thread, so that the result is not a future of the
    loop.
    """
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 (it is raised where the future is waited for)
            done.set_exception(error)

    DaemonThread(target=run, name="layercheck-stream").start()
    return done


def _cancel_unused(started: Future[Run]) -> None:
    """Cancel a run that was started after its task was cancelled."""
    if started.exception() is None:
        started.result()._cancel_soon()


async def _oldest(under_way: deque[tuple[int, Run]]) -> Answer:
    first_row, run = under_way[0]
    await asyncio.gather(asyncio.wrap_future(run), return_exceptions=True)
    report = run.result()
    under_way.popleft()
    return Answer(first_row, report)


async def _known(under_way: deque[tuple[int, Run]]) -> list[Answer]:
    """Return what is known of the blocks in flight, after a fatal error."""
    for _, run in under_way:
        run.cancel()
    await asyncio.gather(*(asyncio.wrap_future(run) for _, run in under_way), return_exceptions=True)
    return [Answer(first_row, run.report()) for first_row, run in under_way]
