"""`Checker.stream_async`: blocks of any iterable, on an event loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing
from typing import Any

import pytest

import layercheck as lc
from fake_account import digests
from layercheck.testing import Fault, LocalEcr

ROWS = digests(2_500)


async def in_steps(rows: Iterable[str]) -> AsyncIterator[str]:
    for row in rows:
        await asyncio.sleep(0)
        yield row


async def all_answers(checker: lc.Checker, rows: Any, block_rows: int = 400) -> list[lc.Answer]:
    return [answer async for answer in checker.stream_async(rows, block_rows=block_rows)]


@pytest.mark.parametrize("source", [list, iter, in_steps], ids=["list", "iterator", "async"])
def test_the_answers_are_those_of_the_stream_of_a_thread(source: Callable[[list[str]], Any]) -> None:
    rows = [*ROWS, "junk", ROWS[0].upper()]
    with LocalEcr({"app": ROWS[::3]}) as ecr, lc.Checker("app", client=ecr.client()) as checker:
        expected = list(checker.stream(rows, block_rows=400))
        answers = asyncio.run(all_answers(checker, source(rows)))
    assert [answer.first_row for answer in answers] == [answer.first_row for answer in expected]
    assert [list(answer.report) for answer in answers] == [list(answer.report) for answer in expected]


def test_no_rows_give_no_answers() -> None:
    with LocalEcr(["app"]) as ecr, lc.Checker("app", client=ecr.client()) as checker:
        assert asyncio.run(all_answers(checker, [])) == []
        assert asyncio.run(all_answers(checker, in_steps([]))) == []


def test_an_endless_source_is_read_only_a_few_blocks_ahead() -> None:
    taken = 0

    async def endless() -> AsyncIterator[str]:
        nonlocal taken
        while True:
            yield f"sha256:{taken:064x}"
            taken += 1

    async def three(checker: lc.Checker) -> list[int]:
        seen = []
        async with aclosing(checker.stream_async(endless(), block_rows=100)) as answers:  # type: ignore[type-var]
            async for answer in answers:
                seen.append(answer.rows)
                if len(seen) == 3:
                    break
        return seen

    with LocalEcr(["app"]) as ecr, lc.Checker("app", client=ecr.client()) as checker:
        assert asyncio.run(three(checker)) == [100] * 3
    assert taken <= 600


def test_the_event_loop_goes_on_while_a_plain_source_waits() -> None:
    async def work(checker: lc.Checker) -> list[str]:
        story: list[str] = []
        let_go = asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow() -> Iterator[str]:
            yield ROWS[0]
            # Blocks the thread that takes the rows, until the event loop lets it go.
            asyncio.run_coroutine_threadsafe(wait(), loop).result()
            yield ROWS[1]

        async def wait() -> None:
            story.append("the source waits")
            await let_go.wait()

        async def other() -> None:
            story.append("the loop goes on")
            let_go.set()

        answers = asyncio.ensure_future(all_answers(checker, slow()))
        while not story:
            await asyncio.sleep(0)
        await other()
        story.append(f"{(await answers)[0].rows} rows")
        return story

    with LocalEcr(["app"]) as ecr, lc.Checker("app", client=ecr.client()) as checker:
        assert asyncio.run(work(checker)) == ["the source waits", "the loop goes on", "2 rows"]


def broken_iterator() -> Iterator[str]:
    yield from ROWS[:5]
    raise OSError("the queue is gone")


async def broken_async() -> AsyncIterator[str]:
    for row in broken_iterator():
        yield row


@pytest.mark.parametrize("source", [broken_iterator, broken_async])
def test_the_rows_before_an_error_of_the_source_get_their_answers(source: Callable[[], Any]) -> None:
    seen: list[int] = []

    async def work(checker: lc.Checker) -> None:
        async for answer in checker.stream_async(source(), block_rows=3):
            seen.append(answer.rows)  # noqa: PERF401 (the rows before the error count)

    with LocalEcr(["app"]) as ecr, lc.Checker("app", client=ecr.client()) as checker:
        with pytest.raises(OSError, match="the queue is gone"):
            asyncio.run(work(checker))
        assert seen == [3, 2]


def test_a_fatal_error_carries_the_blocks_in_flight() -> None:
    async def work(checker: lc.Checker) -> BaseException:
        with pytest.raises(lc.AccessDeniedError) as caught:
            await all_answers(checker, ROWS)
        return caught.value

    denied = Fault("access_denied")
    with LocalEcr(["app"], faults=[denied]) as ecr, lc.Checker("app", client=ecr.client()) as checker:
        error = asyncio.run(work(checker))
    answers: list[lc.Answer] = error.__dict__["answers"]
    assert [answer.first_row for answer in answers] == [0, 400, 800]
    assert sum(answer.rows for answer in answers) == 1_200


def test_cancelling_the_task_cancels_the_calls_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[lc.Run] = []

    async def work(checker: lc.Checker) -> None:
        task = asyncio.ensure_future(all_answers(checker, ROWS))
        while len(runs) < 3:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with (
        LocalEcr(["app"], latency_ms=50) as ecr,
        lc.Checker("app", client=ecr.client(), max_in_flight=1) as checker,
    ):
        submit = checker.submit

        def submitted(*arguments: Any, **options: Any) -> lc.Run:
            runs.append(submit(*arguments, **options))
            return runs[-1]

        monkeypatch.setattr(checker, "submit", submitted)
        asyncio.run(work(checker))
        checker.close()
        assert len(runs) == 3
        assert all(run.cancelled() for run in runs)
        # Three blocks of four calls are under way; all but the first few calls are never made.
        assert ecr.counters.calls < 8


def test_a_run_that_starts_after_its_loop_has_ended_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go_on, started = threading.Event(), threading.Event(), threading.Event()
    runs: list[lc.Run] = []
    problems: list[Any] = []

    async def work(checker: lc.Checker) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, problem: problems.append(problem))
        task = asyncio.ensure_future(all_answers(checker, ROWS))
        await asyncio.to_thread(entered.wait)
        for each in asyncio.all_tasks() - {asyncio.current_task()}:
            each.cancel()  # as `asyncio.run` does at its end
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        go_on.set()

    with LocalEcr(["app"], latency_ms=50) as ecr, lc.Checker("app", client=ecr.client()) as checker:
        submit = checker.submit

        def late(*arguments: Any, **options: Any) -> lc.Run:
            entered.set()
            go_on.wait()
            runs.append(submit(*arguments, **options))
            started.set()
            return runs[0]

        monkeypatch.setattr(checker, "submit", late)
        asyncio.run(work(checker))
        started.wait()
        with pytest.raises(lc.RunCancelled):
            runs[0].result()
    assert problems == []


BAD: list[tuple[Any, Any, type[Exception], str]] = [
    (ROWS, 0, lc.InvalidParameterError, "block_rows is 0"),
    (ROWS, True, lc.InvalidParameterError, "block_rows is True"),
    (ROWS[0], 10, TypeError, "a lone str is not a stream"),
    (5, 10, TypeError, "not iterable"),
]


@pytest.mark.parametrize(("rows", "block_rows", "error", "message"), BAD)
def test_wrong_arguments_are_refused_before_the_first_row(
    rows: Any, block_rows: Any, error: type[Exception], message: str
) -> None:
    with LocalEcr(["app"]) as ecr, lc.Checker("app", client=ecr.client()) as checker:
        with pytest.raises(error, match=message):
            checker.stream_async(rows, block_rows=block_rows)
        assert ecr.counters.calls == 0


def test_a_closed_checker_starts_no_stream() -> None:
    with LocalEcr(["app"]) as ecr:
        checker = lc.Checker("app", client=ecr.client())
        checker.close()
        with pytest.raises(lc.LayercheckError, match="closed"):
            checker.stream_async(ROWS)


WAITS_FOR_EVER = """
import asyncio, queue, sys, threading
import layercheck as lc
from layercheck.testing import LocalEcr

def rows():
    waits.set()
    yield queue.Queue().get()

async def main(checker):
    async def read():
        async for answer in checker.stream_async(rows()):
            pass

    task = asyncio.ensure_future(read())
    await asyncio.to_thread(waits.wait)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("cancelled")

waits = threading.Event()
with LocalEcr(["app"]) as ecr, lc.Checker("app", client=ecr.client()) as checker:
    asyncio.run(main(checker))
"""


def test_a_source_that_never_gives_a_row_keeps_no_program_from_ending() -> None:
    # The time limit tells a hang, and is far from what the program needs.
    done = subprocess.run(
        [sys.executable, "-c", WAITS_FOR_EVER], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "cancelled\n"), done.stderr
