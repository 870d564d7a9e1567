"""Lanes: one budget for all Checkers of a process that use it."""

from __future__ import annotations

import gc
import itertools
import os
import random
from typing import Any

import boto3
import pytest

import layercheck as lc
from dispatch.rate.virtual_time import Clock, assert_smooth
from dispatch.scripted_server import ScriptedServer, fault, good
from fake_account import digests
from layercheck._core import Call
from layercheck.aws.classify import Failure
from layercheck.aws.credentials import account, account_of
from layercheck.dispatch.outcome import Outcome, OutcomeKind
from layercheck.dispatch.rate import lanes
from layercheck.dispatch.rate.lanes import KEEP_S, LANES, LaneHandle, LaneKey, LaneRegistry, key_of
from layercheck.limits import Limits
from layercheck.types import Target

KEY = LaneKey("ecr", "eu-west-1", "https://api.ecr.eu-west-1.amazonaws.com", "123456789012")
ROWS = digests(3000)
THROTTLED = Failure("throttled", "ThrottlingException", "", OSError())


def work(handles: list[LaneHandle], clock: Clock, seconds: float) -> list[list[float]]:
    """When the calls of each share start, if all of them always want one; they look in any order."""
    rng = random.Random(3)
    end = clock.now + seconds
    times: list[list[float]] = [[] for _ in handles]
    while clock.now < end:
        waits = []
        for which in rng.sample(range(len(handles)), len(handles)):
            if wait := handles[which].reserve():
                waits.append(wait)
            else:
                times[which].append(clock.now)
        if len(waits) == len(handles):
            clock.now += min(waits)
    return times


def test_checkers_of_a_lane_together_keep_to_its_rate() -> None:
    clock = Clock()
    lanes = LaneRegistry(clock)
    handles = [lanes.join(KEY, 500.0) for _ in range(3)]
    times = work(handles, clock, 4.0)
    together = sorted(itertools.chain(*times))
    assert len(together) == pytest.approx(2000, abs=15)
    assert_smooth(together, 500.0)
    # In a fair way, as all of them ask as often.
    assert all(len(each) > 500 for each in times)


def test_each_checker_keeps_to_its_own_rate_and_all_to_the_highest() -> None:
    clock = Clock()
    lanes = LaneRegistry(clock)
    slow, fast = lanes.join(KEY, 50.0), lanes.join(KEY, 500.0)
    slow_times, fast_times = work([slow, fast], clock, 4.0)
    assert 150 < len(slow_times) <= 202
    assert_smooth(slow_times, 50.0)
    assert len(slow_times) + len(fast_times) == pytest.approx(2000, abs=15)
    assert (slow.rate, fast.rate) == (50.0, 500.0)


@pytest.mark.parametrize("rate", [400.0, 500.0, 1000.0])
def test_a_share_has_no_more_calls_in_any_second_than_its_rate_and_its_burst(
    rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(lanes, "LANES", LaneRegistry(clock))
    share = lanes.join_lane(None, Target("app"), rate, Limits(lane_share=0.5))
    work([share], clock, 1.0)
    clock.now += 3.0  # a pause saves up a burst
    start = clock.now
    (times,) = work([share], clock, 2.0)
    assert 1.0 * rate < sum(at <= start + 1.0 for at in times) <= (1.0 + lanes.SHARE_BURST_S) * rate


def test_a_checker_without_a_limit_does_not_free_the_others_of_theirs() -> None:
    clock = Clock()
    lanes = LaneRegistry(clock)
    free, bound = lanes.join(KEY, None), lanes.join(KEY, 50.0)
    for _ in range(100):
        assert free.reserve() == 0
    assert bound.reserve() == 0
    assert bound.reserve() > 0
    assert (free.rate, bound.rate) == (None, 50.0)


def test_when_the_fastest_leaves_the_lane_slows_down() -> None:
    clock = Clock()
    lanes = LaneRegistry(clock)
    slow, fast = lanes.join(KEY, 50.0), lanes.join(KEY, None)
    fast.leave()
    assert fast.rate == 50.0
    assert len(work([slow], clock, 4.0)[0]) == pytest.approx(200, abs=3)


def test_a_throttle_slows_down_everybody_on_the_lane() -> None:
    clock = Clock()
    lanes = LaneRegistry(clock)
    one, other, elsewhere = lanes.join(KEY, 100.0), lanes.join(KEY, 100.0), lanes.join(None, 100.0)
    clock.now += 1
    call = Call(0, 100, started_at=clock.now)
    one.record(Outcome(OutcomeKind.RETRIED, call, clock.now, failure=THROTTLED))
    assert one.rate == other.rate == pytest.approx(80.0)
    assert elsewhere.rate == 100.0


@pytest.mark.parametrize("field", LaneKey._fields)
def test_lanes_differ_by_service_region_endpoint_and_account(field: str) -> None:
    clock = Clock()
    lanes = LaneRegistry(clock)
    one, other = lanes.join(KEY, 1.0), lanes.join(KEY._replace(**{field: "another"}), 1.0)
    assert one.reserve() == other.reserve() == 0


def test_a_lane_is_remembered_for_a_while_and_then_forgotten() -> None:
    clock = Clock()
    lanes = LaneRegistry(clock)
    handle = lanes.join(KEY, 10.0)
    assert handle.reserve() == 0
    handle.leave()
    handle = lanes.join(KEY, 10.0)
    assert handle.reserve() > 0  # a new Checker brings no new burst
    handle.leave()
    clock.now += KEEP_S + 1
    lanes.join(KEY._replace(account="another"), 10.0)
    assert len(lanes) == 1


def test_a_checker_does_not_wait_for_the_interval_of_a_slower_one_that_has_left() -> None:
    clock = Clock()
    lanes = LaneRegistry(clock)
    slow = lanes.join(KEY, 0.01)
    assert slow.reserve() == 0.0
    slow.leave()
    fast = lanes.join(KEY, 500.0)
    assert fast.reserve() == pytest.approx(1 / 500)
    (times,) = work([fast], clock, 2.0)
    assert len(times) == pytest.approx(1000, abs=3)
    assert_smooth(times, 500.0)


def test_a_checker_does_not_wait_for_the_interval_of_a_slower_one_beside_it() -> None:
    clock = Clock()
    lanes = LaneRegistry(clock)
    slow = lanes.join(KEY, 0.01)
    assert slow.reserve() == 0.0
    fast = lanes.join(KEY, 500.0)
    slow_times, fast_times = work([slow, fast], clock, 2.0)
    assert len(fast_times) == pytest.approx(1000, abs=3)
    assert_smooth(fast_times, 500.0)
    assert not slow_times, "its own interval is not over"


def test_a_checker_keeps_to_its_own_rate_when_a_faster_one_comes_and_goes() -> None:
    clock = Clock()
    lanes = LaneRegistry(clock)
    slow, began, times = lanes.join(KEY, 0.5), clock.now, []
    for _ in range(10):
        fast = lanes.join(KEY, 500.0)
        times += work([slow, fast], clock, 0.5)[0]
        fast.leave()
        times += work([slow], clock, 0.5)[0]
    assert len(times) == pytest.approx((clock.now - began) / 2, abs=1)


def test_a_checker_nobody_closed_holds_no_lane() -> None:
    clock = Clock()
    lanes = LaneRegistry(clock)
    handle = lanes.join(KEY, 10.0)
    del handle
    gc.collect()
    clock.now += KEEP_S + 1
    lanes.join(KEY._replace(account="another"), 10.0)
    assert len(lanes) == 1


def test_a_child_process_starts_with_no_lanes() -> None:
    lane = LANES.join(KEY, 1.0)
    assert lane.reserve() == 0
    LANES._lock.acquire()  # as if another thread held it at the fork
    try:
        child = os.fork()
        if not child:
            again = LANES.join(KEY, 1.0)
            os._exit(0 if again.reserve() == 0 and len(LANES) == 1 else 1)
    finally:
        LANES._lock.release()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("key_id", "expected"),
    [
        ("ASIAQNZGKIQY56JQ7WML", "029608264753"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),  # from before 2019: says nothing
        ("AKIDEXAMPLE", "AKIDEXAMPLE"),
        ("ASIAQNZGKIQY56JQ7WM1", "ASIAQNZGKIQY56JQ7WM1"),
    ],
)
def test_an_access_key_id_tells_its_account(key_id: str, expected: str) -> None:
    assert account_of(key_id) == expected


def client(**options: Any) -> Any:
    options = {"region_name": "eu-west-1", "aws_secret_access_key": "s", **options}
    return boto3.client("ecr", **options)


def test_the_account_of_a_client_is_known_without_a_call() -> None:
    assert account(client(aws_access_key_id="ASIAQNZGKIQY56JQ7WML")) == "029608264753"
    assert account(client(aws_access_key_id="local", aws_account_id="123456789012")) == "123456789012"
    assert account(object()) is None


def test_two_roles_of_an_account_share_a_lane_and_two_accounts_do_not() -> None:
    here = Target("team/app", None, "eu-west-1", "https://there")
    keys = [
        key_of(client(aws_access_key_id=key_id), here)
        for key_id in ("ASIAQNZGKIQY56JQ7WML", "AKIAQNZGKIQYZZZZZZZZ", "ASIAYYYYYYYYYYYYYYYY")
    ]
    assert keys[0] == keys[1] != keys[2]
    assert key_of(object(), here) is None


def test_credentials_that_expired_are_not_renewed_only_to_find_their_lane() -> None:
    from datetime import UTC, datetime

    from botocore.credentials import RefreshableCredentials

    def renew() -> dict[str, str]:
        raise AssertionError("a call")

    holder: Any = client(aws_access_key_id="x")
    holder._request_signer._credentials = RefreshableCredentials(
        "ASIAQNZGKIQY56JQ7WML", "s", "t", datetime(2020, 1, 1, tzinfo=UTC), renew, "test"
    )
    assert account(holder) == "029608264753"


def test_two_checkers_at_one_endpoint_share_the_rate() -> None:
    with (
        ScriptedServer() as server,
        lc.Checker("team/app", endpoint_url=server.url, rate=100) as one,
        lc.Checker("team/b", endpoint_url=server.url, rate=100) as other,
    ):
        runs = [one.submit(ROWS), other.submit(ROWS)]
        assert all(run.result().complete for run in runs)
    times = sorted(asked.at for asked in server.asked)
    # 60 calls at 100 a second take 0.59 s, less the burst of two; each for itself would take half.
    assert times[-1] - times[0] >= 0.5


def test_a_checker_that_is_throttled_slows_its_neighbour_down() -> None:
    with (
        ScriptedServer(lambda a: fault("ThrottlingException") if a.number < 3 else good(a)) as server,
        lc.Checker("team/app", endpoint_url=server.url, rate=100, _limits=Limits(tick_s=0.01)) as one,
        lc.Checker("team/b", endpoint_url=server.url, rate=100) as other,
    ):
        assert one.check(ROWS[:100]).stats.throttles == 3
        assert other.rate is not None
        assert other.rate < 100
