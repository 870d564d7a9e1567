"""`ImageProgress`: how far a check of images is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from layercheck.types import Progress, ProgressCallback


@dataclass(frozen=True, slots=True)
class ImageProgress:
    """State of a check of images; the argument of its `progress` callback.

    Attributes:
        repositories: Repositories to be checked.
        repositories_done: Repositories that have their report.
        images: Images listed so far.
        images_done: Images of the repositories that are done.
        blobs: Unique blobs of the repositories under way and done, summed.
        blobs_done: Those of them that have their verdict.
        incomplete: Images found incomplete or unreadable so far.
        seconds: Seconds since the check began.
        done: True in the last callback of the check.
        images_read: Images whose manifest was read or known, or could not be had.
        asked_again: Questions of the second look: images with missing parts by DescribeImages, these parts by
            the layer check, and as many as are confirmed by GetDownloadUrlForLayer.
        asked_again_done: Those of them that have an answer.
    """

    repositories: int
    repositories_done: int = 0
    images: int = 0
    images_done: int = 0
    blobs: int = 0
    blobs_done: int = 0
    incomplete: int = 0
    seconds: float = 0.0
    done: bool = False
    images_read: int = 0
    asked_again: int = 0
    asked_again_done: int = 0


ImageProgressCallback: TypeAlias = Callable[[ImageProgress], object]


class ProgressCounter:
    """Counts what the threads of a check have done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began_at = time.monotonic()
        self._repositories = self._repositories_done = 0
        self._images = self._images_done = self._incomplete = 0
        self._blobs = self._blobs_done = self._images_read = 0
        self._asked_again = self._asked_again_done = 0

    def found(self, repositories: int) -> None:
        """Note how many repositories there are to check."""
        with self._lock:
            self._repositories = repositories

    def listed(self, images: int) -> None:
        """Note that a repository was listed."""
        with self._lock:
            self._images += images

    def read(self, images: int) -> None:
        """Note that manifests were read, or were known."""
        with self._lock:
            self._images_read += images

    def asks_again(self, questions: int) -> None:
        """Note that a second look begins."""
        with self._lock:
            self._asked_again += questions

    def asked_again(self, questions: int) -> None:
        """Note that questions of a second look have their answers."""
        with self._lock:
            self._asked_again_done += questions

    def finished(self, images: int, incomplete: int) -> None:
        """Note that a repository is done."""
        with self._lock:
            self._repositories_done += 1
            self._images_done += images
            self._incomplete += incomplete

    def of_blobs(self) -> ProgressCallback:
        """Return a callback for the check of a repository's blobs."""
        before = [0, 0]

        def note(progress: Progress) -> None:
            with self._lock:
                self._blobs += progress.unique - before[0]
                self._blobs_done += progress.settled - before[1]
            before[:] = progress.unique, progress.settled

        return note

    def of_blobs_again(self) -> ProgressCallback:
        """Return a callback for the second check of a repository's missing blobs."""
        before = 0

        def note(progress: Progress) -> None:
            nonlocal before
            self.asked_again(progress.settled - before)
            before = progress.settled

        return note

    def now(self, *, done: bool = False) -> ImageProgress:
        """Return the state at this moment."""
        with self._lock:
            return ImageProgress(
                self._repositories,
                self._repositories_done,
                self._images,
                self._images_done,
                self._blobs,
                self._blobs_done,
                self._incomplete,
                time.monotonic() - self._began_at,
                done,
                self._images_read,
                self._asked_again,
                self._asked_again_done,
            )
