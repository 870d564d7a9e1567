"""Opens the journal of a run, on the calling thread or beside an event loop."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING

from layercheck._core import Plan
from layercheck.dispatch.connection import Connection
from layercheck.journal.options import JournalOptions

if TYPE_CHECKING:
    from layercheck.journal.writer import JournalWriter


def open_journal(options: JournalOptions | None, plan: Plan, connection: Connection) -> JournalWriter | None:
    """Begin a journal, or go on with one; return None where no journal is wanted.

    Raises:
        JournalError: The journal does not fit this run, is in use, or cannot be read or written.
    """
    if options is None:
        return None
    from layercheck.journal.resume import open_writer  # here, because it loads SQLite

    target = connection.target
    return open_writer(options, plan, target, None if target.registry_id else connection.account_id)


async def open_journal_async(
    options: JournalOptions | None, plan: Plan, connection: Connection
) -> JournalWriter | None:
    """Do the same in a thread. If the task is cancelled meanwhile, the journal is closed again.

    Raises:
        JournalError: As `open_journal`.
    """
    if options is None:
        return None
    import asyncio  # here, because most users never need it

    # Not a future of the event loop, because the loop may end before the thread, and its callbacks with it.
    opening: Future[JournalWriter | None] = Future()
    opening.set_running_or_notify_cancel()

    def open_now() -> None:
        try:
            opening.set_result(open_journal(options, plan, connection))
        except BaseException as error:  # noqa: BLE001 (it is raised where the future is waited for)
            opening.set_exception(error)

    asyncio.get_running_loop().run_in_executor(None, open_now)
    try:
        return await asyncio.wrap_future(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unused)
        raise


def _close_unused(opening: Future[JournalWriter | None]) -> None:
    """Close a journal that was opened after its task was cancelled."""
    if opening.exception() is None:
        writer = opening.result()
        if writer is not None:
            writer.finish()
