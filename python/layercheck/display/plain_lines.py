"""Progress where no bar can be drawn, as in a log: one plain line whenever some time has passed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from layercheck.display import wording
from layercheck.types import Progress

INTERVAL_S = 30.0
"""Seconds between two lines, and before the first."""


class PlainLines:
    """Says at most one line in each interval how far reading or checking has come.

    A short run says nothing, because its result comes at once.

    Args:
        write: Takes each line, without a line end.
        clock: Seconds since any moment.
        interval_s: Seconds between two lines; default `INTERVAL_S`.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        interval_s: float | None = None,
    ) -> None:
        self._write = write
        self._clock = clock
        self._interval_s = INTERVAL_S if interval_s is None else interval_s
        self._due = clock() + self._interval_s
        self._reading_since = 0.0
        self._bytes = 0
        self._total: int | None = None

    def __call__(self, progress: Progress) -> None:
        """See `layercheck.types.ProgressCallback`."""
        if not progress.done and self._is_due():
            self._write(checking_line(progress))

    def reading(self, total: int | None) -> None:
        """Reading of `total` bytes begins; None if the size is unknown."""
        self._bytes, self._total, self._reading_since = 0, total, self._clock()

    def on_bytes(self, count: int) -> None:
        """`count` more bytes were read."""
        self._bytes += count
        if self._is_due():
            self._write(reading_line(self._bytes, self._total, self._clock() - self._reading_since))

    def _is_due(self) -> bool:
        now = self._clock()
        if now < self._due:
            return False
        # After a pause, as in a suspended process, there is one line and not one for each interval.
        self._due = now + self._interval_s
        return True


def to_stderr(line: str) -> None:
    """Writes a line to standard error. The run goes on if standard error is closed or full."""
    try:
        if sys.stderr is not None:
            sys.stderr.write(f"layercheck: {line}\n")
            sys.stderr.flush()
    except (OSError, ValueError):
        pass


def checking_line(progress: Progress) -> str:
    """How far a run has come: digests, percent, speed, time left, throttles and verdicts."""
    words = [
        f"checked {progress.settled:,} of {progress.unique:,} digests "
        f"({wording.percent(progress.settled, progress.unique)})",
        f"{progress.calls_per_second:,.0f} calls/s",
    ]
    left = wording.time_left(progress.seconds_left)
    if left:
        words.append(left)
    if progress.throttles:
        words.append(f"{progress.throttles:,} throttled")
    counts = ", ".join(text for text, _ in wording.counts_line(wording.settled(progress.counts)))
    return ", ".join(words) + (f": {counts}" if counts else "")


def reading_line(count: int, total: int | None, seconds: float) -> str:
    """How far reading has come: bytes, percent and speed.

    Examples:
        >>> reading_line(3_000_000_000, 12_000_000_000, 60)
        'read 3.0 GB of 12.0 GB (25.0 %), 50 MB/s'
        >>> reading_line(3_000_000_000, None, 60)
        'read 3.0 GB, 50 MB/s'
    """
    words = f"read {wording.bytes_text(count)}"
    if total:
        words += f" of {wording.bytes_text(total)} ({wording.percent(min(count, total), total)})"
    return f"{words}, {wording.bytes_text(count / seconds)}/s" if seconds > 0 else words
