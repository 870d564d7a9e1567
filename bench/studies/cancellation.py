"""Cancels one of three checks in one event loop: `python bench studies.cancellation`.

Measures how soon the awaiting task is free, and how soon the last call of the cancelled check is over. The
digests of the checks differ, so that the endpoint's log shows which check made a call, and that the
cancelled check made no later call.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import statistics
import time
from concurrent.futures import wait
from dataclasses import asdict, dataclass
from pathlib import Path

import layercheck as lc
from layercheck.testing import EvenDigests, LocalEcr
from offline.harness import results

RESULT = Path(__file__).parent.parent / "results" / "cancelled.json"


@dataclass(frozen=True)
class Cancelled:
    """The figures of one round.

    Attributes:
        latency_ms: Latency of each call, at the endpoint.
        max_in_flight: Calls at once, of all three checks together.
        calls_at_cancel: Calls of the cancelled check that had reached the endpoint at the cancellation.
        calls_when_ended: The same when its run had ended.
        calls_at_the_end: The same when the two others were done.
        calls_of_each: Calls of a check that is not cancelled.
        task_free_ms: From `cancel` until the task that awaited the check had ended.
        run_ended_ms: From `cancel` until the last of its calls was over and its run had ended.
        others_complete: Whether the two others got a verdict for every row.
    """

    latency_ms: float
    max_in_flight: int
    calls_at_cancel: int
    calls_when_ended: int
    calls_at_the_end: int
    calls_of_each: int
    task_free_ms: float
    run_ended_ms: float
    others_complete: bool


def measure(*, latency_ms: float, batches: int, cancel_after: int) -> Cancelled:
    """Run three checks of `batches` batches; cancel the second after `cancel_after` answers in all."""
    rows = [
        [
            "sha256:" + hashlib.sha256(f"{which} {number}".encode()).hexdigest()
            for number in range(batches * 100)
        ]
        for which in range(3)
    ]
    cancelled = set(rows[1])
    with LocalEcr({"app": EvenDigests()}, latency_ms=latency_ms, log_calls=batches * 6) as ecr:

        def calls() -> int:
            return sum(call.digests[0] in cancelled for call in ecr.calls)

        async def main() -> Cancelled:
            async with lc.Checker(
                "app", session=ecr.session(), endpoint_url=ecr.endpoint_url, rate="max", max_in_flight=16
            ) as checker:
                first = asyncio.create_task(checker.check_async(rows[0]))
                second = asyncio.create_task(checker.check_async(rows[1]))
                third = asyncio.create_task(checker.check_async(rows[2]))
                while ecr.counters.answered < cancel_after:
                    await asyncio.sleep(0.001)
                (run,) = [run for run in checker._registry.runs if run.plan[0][0] in cancelled]
                at_cancel = calls()
                started = time.perf_counter()
                second.cancel()
                await asyncio.wait([second])
                free = time.perf_counter() - started
                await asyncio.to_thread(wait, [run])
                ended = time.perf_counter() - started
                when_ended = calls()
                reports = await asyncio.gather(first, third)
                return Cancelled(
                    latency_ms=latency_ms,
                    max_in_flight=checker.max_in_flight,
                    calls_at_cancel=at_cancel,
                    calls_when_ended=when_ended,
                    calls_at_the_end=calls(),
                    calls_of_each=batches,
                    task_free_ms=free * 1e3,
                    run_ended_ms=ended * 1e3,
                    others_complete=second.cancelled() and all(report.complete for report in reports),
                )

        return asyncio.run(main())


def main() -> None:
    """Print a line for each latency, and write the figures to bench/results."""
    kept = []
    for latency_ms in (10.0, 40.0, 200.0):
        rounds = [measure(latency_ms=latency_ms, batches=200, cancel_after=100) for _ in range(5)]
        free = statistics.median(each.task_free_ms for each in rounds)
        ended = statistics.median(each.run_ended_ms for each in rounds)
        late = max(each.calls_at_the_end - each.calls_when_ended for each in rounds)
        after = max(each.calls_when_ended - each.calls_at_cancel for each in rounds)
        print(
            f"latency {latency_ms:3.0f} ms: task free after {free:.2f} ms, run ended after {ended:.1f} ms; "
            f"at most {after} of its calls came in between, {late} after; "
            f"others complete: {all(each.others_complete for each in rounds)}"
        )
        kept += [asdict(each) for each in rounds]
    RESULT.write_text(json.dumps({"machine": results.machine(), "rounds": kept}, indent=1) + "\n")


if __name__ == "__main__":
    main()
