"""The lock under which clients are created: one at a time, and none while the process forks.

Creating a client makes a TLS context, for which OpenSSL takes locks of its own. In a child that is made by
fork meanwhile, these locks would be held for ever, and no client could be created.
"""

from __future__ import annotations

import os
import threading

FORK_WAITS_S = 2.0
"""How long a fork waits for a client that is being created, which may hang in a source of credentials."""


class CreationLock:
    """A lock that the thread that forks holds too, in parent and child.

    It is reentrant, because a source of credentials may fork while a client is created.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._forking = threading.local()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before_fork, after_in_parent=self._after_fork, after_in_child=self._renew
            )

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _before_fork(self) -> None:
        self._forking.holds = self._lock.acquire(timeout=FORK_WAITS_S)

    def _after_fork(self) -> None:
        if self._forking.holds:
            self._lock.release()

    def _renew(self) -> None:
        """In the child: another thread may hold the lock for ever, if the fork did not wait for it."""
        if self._forking.holds:
            self._lock.release()
        else:
            self._lock = threading.RLock()
