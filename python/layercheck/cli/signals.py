"""Ctrl-C, SIGTERM, SIGHUP: the first ends the run and keeps what is known, the second leaves at once."""

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


class Interrupts:
    """While entered, turns the first signal into a KeyboardInterrupt and the second into an exit.

    Python runs signal handlers on the main thread, between two of its own instructions; a long native
    call delays them. The second signal must not wait for that, so a thread of its own watches the
    wake-up descriptor that the interpreter writes to as soon as a signal arrives.

    SIGTERM is treated as Ctrl-C, exit code 130 included: what a scheduler stops keeps what it knows too. So
    is SIGHUP, by which a terminal is closed. It never counts as the second signal: whoever closes a terminal
    does not insist, and the shell and the kernel both send it.

    Attributes:
        interrupted: True from the first signal on.
        announce: Called at the first signal, on another thread.
        last_words: Written to standard error when the second signal ends the process.
    """

    def __init__(self, announce: Callable[[], None] | None = None) -> None:
        self.interrupted = False
        self.announce = announce
        self.last_words = ""
        self._terminals = [number for number in (1, 2) if os.isatty(number)]
        self._held = False
        self._previous: dict[signal.Signals, Any] = {}
        self._previous_wakeup = -1
        self._ends: tuple[int, int] | None = None
        self._watcher: threading.Thread | None = None

    def __enter__(self) -> Interrupts:
        reading, writing = os.pipe()
        self._ends = (reading, writing)
        os.set_blocking(writing, False)
        self._previous_wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in _SIGNALS:
            # Under nohup, or in a script's background job, the signal is ignored on purpose.
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
        if self._ends is not None:
            # Closing the writing end ends the thread, which closes the reading one.
            os.close(self._ends[1])
            self._ends = None
        if self._watcher is not None:
            self._watcher.join()

    def hold(self) -> None:
        """From here on the first signal is only noted, so that what is known gets written to its end."""
        self._held = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._let_go_of_terminals()
        if self.interrupted:
            if number != signal.SIGHUP:
                self._leave()
            return
        self.interrupted = True
        if not self._held:
            raise KeyboardInterrupt

    def _watch(self, reading: int) -> None:
        seen = 0
        with open(reading, "rb", buffering=0) as pipe:
            while numbers := pipe.read(16):
                for number in numbers:
                    if number == signal.SIGHUP:
                        self._let_go_of_terminals()
                        seen = max(seen, 1)
                    else:
                        seen += number in _SIGNALS
                if seen > 1:
                    self._leave()
                if seen == 1 and self.announce is not None:
                    announce, self.announce = self.announce, None
                    announce()

    def _let_go_of_terminals(self) -> None:
        """Write to nowhere instead of to a terminal that is gone, which would be an error each time."""
        for number in self._terminals:
            try:
                termios.tcgetattr(number)
            except (OSError, termios.error):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, number)
                os.close(nowhere)

    def _leave(self) -> NoReturn:
        # A progress bar hides the cursor; nobody else will show it again.
        cursor = "\x1b[?25h\n" if sys.stderr is not None and sys.stderr.isatty() else ""
        with contextlib.suppress(OSError):
            os.write(2, os.fsencode(cursor + self.last_words))
        os._exit(ExitCode.INTERRUPTED)
