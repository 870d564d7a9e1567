"""`ErrorLog`: what went wrong in a run, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable

from layercheck.dispatch.outcome import Cause, Outcome
from layercheck.types import BatchError


class ErrorLog:
    """Keeps the first `limit` errors; one last entry stands for all further errors.

    Args:
        limit: Most errors kept one by one.
        positions: Returns the range of `plan.digests` that holds the digests `start..stop` of a call.
    """

    def __init__(self, limit: int, positions: Callable[[int, int], tuple[int, int]]) -> None:
        self._limit = limit
        self._positions = positions
        self._kept: list[BatchError] = []
        self._further: BatchError | None = None
        self._further_count = 0

    def record(self, outcome: Outcome, cause: Cause) -> None:
        """Keep the cause of an outcome."""
        call = outcome.call
        start, stop = self._positions(call.start, call.stop)
        # A half that was not asked by itself was asked once, as part of its batch.
        self._note(BatchError(start, stop, cause.kind, cause.code, cause.message, max(call.requests, 1)))

    def all(self) -> tuple[BatchError, ...]:
        """Return the errors in the order in which they happened."""
        return (*self._kept, self._further) if self._further else tuple(self._kept)

    def _note(self, error: BatchError) -> None:
        if len(self._kept) < self._limit:
            self._kept.append(error)
            return
        self._further_count += 1
        first = self._further or error
        self._further = BatchError(
            min(first.start, error.start),
            max(first.stop, error.stop),
            error.kind,
            "FurtherErrors",
            f"{self._further_count:,} more batches had errors; the last: {error.code}",
            error.attempts,
        )
