"""`Call`: digests that are asked together, with what was counted while they were asked."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from threading import Thread


@dataclass(slots=True, eq=False)
class Call:
    """The digests numbered `start..stop`, which one request asks about.

    Attributes:
        start: First digest: an index into `plan.digests`. Numbers from `plan.unique` on are digests that a
            journal left open; the ledger packs these together.
        stop: One past the last digest.
        tries: Requests that ended in a transient error.
        throttles: Requests that the service throttled.
        renewals: Requests that the service refused because the credentials had just expired.
        signed_again: A request was refused for the time of its signature, and the digests were asked again.
        incomplete: Answers that lacked digests of the call or contradicted themselves.
        requests: Requests sent.
        half: The call is part of a batch that was split.
        is_probe: The call is for new digests from all over the plan, while many requests fail in a row.
        last: The call is asked in the last round, after everything else was settled.
        began_again: How often the attempts began again in the last round, because another call was answered.
        first_at: When these digests were first asked, alone or as part of a larger call, seconds on the run's
            clock; in the last round, when the round began. Infinite before.
        tried_since: When the present count of attempts began, seconds on the run's clock. Infinite before.
        started_at: When the present request got its slot, seconds on the run's clock.
        thread: The thread that makes the request.
        seat: The place of that thread in the run's loop; see `NativeLoop`.
        finished: The transport has returned.
        abandoned: The run gave up the request and the thread that waits for it.
    """

    start: int
    stop: int
    tries: int = 0
    throttles: int = 0
    renewals: int = 0
    signed_again: bool = False
    incomplete: int = 0
    requests: int = 0
    half: bool = False
    is_probe: bool = False
    last: bool = False
    began_again: int = 0
    first_at: float = math.inf
    tried_since: float = math.inf
    started_at: float = 0.0
    thread: Thread | None = None
    seat: int | None = None
    finished: bool = False
    abandoned: bool = False

    @property
    def size(self) -> int:
        """Number of digests."""
        return self.stop - self.start

    @property
    def is_fresh(self) -> bool:
        """Whether these digests are asked for the first time, as one batch, in the order of the plan."""
        return self.requests == 1 and not self.half and not self.is_probe

    def move(self, start: int, stop: int, started_at: float) -> None:
        """Let the call stand for other digests, for which the thread of this call asked since then."""
        self.start, self.stop = start, stop
        self.started_at = self.first_at = self.tried_since = started_at

    def again(self) -> Call:
        """Return a call for the same digests that keeps the counts, for another request."""
        return replace(self, thread=None, seat=None, finished=False, abandoned=False)

    def with_new_attempts(self, now: float) -> Call:
        """Return a call for the same digests whose failures are counted from zero, for another request."""
        return replace(self.again(), tries=0, throttles=0, renewals=0, tried_since=now)

    def halves(self) -> tuple[Call, Call]:
        """Return two new calls, each for one half of the digests, with the time since these were asked."""
        middle = (self.start + self.stop) // 2

        def half(start: int, stop: int) -> Call:
            return Call(start, stop, half=True, last=self.last, first_at=self.first_at)

        return half(self.start, middle), half(middle, self.stop)
