"""Reads record batches on a thread, one ahead of what processes them."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

from layercheck.daemon_thread import DaemonThread

MANY_ROWS = 1 << 18
"""Rows from which a table is worth a thread."""

_BETWEEN_LOOKS_S = 1.0


def one_ahead(batches: Iterator[Any], rows: int) -> Iterator[Any]:
    """Yield record batches, of which a thread reads the next meanwhile if there are many `rows`.

    At most two batches are in memory. The thread ends with the iterator. If the system refuses it, the
    caller's thread reads.

    Raises:
        MemoryError: The thread ended without memory.
    """
    wanted: queue.SimpleQueue[bool] = queue.SimpleQueue()
    read: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        while wanted.get():
            try:
                read.put((next(batches, None), None))
            except BaseException as error:  # noqa: BLE001 - raised again on the other thread
                read.put((None, error))

    if rows < MANY_ROWS:
        yield from batches
        return
    reader = DaemonThread(target=run, name="layercheck-read")
    started = False
    try:
        started = _started(reader)
        if not started:
            yield from batches
            return
        wanted.put(True)
        while True:
            batch, error = _next(read, reader)
            if error is not None:
                raise error
            if batch is None:
                return
            wanted.put(True)
            yield batch
    finally:
        wanted.put(False)  # also for a thread that starts late
        if started:
            reader.join()


def _started(thread: DaemonThread) -> bool:
    try:
        thread.start()
    except RuntimeError:
        return False
    return True


def _next(
    read: queue.SimpleQueue[tuple[Any, BaseException | None]], reader: DaemonThread
) -> tuple[Any, BaseException | None]:
    while True:
        lived = reader.is_alive()
        try:
            return read.get(timeout=_BETWEEN_LOOKS_S)
        except queue.Empty:
            if not lived:
                raise MemoryError("the thread that reads record batches ended without memory") from None
