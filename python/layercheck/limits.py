"""The limits of a run, in one place so that tests can lower them."""

from __future__ import annotations

from dataclasses import dataclass, field

from layercheck.retry import RetryPolicy

DEFAULT_MAX_IN_FLIGHT = 32
"""Most calls at once, unless the caller sets `max_in_flight`. The concurrency limit stays below it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that make every run end, whatever the server does.

    Each kind of retry has one owner. A client that layercheck creates makes one attempt per call. The pacer
    owns the rate, and so the reaction of the whole lane to throttling. The scheduler asks digests again
    after any error; they wait in a queue, so that no thread sleeps while it holds a call slot. botocore
    renews credentials.

    A `RetryPolicy` limits how often the same digests are asked. `stall_s` and the caller's `timeout_s` limit
    the run. While the service answers other calls, a batch that used up its attempts is halved or set aside
    for the last round; the class `Scheduler` has the bounds of both.

    Attributes:
        retry: How often the same digests are asked, and after which delay.
        outage_failures: After so many failures in a row, new batches wait until a call succeeds.
        outage_s: If three times as many failed in a row and the service has answered nothing for so long, the
            first batch that uses up its attempts ends the run. A smaller count alone does not show an outage:
            where 70 % of the requests fail at random, 20 in a row fail now and then. Before the first answer
            `outage_failures` is enough.
        stall_s: Longest time in which calls are under way or fail and no call gets an answer; then the run
            ends with the answers it has.
        backlog_per_slot: Retries that may wait for each call slot before new batches wait too. It keeps
            memory flat when many calls fail.
        call_deadline_s: Longest time of one call; then the run abandons the thread of the call.
        body_deadline_s: Longest time for the body of one answer, on a client that layercheck creates.
        body_limit_bytes: Largest body of an answer on such a client. An answer for 100 layers is about
            21 kB, with long reasons perhaps 100 kB.
        image_body_limit_bytes: The same for operations that list or read images. A manifest has up to 4 MiB,
            and twice as much as a JSON text.
        grace_s: How long a stopped run waits for calls under way, so that their answers are kept.
        timeout_grace_s: The same when `timeout_s` is over; short, because the caller set a time limit.
        tick_s: Interval between progress callbacks, and between checks of the deadlines.
        idle_s: How long a thread waits for work before it ends.
        errors_kept: How many batch errors the report lists one by one.
        recovery: How a lane comes back after the service throttled, by a name of `src/dispatch/recovery.rs`.
        lane_share: The share of a lane that a task of a distributed run has for itself. The Checker then
            shares its rate with no other Checker of the process, and its rates of the other operations and
            the floor of its rate after throttles are this share of the usual ones. None: Checkers of one
            lane share its rate.
    """

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    outage_failures: int = 20
    outage_s: float = 10.0
    stall_s: float = 300.0
    backlog_per_slot: int = 4
    call_deadline_s: float = 120.0
    body_deadline_s: float = 30.0
    body_limit_bytes: int = 1 << 20
    image_body_limit_bytes: int = 9 << 20
    grace_s: float = 5.0
    timeout_grace_s: float = 1.0
    tick_s: float = 0.25
    idle_s: float = 10.0
    errors_kept: int = 1000
    recovery: str = "cubic"
    lane_share: float | None = None
