"""`Attempt`: the work of one thread on a call, and on the calls that it makes after it in the core."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Thread

from layercheck._core import Call


@dataclass(slots=True, eq=False)
class Attempt:
    """What a thread does from the lock of the pool until it comes back to it.

    Attributes:
        call: The call that the thread took.
        thread: The thread.
        seated: The thread has a seat in the loop of the run, under the number of the call, so that it may be
            at another call by now; see `NativeLoop`.
        finished: The thread comes back.
        abandoned: The run gave up the thread and its call.
    """

    call: Call
    thread: Thread | None = None
    seated: bool = False
    finished: bool = False
    abandoned: bool = False
