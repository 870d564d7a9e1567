"""What `progress=True` shows for a check of images: one line that follows it, or a line from time to time."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from layercheck.display.animation import can_animate
from layercheck.display.plain_lines import INTERVAL_S, to_stderr
from layercheck.images.image_progress import ImageProgress, ImageProgressCallback


def progress_line(progress: ImageProgress, room: int | None = None) -> str:
    """How far a check of images is.

    Args:
        progress: The state.
        room: Most characters; what is known longest is left out as a whole, so that no number is cut. None
            for no limit.

    Examples:
        >>> state = ImageProgress(312, 12, 48_000, 21_000, 90_000, 80_000, 17)
        >>> progress_line(state)
        '12 of 312 repositories, 48,000 images listed, 80,000 of 90,000 blobs checked, 17 images broken'
        >>> progress_line(state, 60)
        '80,000 of 90,000 blobs checked, 17 images broken'
    """
    words = []
    if progress.repositories > 1:
        words.append(f"{progress.repositories_done:,} of {progress.repositories:,} repositories")
    words.append(f"{progress.images:,} image{'' if progress.images == 1 else 's'} listed")
    if 0 < progress.images_read < progress.images:
        words.append(f"{progress.images_read:,} read")
    if progress.blobs:
        words.append(f"{progress.blobs_done:,} of {progress.blobs:,} blobs checked")
    if progress.asked_again_done < progress.asked_again:
        words.append(
            f"asking again about missing parts: {progress.asked_again_done:,} of {progress.asked_again:,}"
        )
    if progress.incomplete:
        words.append(f"{progress.incomplete:,} image{'' if progress.incomplete == 1 else 's'} broken")
    while room is not None and len(words) > 1 and len(", ".join(words)) > room:
        del words[0]
    return ", ".join(words)


class PlainImageLines:
    """Writes a plain line every 30 seconds. A short check says nothing."""

    def __init__(self) -> None:
        self._due = time.monotonic() + INTERVAL_S

    def __call__(self, progress: ImageProgress) -> None:
        """Take the state of the check."""
        if not progress.done and time.monotonic() >= self._due:
            self._due = time.monotonic() + INTERVAL_S
            to_stderr(progress_line(progress))


class ImageStatusLine:
    """One line with a spinner on a terminal, removed at the end of the check."""

    def __init__(self) -> None:
        from rich.status import Status

        from layercheck.display.terminal import Terminal

        self.console = Terminal(stderr=True)
        self._status = Status("finding repositories", console=self.console)

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def __call__(self, progress: ImageProgress) -> None:
        """Take the state of the check."""
        if progress.done:
            self._status.stop()
            return
        # The spinner and a space stand before the text.
        room = max(self.console.width - 4, 10)
        text = progress_line(progress, room) if progress.repositories else "finding repositories"
        self._status.update(text[:room])
        self._status.start()


def as_callback(progress: object) -> ImageProgressCallback | None:
    """The callback for the argument `progress`; None if there is nothing to call.

    Raises:
        TypeError: The argument is not a callable, a bool or None.
    """
    if progress is None or progress is False:
        return None
    if progress is True:
        return _until_it_fails(ImageStatusLine() if can_animate() else PlainImageLines())
    if callable(progress):
        return progress
    raise TypeError(f"progress is a {type(progress).__name__}; expected a callable, True or None")


def _until_it_fails(shown: ImageProgressCallback) -> ImageProgressCallback:
    """The display, until it raises, because a terminal that was closed must not end the check."""
    failed = False

    def show(progress: ImageProgress) -> None:
        nonlocal failed
        if not failed:
            try:
                shown(progress)
            except Exception:  # noqa: BLE001 - whatever the terminal raises
                failed = True

    return show
