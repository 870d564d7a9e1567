"""`JournalFeed`: hands the outcomes of a run to its journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from layercheck.dispatch.outcome import Answer, Outcome
from layercheck.errors import JournalError
from layercheck.types import BatchError, RunStats

if TYPE_CHECKING:
    from layercheck._core import Call
    from layercheck.journal.writer import JournalWriter


class JournalFeed:
    """Subscribes a journal to the outcomes of one run.

    Args:
        writer: Writes the journal on a thread of its own.
        snapshot: Returns how the run goes and what went wrong so far; called without the pool's lock.
        changed: Called on the journal's thread without the pool's lock: with an error when writing fails,
            with None after each group, because more may be asked then.

    Attributes:
        core_answers: Answers that may wait in the core before they are queued.
    """

    def __init__(
        self,
        writer: JournalWriter,
        *,
        snapshot: Callable[[], tuple[RunStats, tuple[BatchError, ...]]],
        changed: Callable[[JournalError | None], None],
    ) -> None:
        self._writer = writer
        self._snapshot = snapshot
        self._changed = changed
        # A killed run asks these again too, besides those that are queued.
        self.core_answers = max(writer.group // 2, 1)

    @property
    def backlogged(self) -> bool:
        """Whether so many outcomes wait for the disk that nothing more may be asked."""
        return self._writer.backlogged

    @property
    def has_room(self) -> bool:
        """Whether the answers that wait in the core may be queued too."""
        return self._writer.has_room_for(self.core_answers)

    def record(self, outcome: Outcome) -> None:
        """Queue the verdicts of a call that has its outcome."""
        if outcome.kind.is_final:
            self._writer.enqueue(outcome.call.start, outcome.call.stop)

    def record_answers(self, answers: Sequence[Answer]) -> None:
        """Queue the verdicts of calls that the core made."""
        now = time.monotonic()
        self._writer.enqueue_all([(start, stop, now - at) for start, stop, _, at in answers])

    def record_again(self, call: Call) -> None:
        """Queue the verdicts of a call once more, because they may have changed since."""
        self._writer.enqueue(call.start, call.stop)

    def start(self) -> None:
        """Begin to write."""
        from layercheck.journal.history import RunSnapshot  # here, because it loads SQLite

        self._writer.start(self._changed, lambda: RunSnapshot(*self._snapshot()))

    def finish(self) -> JournalError | None:
        """Write the rest and close the journal; return what went wrong. Waits for the disk."""
        return self._writer.finish()
