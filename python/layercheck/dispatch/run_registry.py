"""`RunRegistry`: the runs of a `Checker` that have not ended, and their threads."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from layercheck.dispatch.making_process import MakingProcess
from layercheck.dispatch.run import Run
from layercheck.errors import LayercheckError
from layercheck.report import Report

_SLICE_S = 0.1
"""Longest wait for a run before `close` looks again whether the run's own thread closes too, seconds."""


class RunRegistry:
    """Knows which runs of a `Checker` are under way, until it is closed. Thread-safe.

    Attributes:
        process: The process that made the `Checker`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: set[Run] = set()
        # A run is done a moment before its thread ends, so the threads are kept apart.
        self._threads: list[threading.Thread] = []
        self._closing: set[threading.Thread] = set()
        self._closed = False
        self.process = MakingProcess("Checker")

    @property
    def runs(self) -> list[Run]:
        """The runs that have not ended."""
        with self._lock:
            return list(self._runs)

    @property
    def threads(self) -> list[threading.Thread]:
        """The threads of runs that may still be alive."""
        with self._lock:
            return list(self._threads)

    def check_open(self) -> None:
        """Raise if no more runs may start.

        Raises:
            LayercheckError: The Checker is closed, or it crossed a fork: the child process has none of its
                threads.
        """
        self.process.check()
        if self._closed:
            raise LayercheckError("this Checker is closed")

    def start(self, run: Run) -> None:
        """Add a run and start it. If that fails, the run ends at once.

        Raises:
            LayercheckError: The Checker is closed.
            RuntimeError: The system gives no more threads.
        """
        try:
            with self._lock:
                self.check_open()
                self._runs.add(run)
            run.add_done_callback(self._forget)
            run._start()
        except BaseException as error:
            run._end_unless_started(error)
            raise
        with self._lock:
            self._threads = [each for each in (*self._threads, run._thread) if each.is_alive()]

    def close(self, *, cancel: bool) -> None:
        """Let no more runs start, and wait for those under way, or cancel them."""
        here = threading.current_thread()
        with self._lock:
            self._closed = True
            self._closing.add(here)
            runs = list(self._runs)
        try:
            self._wait_for(runs, cancel=cancel)
        finally:
            self._closing.discard(here)

    def _wait_for(self, runs: list[Run], *, cancel: bool) -> None:
        for run in runs:
            # A callback that closes its own Checker runs on the thread that would be waited for.
            if cancel or run._is_current_thread:
                run.cancel()
        for run in runs:
            # Two callbacks may close the Checker at once: neither waits for the other's run.
            while run._thread not in self._closing and not run._wait(_SLICE_S):
                pass

    def _forget(self, run: Future[Report]) -> None:
        with self._lock:
            self._runs.discard(run)
