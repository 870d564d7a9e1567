"""`CallThreads`: makes a few calls at once, on threads that never keep the program from exiting."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import ParamSpec, TypeVar

from layercheck.daemon_thread import DaemonThread
from layercheck.images.stopping import StopSignal

_SLICE_S = 0.1

T = TypeVar("T")
P = ParamSpec("P")


class CallThreads:
    """A small pool of daemon threads.

    `concurrent.futures.ThreadPoolExecutor` waits for its threads when the program exits, and a call may wait
    for the network for a minute.

    Args:
        most: Most threads.
        name: Start of the threads' names.

    Attributes:
        most: Most threads.
    """

    def __init__(self, most: int, name: str) -> None:
        self.most = most
        self._name = name
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[DaemonThread] = []
        self._idle = 0

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call a function on one of the threads."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 (it is raised where the result is waited for)
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            if self._idle > 0:
                self._idle -= 1
            elif len(self._threads) < self.most:
                thread = DaemonThread(target=self._serve, name=f"{self._name}-{len(self._threads) + 1}")
                thread.start()
                self._threads.append(thread)
        self._work.put(run)
        return future

    def close(self) -> None:
        """Let the threads end after what they do. Nothing may be submitted any more."""
        with self._lock:
            for _ in self._threads:
                self._work.put(None)

    def _serve(self) -> None:
        while (run := self._work.get()) is not None:
            run()
            with self._lock:
                self._idle += 1


def result_in_time(future: Future[T], stop: StopSignal) -> T:
    """Wait for what a thread does, also if its call hangs.

    Raises:
        CheckStopped: Everything is to stop.
        BaseException: What the thread raised.
    """
    while not wait([future], _SLICE_S).done:
        stop.check()
    return future.result()
