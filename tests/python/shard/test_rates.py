"""Askers at their shares stay within the rate together, whether they are threads or processes."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor

import pyarrow as pa
import pytest

from fake_account import digests
from layercheck import shard
from layercheck._core import Pacer
from layercheck.dispatch.rate.lanes import LaneRegistry
from layercheck.shard.opening import open_checker
from layercheck.testing import EvenDigests, LocalEcr

RATE = 400.0
CALLS = 200
DIGESTS = digests(CALLS * 100)


def _ask(endpoint_url: str, part: int, share: shard.Share) -> shard.Outcome:
    """What a worker does; a function of the module, so that another process can import it."""
    settings = shard.Settings("app", region_name="us-east-1", endpoint_url=endpoint_url, rate=RATE)
    rows = shard.prepare([pa.record_batch({"digest": DIGESTS[part :: share.askers]})])
    asking = shard.ask(rows, settings, share)
    assert sum(batch.num_rows for batch in asking) == len(DIGESTS[part :: share.askers])
    return asking.outcome


@pytest.mark.parametrize(
    ("kind", "askers"), [("threads", 1), ("threads", 2), ("threads", 4), ("threads", 8), ("processes", 2)]
)
def test_all_askers_together_make_no_more_calls_than_the_rate_allows(kind: str, askers: int) -> None:
    share = shard.share_of(RATE, askers=askers)
    pool: Executor
    if kind == "threads":
        pool = ThreadPoolExecutor(askers)
    else:
        pool = ProcessPoolExecutor(askers, multiprocessing.get_context("spawn"))
    with LocalEcr({"app": EvenDigests()}, region_name=None) as ecr, pool:
        began = time.monotonic()
        parts = [pool.submit(_ask, ecr.endpoint_url, part, share) for part in range(askers)]
        outcome = sum((part.result() for part in parts), shard.Outcome())
        seconds = time.monotonic() - began
        calls = ecr.counters.calls
    assert outcome.calls == calls == CALLS
    assert outcome.throttles == 0
    assert outcome.asked.digests == len(DIGESTS)
    # However slow the machine is, the calls fit into the time that passed. One call of each asker, and the
    # calls of the burst, may start at once.
    assert calls <= RATE * seconds + RATE * Pacer.BURST_S + askers


def test_parts_of_one_call_are_no_faster_than_the_share() -> None:
    share = shard.Share(askers=1, rate=20.0, max_in_flight=8, floor=5.0)
    with LocalEcr({"app": EvenDigests()}, region_name=None) as ecr:
        settings = shard.Settings("app", region_name="us-east-1", endpoint_url=ecr.endpoint_url, rate=20.0)
        began = time.monotonic()
        for digest in DIGESTS[:10]:
            list(shard.ask(shard.prepare([pa.record_batch({"digest": [digest]})]), settings, share))
        seconds = time.monotonic() - began
        calls = ecr.counters.calls
    assert calls == 10
    assert calls <= share.rate * seconds


def test_two_tasks_in_one_process_have_each_their_own_share() -> None:
    share = shard.share_of(RATE)
    with LocalEcr(["app"], region_name=None) as ecr:
        settings = shard.Settings("app", region_name="us-east-1", endpoint_url=ecr.endpoint_url, rate=RATE)
        with open_checker(settings, share) as one, open_checker(settings, share) as other:
            assert one.rate == other.rate == RATE / 2
            assert one._connection.rate.pacer is not other._connection.rate.pacer


@pytest.mark.parametrize("askers", [1, 2, 8])
def test_the_floor_of_all_askers_together_is_that_of_one_process(askers: int) -> None:
    share = shard.share_of(1_000.0, askers=askers)
    now = 0.0
    lanes = LaneRegistry(clock=lambda: now)
    handles = [lanes.join(None, share.rate, floor=share.floor) for _ in range(askers)]
    for _ in range(200):
        now += 0.2
        for handle in handles:
            handle.throttled(now)
    assert sum(handle.rate or 0.0 for handle in handles) == pytest.approx(5.0)
