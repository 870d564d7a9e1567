"""`NativeLoop`: fresh calls that the threads of a run make one after the other in the core."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from layercheck._core import CallLoop, Ledger, Plan
from layercheck.dispatch.call import Call
from layercheck.dispatch.outcome import Answer
from layercheck.dispatch.rate.limiter import RateLimiter
from layercheck.dispatch.transport import AskedRepository, Batch, LoopingTransport

if TYPE_CHECKING:
    from layercheck.dispatch.schedule.scheduler import Scheduler

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

    The scheduler lends the loop what was never asked. A thread that takes a fresh call gets a seat, and its
    `Call` stands for whatever call the thread makes just then: `see` and `leave` bring it up to date. The
    scheduler decides about the call with which the thread comes back, as about any other.

    Args:
        plan: The plan of the run.
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
        plan: Plan,
        ledger: Ledger,
        transport: LoopingTransport,
        repository: AskedRepository,
        rate: RateLimiter,
        *,
        threads: int,
        answers: int,
    ) -> None:
        self.is_open = False
        self._plan = plan
        self._ledger = ledger
        self._transport = transport
        self._repository = repository
        self._rate = rate
        self._threads = threads
        self._answers = answers
        self._calls: CallLoop | None = None
        self._seated: dict[int, Call] = {}

    @property
    def may_open(self) -> bool:
        """Whether the transport can make calls in the core, and the rate does not change."""
        return self._transport.may_follow and self._rate.is_steady

    @property
    def has_waiting(self) -> bool:
        """Whether a thread waits in the core for its next call, so that no other needs to start it."""
        return self.is_open and self._calls is not None and self._calls.waiting > 0

    def join(self, call: Call, scheduler: Scheduler) -> None:
        """Open the loop, if it is not open, and let the thread of a fresh call take part."""
        if self._calls is None:
            try:
                self._calls = self._made()
            except MemoryError:
                return  # the call is made like any other
        self.is_open = True
        scheduler.lend(self._calls)
        if self._calls.left:
            call.seat = self._calls.sit(call.start, call.stop, call.started_at)
        if call.seat is not None:
            self._seated[call.seat] = call

    def close(self, scheduler: Scheduler) -> None:
        """Let the threads come back after the calls they make."""
        self.is_open = False
        scheduler.take_back()

    def ask(self, call: Call) -> tuple[Mapping[str, Any] | bytes, Call] | None:
        """Make a call that has a seat, and then calls in the core.

        Without the lock, and so without a change to `call`: a look may bring it up to date just then.

        Returns:
            The answer to the call that the seat is at now, and a copy of that call; None if it was counted or
            given up.

        Raises:
            Exception: See `Transport`; of the call that the seat is at now.
        """
        calls, seat = self._calls, call.seat
        if calls is None or seat is None:
            return None
        answer = self._transport.follow(
            Batch(self._plan, call.start, call.stop, self._repository), calls, seat
        )
        current = calls.current(seat)
        if answer is None or current is None:
            return None
        return answer, replace(call, start=current[0], stop=current[1])

    def leave(self, call: Call) -> bool:
        """End the seat of a call; return whether the call needs an outcome."""
        seat, call.seat = call.seat, None
        if seat is None or self._calls is None:
            return False
        self._seated.pop(seat, None)
        current = self._calls.leave(seat)
        if current is None:
            return False
        call.move(*current[:3])
        return current[3]

    def give_up(self, call: Call) -> bool:
        """End the seat of a call, unless the thread is already at another call; return whether it ended."""
        seat = call.seat
        if seat is None or self._calls is None:
            return True
        if not self._calls.give_up(seat, call.start):
            return False
        call.seat = None
        self._seated.pop(seat, None)
        return True

    def see(self) -> None:
        """Bring all calls that have a seat up to date."""
        if self._calls is not None and self._seated:
            for seat, start, stop, started_at in self._calls.seats():
                call = self._seated[seat]
                call.start, call.stop = start, stop
                call.started_at = call.first_at = call.tried_since = started_at

    def drain(self) -> tuple[list[Answer], int]:
        """Return the answers since the last time, and the number of calls that began in the core since."""
        return ([], 0) if self._calls is None else self._calls.drain()

    def end(self) -> list[Call]:
        """End all seats; return the calls that need no outcome any more."""
        return [call for call in list(self._seated.values()) if not self.leave(call)]

    def look(self) -> None:
        """Look whether calls are still made in the same way. Without the lock: it reads what others own."""
        if self.is_open:
            self._transport.look()

    def _made(self) -> CallLoop:
        return CallLoop(
            self._ledger,
            self._rate.budget,
            own_rate=self._rate.own_rate,
            caller=self._rate.caller,
            threads=self._threads,
            most=self._answers,
            clock=time.monotonic,
        )
