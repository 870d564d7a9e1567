"""What went wrong in a run, kept in bounded memory."""

from __future__ import annotations

from layercheck.types import BatchError


class ErrorLog:
    """The first `limit` errors one by one; beyond them one last entry stands for the rest."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: list[BatchError] = []
        self._further: BatchError | None = None
        self._further_count = 0

    def note(self, error: BatchError) -> None:
        """One more."""
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

    def all(self) -> tuple[BatchError, ...]:
        """In the order they happened."""
        return (*self._kept, self._further) if self._further else tuple(self._kept)
