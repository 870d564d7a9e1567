"""The bounds of a run, in one place, so that tests can shrink them."""

from __future__ import annotations

from dataclasses import dataclass, field

from layercheck.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that make every run end, whatever the server does.

    Every retry has one owner. botocore on a client of our own makes a single
    attempt. The rate, and so the answer to throttling as a whole, is the pacer's.
    Asking digests again, whatever came in the way, is the agenda's, from a queue, so
    that no thread sleeps while it holds a call slot. Renewing credentials is botocore's.

    A `RetryPolicy` bounds how often the same digests are asked. The run as a whole is
    bounded by `stall_s` and by the caller's `timeout_s`.

    Attributes:
        retry: How often the same digests are asked.
        outage_failures: After so many failures in a row, with no answer between, new
            batches wait until something succeeds again, and the first batch to use
            up its attempts ends the run instead of one batch after the other.
        stall_s: Longest that calls may be under way or failing with no answer to any of
            them; then the run ends with what is known.
        backlog_per_slot: Calls waiting to be asked again, per slot, before new
            batches wait. Keeps memory flat when everything fails now and then.
        call_deadline_s: Longest one call may take before the run gives its thread up.
        body_deadline_s: Longest the body of one answer may take on a client of ours.
        body_limit_bytes: Largest body accepted on a client of ours. An answer for 100
            layers is about 21 kB, with long reasons perhaps 100 kB.
        grace_s: How long a run that is told to stop waits for calls under way, so
            that their answers are kept.
        timeout_grace_s: The same when its time is up: short, as whoever set a time meant it.
        tick_s: How often progress is told and deadlines are looked at.
        idle_s: How long a thread without work stays.
        errors_kept: Batch errors kept in the report one by one.
        recovery: How a lane comes back after the service throttled: a name of `rate/recovery.py`.
    """

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    outage_failures: int = 20
    stall_s: float = 300.0
    backlog_per_slot: int = 4
    call_deadline_s: float = 120.0
    body_deadline_s: float = 30.0
    body_limit_bytes: int = 1 << 20
    grace_s: float = 5.0
    timeout_grace_s: float = 1.0
    tick_s: float = 0.25
    idle_s: float = 10.0
    errors_kept: int = 1000
    recovery: str = "cubic"
