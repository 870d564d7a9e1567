"""Ctrl-C, SIGTERM and SIGHUP: the first ends the run and keeps its answers, the second ends the process."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NoReturn

from layercheck.cli.exit_codes import ExitCode

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptHandler:
    """A context in which the first signal raises KeyboardInterrupt and the second ends the process.

    Python runs signal handlers on the main thread, between two bytecode instructions, so a long native call
    delays them. The second signal must not wait for that. A thread therefore watches the wake-up descriptor,
    to which the interpreter writes as soon as a signal arrives.

    SIGTERM counts as Ctrl-C, with the same exit code 130, so that a run stopped by a scheduler keeps its
    answers too. SIGHUP, which closing a terminal sends, ends the run in the same way. It never counts as the
    second signal, because the shell and the kernel both send it and the user did not insist.

    Attributes:
        interrupted: True from the first signal on.
        on_interrupt: Called once at the first signal, on the watching thread.
        exit_message: Written to standard error when the second signal ends the process.
    """

    def __init__(self, on_interrupt: Callable[[], None] | None = None) -> None:
        self.interrupted = False
        self.on_interrupt = on_interrupt
        self.exit_message = ""
        self._terminals = [number for number in (1, 2) if os.isatty(number)]
        self._deferred = False
        self._previous: dict[signal.Signals, Any] = {}
        self._previous_wakeup = -1
        self._pipe: tuple[int, int] | None = None
        self._watcher: threading.Thread | None = None

    def __enter__(self) -> InterruptHandler:
        reading, writing = os.pipe()
        self._pipe = (reading, writing)
        os.set_blocking(writing, False)
        self._previous_wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in _SIGNALS:
            # nohup and background jobs of scripts ignore the signal on purpose, so it stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._handle)
        self._watcher = threading.Thread(
            target=self._watch, args=(reading,), name="layercheck-interrupts", daemon=True
        )
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._previous_wakeup)
        if self._pipe is not None:
            # Closing the writing end ends the thread, which closes the reading end.
            os.close(self._pipe[1])
            self._pipe = None
        if self._watcher is not None:
            self._watcher.join()

    def defer(self) -> None:
        """From now on record the first signal without raising, so that the report is written to its end."""
        self._deferred = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._detach_closed_terminals()
        if self.interrupted:
            if number != signal.SIGHUP:
                self._exit()
            return
        self.interrupted = True
        if not self._deferred:
            raise KeyboardInterrupt

    def _watch(self, reading: int) -> None:
        seen = 0
        with open(reading, "rb", buffering=0) as pipe:
            while numbers := pipe.read(16):
                for number in numbers:
                    if number == signal.SIGHUP:
                        self._detach_closed_terminals()
                        seen = max(seen, 1)
                    else:
                        seen += number in _SIGNALS
                if seen > 1:
                    self._exit()
                if seen == 1 and self.on_interrupt is not None:
                    on_interrupt, self.on_interrupt = self.on_interrupt, None
                    on_interrupt()

    def _detach_closed_terminals(self) -> None:
        """Points the streams of a closed terminal to /dev/null, because each write to it would fail."""
        for number in self._terminals:
            try:
                termios.tcgetattr(number)
            except (OSError, termios.error):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, number)
                os.close(nowhere)

    def _exit(self) -> NoReturn:
        # The progress bar has hidden the cursor, and its own clean-up does not run any more.
        cursor = "\x1b[?25h\n" if sys.stderr is not None and sys.stderr.isatty() else ""
        with contextlib.suppress(OSError):
            os.write(2, os.fsencode(cursor + self.exit_message))
        os._exit(ExitCode.INTERRUPTED)
