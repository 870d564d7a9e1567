"""`NativeLoop`: calls that the threads of a run make one after the other in the core."""

from __future__ import annotations

import time

from layercheck._core import Call, CallLoop, Ledger, Scheduler
from layercheck.dispatch.attempt import Attempt
from layercheck.dispatch.outcome import Answer
from layercheck.dispatch.rate.limiter import RateLimiter
from layercheck.dispatch.transport import AskedRepository, LoopingTransport

LOOK_S = 0.04
"""Interval at which the thread of the run looks into the loop, seconds: whether calls are still made in the
same way, and which answers there are. Threads come back from the core without a look for 0.1 s."""

LOOK_FOR_WAITING_S = 0.01
"""While a thread waits in the core for the rate, the pool looks so often whether one still does, seconds. It
is shorter than the burst of a rate, of a share too, so that no call is lost when none does."""

ANSWERS = 1024
"""Answers that may wait in the core to be counted: those of one look, at 20,000 calls a second."""


class NativeLoop:
    """The loop of one run. With the pool's lock held, unless a method says otherwise.

    A thread that takes a call gets a seat, under the number of that call. In the core it settles good answers
    and takes its next calls from the scheduler. If its last answer was not good, it comes back with that
    call; otherwise without one.

    Args:
        scheduler: Says which calls are next.
        ledger: Where the core merges the answers.
        transport: Makes the calls.
        repository: What they ask.
        rate: The rate of the calls.
        threads: Most threads at once.
        answers: Answers that may wait in the core to be counted.

    Attributes:
        is_open: Threads take their next calls in the core.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        ledger: Ledger,
        transport: LoopingTransport,
        repository: AskedRepository,
        rate: RateLimiter,
        *,
        threads: int,
        answers: int,
    ) -> None:
        self.is_open = False
        self._scheduler = scheduler
        self._ledger = ledger
        self._transport = transport
        self._repository = repository
        self._rate = rate
        self._threads = threads
        self._answers = answers
        self._calls: CallLoop | None = None

    @property
    def may_open(self) -> bool:
        """Whether the transport can make calls in the core, and these can ask the lane for its rate."""
        return self._transport.may_follow and self._rate.is_fastest_of_lane

    @property
    def has_waiting(self) -> bool:
        """Whether a thread waits in the core for its next call, so that no other needs to start it."""
        return self.is_open and self._calls is not None and self._calls.waiting > 0

    def join(self, attempt: Attempt, *, is_shared: bool) -> None:
        """Open the loop, if it is not open, and let a thread take part that took a call.

        Args:
            attempt: The thread and its call.
            is_shared: Other runs wait for the same threads.
        """
        if self._calls is None:
            try:
                self._calls = self._made()
            except MemoryError:
                return  # the call is made like any other
        if not self.is_open:
            self.is_open = True
            self._calls.open()
        self.share(is_shared=is_shared)
        attempt.seated = self._calls.sit(attempt.call) is not None

    def share(self, *, is_shared: bool) -> None:
        """Say whether other runs wait for the same threads."""
        if self._calls is not None:
            self._calls.share(is_shared)

    def close(self) -> None:
        """Let the threads come back after the calls they make."""
        self.is_open = False
        if self._calls is not None:
            self._calls.close()

    def ask(self, attempt: Attempt) -> tuple[bytes | None, Call] | None:
        """Make the call of a seat, and then calls in the core. Without the lock.

        Returns:
            The answer to the call that the seat is at now, and that call; without an answer, the call has to
            be made like any other. None if it was settled or given up.

        Raises:
            Exception: See `Transport`; of the call that the seat is at now.
        """
        if self._calls is None:
            return None
        answer = self._transport.follow(self._repository, self._calls, attempt.call.number)
        current = self._calls.current(attempt.call.number)
        return None if current is None else (answer, current)

    def current(self, attempt: Attempt) -> Call | None:
        """Return the call that a seat is at; None if it is settled."""
        return None if self._calls is None else self._calls.current(attempt.call.number)

    def leave(self, attempt: Attempt) -> Call | None:
        """End a seat, and return the call that it is at; None if that is settled."""
        return None if self._calls is None else self._calls.leave(attempt.call.number)

    def leave_call(self, call: Call) -> None:
        """End the seat of a thread that does not make this call, with which it would come."""
        if self._calls is not None:
            self._calls.leave(call.number)

    def give_up(self, call: Call) -> bool:
        """End the seat that is at a call; return whether there was one."""
        return self._calls is not None and self._calls.give_up(call) is not None

    def drain(self) -> tuple[list[Answer], int, int]:
        """Return the answers since the last time, and how many requests and retries began in the core."""
        return ([], 0, 0) if self._calls is None else self._calls.drain()

    def look(self) -> None:
        """Look whether calls are still made in the same way. Without the lock: it reads what others own."""
        if self.is_open:
            self._transport.look()

    def _made(self) -> CallLoop:
        return CallLoop(
            self._scheduler,
            self._ledger,
            self._rate.pacer,
            own_rate=self._rate.own_rate,
            caller=self._rate.caller,
            threads=self._threads,
            most=self._answers,
            clock=time.monotonic,
        )
