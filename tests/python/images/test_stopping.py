"""A check that ends early: at any phase, in time, and with everything that is known."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import layercheck as lc
from layercheck.images.image_run import ImageRun
from layercheck.testing import Fault, ImageRule, LocalEcr
from made_images import FAST, REPOSITORY, check

RULE = ImageRule(400, layers=3, broken=4)
PHASES = [
    "DescribeRepositories",
    "DescribePullThroughCacheRules",
    "DescribeImages",
    "ListPullTimeUpdateExclusions",
    "BatchGetImage",
    "BatchCheckLayerAvailability",
    "GetDownloadUrlForLayer",
]


@contextmanager
def hanging(operation: str) -> Iterator[LocalEcr]:
    """An endpoint that takes a minute to answer one operation."""
    fault = Fault("latency", operations=(operation,), ms=60_000)  # type: ignore[arg-type]
    with LocalEcr({REPOSITORY: RULE, "team/web": RULE}, faults=[fault]) as ecr:
        yield ecr
        ecr.set_faults([])


@contextmanager
def checking(ecr: LocalEcr, **options: Any) -> Iterator[lc.ImageChecker]:
    with lc.ImageChecker(
        "team/*", session=ecr.session(), endpoint_url=ecr.endpoint_url, **FAST, **options
    ) as checker:
        yield checker


def wait_for_call(ecr: LocalEcr, operation: str) -> None:
    while not any(call.operation == operation for call in ecr.calls):
        time.sleep(0.01)


@pytest.mark.parametrize("operation", PHASES)
def test_a_timeout_ends_a_check_in_any_phase_with_all_that_is_known(operation: str) -> None:
    with hanging(operation) as ecr:
        report = check(ecr, "team/*", timeout_s=1.0)
    assert report.stats.ended == "timeout"
    assert not report.complete
    # What was denied once only is not called incomplete.
    assert report.counts["incomplete"] == 0 or operation == "GetDownloadUrlForLayer"


def test_blobs_that_were_answered_before_the_end_keep_their_verdicts_though_others_hang() -> None:
    fault = Fault("latency", operations=("BatchCheckLayerAvailability",), calls=(2, None), ms=60_000)
    with LocalEcr({REPOSITORY: RULE}, faults=[fault]) as ecr:
        report = check(ecr, REPOSITORY, timeout_s=1.0)
        late = [each for each in threading.enumerate() if each.name.startswith("layercheck-repository")]
        for each in late:  # one that has given its report may need a moment to end
            each.join(30)
        # They end while the call still hangs, so that nobody is left who could change the report.
        assert not any(each.is_alive() for each in late)
        ecr.set_faults([])
    verdicts = set(report.to_arrow("layers").column("verdict").to_pylist())
    assert "unanswered" in verdicts
    assert report.counts["not_checked"] < report.images


@pytest.mark.parametrize("operation", ["DescribeImages", "BatchGetImage"])
def test_an_answer_that_comes_after_the_end_changes_nothing_in_the_report(operation: str) -> None:
    fault = Fault("latency", operations=(operation,), ms=9_000)  # type: ignore[arg-type]
    with LocalEcr({REPOSITORY: RULE}, faults=[fault]) as ecr, checking(ecr) as checker:
        run = checker.submit(timeout_s=0.5)
        report = run.result(30)
        assert report.stats.ended == "timeout"
        ecr.set_faults([])
        before = [report.counts, *(report.to_arrow(table) for table in ("images", "layers", "platforms"))]
        late = [each for each in threading.enumerate() if each.name.startswith("layercheck-repository")]
        assert late
        for each in late:
            each.join(60)
        assert not any(each.is_alive() for each in late)
        for now in (report, run.report()):
            found = [now.counts, *(now.to_arrow(table) for table in ("images", "layers", "platforms"))]
            assert found == before
        assert run.report().repositories[0].state == report.repositories[0].state == "partial"


@pytest.mark.parametrize("operation", ["DescribeImages", "BatchGetImage"])
def test_cancel_ends_a_check_although_a_call_hangs(operation: str) -> None:
    with hanging(operation) as ecr, checking(ecr) as checker:
        run = checker.submit()
        wait_for_call(ecr, operation)
        assert run.cancel()
        with pytest.raises(lc.RunCancelled) as caught:
            run.result(30)
        assert run.cancelled()
        assert not run.cancel()
    report: lc.ImageReport = caught.value.images  # type: ignore[attr-defined]
    assert len(report.repositories) == 2
    assert report.counts["not_checked"] == report.images


def test_close_ends_what_is_under_way() -> None:
    with hanging("BatchGetImage") as ecr, checking(ecr) as checker:
        run = checker.submit()
        wait_for_call(ecr, "BatchGetImage")
        checker.close()
        assert run.done()
        with pytest.raises(lc.LayercheckError, match="closed"):
            checker.submit()


def test_ctrl_c_has_the_report_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 49."""
    wait = ImageRun._wait
    calls = []

    def interrupted(run: ImageRun, timeout_s: float | None = None) -> bool:
        calls.append(timeout_s)
        if len(calls) == 1:
            wait(run, 1.0)
            raise KeyboardInterrupt
        return wait(run, timeout_s)

    with hanging("BatchGetImage") as ecr:
        monkeypatch.setattr(ImageRun, "_wait", interrupted)
        with pytest.raises(KeyboardInterrupt) as caught:
            check(ecr, "team/*")
    assert caught.value.images.counts["not_checked"] == 800  # type: ignore[attr-defined]


def test_a_stream_that_is_left_early_ends_the_check() -> None:
    rules = {f"team/r{number}": ImageRule(50, layers=1) for number in range(30)}
    with LocalEcr(rules) as ecr, checking(ecr) as checker:
        stream = checker.stream()
        first = next(stream)
        assert first.counts["complete"] == 50
        stream.close()  # type: ignore[attr-defined]
        assert all(run.done() or run._stop.is_set for run in checker._runs)


def test_a_stream_has_every_repository_once_also_when_the_time_is_up() -> None:
    names = {f"team/r{number}": ImageRule(50, layers=1) for number in range(30)}
    with LocalEcr(names) as ecr:
        with checking(ecr) as checker:
            reports = list(checker.stream())
        assert sorted(each.repository_name for each in reports) == sorted(names)
        assert all(each.complete for each in reports)
        ecr.set_faults([Fault("latency", operations=("BatchGetImage",), ms=60_000)])
        with checking(ecr) as checker:
            reports = list(checker.stream(timeout_s=1.0))
        assert sorted(each.repository_name for each in reports) == sorted(names)
        assert not any(each.complete for each in reports)
        ecr.set_faults([])


def test_a_task_that_is_cancelled_cancels_the_check() -> None:
    async def run(ecr: LocalEcr) -> None:
        with checking(ecr) as checker:
            task = asyncio.create_task(checker.check_async())
            await asyncio.to_thread(wait_for_call, ecr, "BatchGetImage")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with hanging("BatchGetImage") as ecr:
        asyncio.run(run(ecr))


def test_check_async_returns_the_report() -> None:
    async def run(ecr: LocalEcr) -> lc.ImageReport:
        async with lc.ImageChecker(
            REPOSITORY, session=ecr.session(), endpoint_url=ecr.endpoint_url, **FAST
        ) as checker:
            return await checker.check_async()

    with LocalEcr({REPOSITORY: RULE}) as ecr:
        assert asyncio.run(run(ecr)).counts["incomplete"] == 4


@pytest.mark.parametrize("error", [ValueError("callback"), SystemExit(3), KeyboardInterrupt()])
def test_a_progress_callback_that_raises_ends_the_check_with_its_exception(error: BaseException) -> None:
    def progress(_: object) -> None:
        raise error

    with LocalEcr({REPOSITORY: RULE}) as ecr, pytest.raises(type(error)) as caught:
        check(ecr, progress=progress)
    assert caught.value is error
    assert isinstance(caught.value.images, lc.ImageReport)  # type: ignore[attr-defined]


def test_progress_ends_with_done_and_counts_all() -> None:
    seen: list[lc.ImageProgress] = []
    with LocalEcr({REPOSITORY: RULE, "team/web": RULE}) as ecr:
        check(ecr, "team/*", progress=seen.append)
    assert [each.done for each in seen].count(True) == 1
    last = seen[-1]
    assert (last.repositories, last.repositories_done, last.images, last.images_done) == (2, 2, 800, 800)
    assert last.incomplete == 8
    assert last.blobs_done == last.blobs


def test_progress_true_animates_nothing_where_no_terminal_is(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with LocalEcr({REPOSITORY: RULE}) as ecr:
        report = check(ecr, progress=True)
        with pytest.raises(TypeError, match="progress is a int"):
            check(ecr, progress=7)
    assert report.complete
    assert "\x1b" not in capfd.readouterr().err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_in_a_forked_child_a_check_under_way_counts_as_ended() -> None:
    with hanging("BatchGetImage") as ecr, checking(ecr) as checker:
        run = checker.submit()
        wait_for_call(ecr, "BatchGetImage")
        child = os.fork()
        if not child:
            code = 1
            try:
                assert run.done()
                with pytest.raises(lc.LayercheckError, match="was made in process"):
                    run.result(1)
                with pytest.raises(lc.LayercheckError, match="was made in process"):
                    checker.check()
                checker.close()
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        run.cancel()


def test_no_thread_is_left_when_a_check_has_ended() -> None:
    before = threading.active_count()
    with LocalEcr({REPOSITORY: RULE, "team/web": RULE}) as ecr:
        check(ecr, "team/*")
    until = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    # Threads of the test before may have ended meanwhile.
    assert threading.active_count() <= before


def test_a_check_whose_thread_is_refused_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    from layercheck.daemon_thread import DaemonThread

    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with LocalEcr({REPOSITORY: RULE}) as ecr:
        monkeypatch.setattr(DaemonThread, "start", refuse)
        with pytest.raises(RuntimeError, match="start new thread"):
            check(ecr)


def test_a_timeout_ends_an_estimate_although_a_call_hangs() -> None:
    hangs = Fault("latency", ms=60_000, operations=("DescribeImages",))
    with (
        LocalEcr({REPOSITORY: {}}, faults=[hangs]) as ecr,
        lc.ImageChecker(REPOSITORY, client=ecr.client()) as checker,
        pytest.raises(lc.UnansweredError, match="the time was up"),
    ):
        checker.estimate(timeout_s=0.5)
