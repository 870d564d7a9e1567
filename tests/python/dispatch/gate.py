"""A script for `ScriptedServer` that answers some calls and holds the others back."""

from __future__ import annotations

import threading

from dispatch.scripted_server import Asked, Reply, good


class Gate:
    """Answers the first `free` calls; all further calls wait until the test sets `opened`."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.held = threading.Event()
        self.opened = threading.Event()

    def __call__(self, asked: Asked) -> Reply:
        if asked.number >= self.free:
            self.held.set()
            self.opened.wait(60)
        return good(asked)
