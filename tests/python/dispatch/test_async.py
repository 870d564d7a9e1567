"""Several checks in one event loop: cancelling, timeouts, and one shared rate budget."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

import layercheck as lc
from dispatch.scripted_server import ScriptedServer
from fake_account import digests
from layercheck.testing import EvenDigests, LocalEcr
from studies.cancellation import Cancelled, measure

ROWS = digests(9000)


def test_cancelling_one_of_three_checks_lets_the_others_finish() -> None:
    found: Cancelled = measure(latency_ms=20.0, batches=60, cancel_after=30)
    assert found.others_complete
    # Its calls stopped: the server got none after the end of its run, and most digests were never asked.
    assert found.calls_at_the_end == found.calls_when_ended
    assert found.calls_at_the_end <= found.calls_at_cancel + found.max_in_flight
    assert found.calls_at_the_end < 60


def test_checks_in_one_event_loop_share_the_rate() -> None:
    async def main(server: ScriptedServer) -> list[lc.Report]:
        async with lc.Checker("team/app", endpoint_url=server.url, rate=150) as one:
            return await asyncio.gather(*(one.check_async(ROWS[start::3]) for start in range(3)))

    with ScriptedServer() as server:
        reports = asyncio.run(main(server))
    assert all(report.complete for report in reports)
    times = sorted(asked.at for asked in server.asked)
    # 90 calls at 150 a second take 0.59 s, less the burst of three.
    assert times[-1] - times[0] >= 0.5


def test_a_timeout_of_the_event_loop_ends_a_check() -> None:
    async def main(ecr: LocalEcr) -> float:
        async with lc.Checker(
            "app", session=ecr.session(), endpoint_url=ecr.endpoint_url, rate=20
        ) as checker:
            started = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await checker.check_async(ROWS)
            return time.monotonic() - started

    with LocalEcr({"app": EvenDigests()}) as ecr:
        asyncio.run(main(ecr))
        calls = ecr.counters.calls
        assert 0 < calls < 90
        # The Checker is closed, so that no thread is left that could ask.
        assert ecr.counters.in_flight == 0


def test_a_timeout_of_the_run_ends_a_check_with_its_report() -> None:
    async def main(ecr: LocalEcr) -> lc.Report:
        async with lc.Checker(
            "app", session=ecr.session(), endpoint_url=ecr.endpoint_url, rate=20
        ) as checker:
            return await checker.check_async(ROWS, timeout_s=0.3)

    with LocalEcr({"app": EvenDigests()}) as ecr:
        report = asyncio.run(main(ecr))
        answered = ecr.counters.answered
    assert report.stats.ended == "timeout"
    assert report.counts["available"] + report.counts["unavailable"] == answered * 100


def test_the_event_loop_is_not_blocked_while_a_checker_closes() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    async def main(ecr: LocalEcr) -> Any:
        ticking = asyncio.create_task(tick())
        async with lc.Checker(
            "app", session=ecr.session(), endpoint_url=ecr.endpoint_url, rate=40
        ) as checker:
            run = checker.submit(ROWS[:2000])
            before = ticks
        assert ticks > before + 10  # closing waited half a second for the run, and the event loop went on
        ticking.cancel()
        return run.result()

    with LocalEcr({"app": EvenDigests()}) as ecr:
        assert asyncio.run(main(ecr)).complete
