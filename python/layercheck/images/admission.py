"""`Admission`: bounds the memory of the repositories under way, by the number of their images."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from layercheck.images.stopping import StopSignal

IMAGES_AT_ONCE = 200_000
"""Images of the repositories that are read and checked at once: some 200 MB with 30 layers each."""

_SLICE_S = 0.1


class Admission:
    """Lets repositories in as long as their images are not too many together; one is always let in.

    Args:
        most: Most images at once.
    """

    def __init__(self, most: int = IMAGES_AT_ONCE) -> None:
        self._most = most
        self._under_way = 0
        self._changed = threading.Condition()

    @contextmanager
    def of(self, images: int, stop: StopSignal) -> Iterator[None]:
        """Wait until a repository with so many images may be read; it is under way within the block.

        Raises:
            CheckStopped: Everything is to stop.
        """
        with self._changed:
            while self._under_way and self._under_way + images > self._most:
                stop.check()
                self._changed.wait(_SLICE_S)
            self._under_way += images
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= images
                self._changed.notify_all()
