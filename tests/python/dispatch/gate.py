"""A script for a server that answers some calls and holds the others."""

from __future__ import annotations

import threading

from dispatch.scripted_server import Asked, Reply, good


class Gate:
    """Answers `free` calls; every further one waits until it is opened."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.held = threading.Event()
        self.opened = threading.Event()

    def __call__(self, asked: Asked) -> Reply:
        if asked.number >= self.free:
            self.held.set()
            self.opened.wait(60)
        return good(asked)
