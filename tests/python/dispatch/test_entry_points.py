"""Every entry point leaves nothing behind: no thread, no descriptor, no call in flight.

Each entry point runs in a process of its own against a server in this process, so that everything open in
that process belongs to the package.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from dispatch.gate import Gate
from dispatch.scripted_server import Asked, Reply, ScriptedServer, fault, good

LIFE = """
    import asyncio, concurrent.futures, gc, hashlib, itertools, json, os, signal, sys, threading
    import layercheck as lc
    from layercheck.limits import Limits

    url, way = sys.argv[1:]
    rows = ["sha256:" + hashlib.sha256(str(number).encode()).hexdigest() for number in range(5000)]
    quick = Limits(tick_s=0.01, grace_s=10.0)

    class Stop(Exception):
        pass

    def checker(**options):
        options = {"rate": "max", "max_in_flight": 4, "_limits": quick, **options}
        return lc.Checker("team/app", endpoint_url=url, **options)

    def opened():
        # The folder itself is open while it is listed, and is not there any more for `lexists`.
        paths = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        return sorted(os.readlink(path).split(":")[0] for path in paths if os.path.lexists(path))

    def life():
        gc.collect()
        return {"threads": sorted(each.name for each in threading.enumerate()), "descriptors": opened()}

    # Whatever a first call loads and keeps (botocore's files, the loop's self-pipe) is not counted.
    with checker() as first:
        first.check(rows[:1])
    asyncio.run(asyncio.sleep(0))
"""

AFTER = """
    before = life()
    said = run()
    print(json.dumps({"before": before, "after": life(), "said": said}), flush=True)
"""

WAYS = {
    "check": """
    def run():
        with checker() as one:
            return one.check(rows).complete
    """,
    "the function check": """
    def run():
        return lc.check(rows, "team/app", endpoint_url=url, rate="max").complete
    """,
    "check again and again": """
    def run():
        with checker() as one:
            return all(one.check(rows[:300]).complete for _ in range(20))
    """,
    "a callback that raises": """
    def run():
        def stop(state):
            raise Stop
        with checker() as one:
            try:
                one.check(rows, progress=stop)
            except Stop as error:
                return sum(error.report.counts.values()) == len(rows)
    """,
    "a callback that raises at the end": """
    def run():
        def stop(state):
            if state.done:
                raise Stop
        with checker() as one:
            try:
                one.check(rows, progress=stop)
            except Stop as error:
                return error.report.complete
    """,
    "a callback that closes the checker": """
    def run():
        with checker() as one:
            try:
                one.check(rows, progress=lambda state: one.close())
            except lc.RunCancelled as error:
                return sum(error.report.counts.values()) == len(rows)
    """,
    "check, with threads that take their time to end": """
    def linger(frame, event, argument):
        if event == "return" and frame.f_code.co_name in ("_serve", "_steer"):
            threading.Event().wait(0.2)
    def run():
        threading.setprofile(linger)
        try:
            with checker() as one:
                return one.check(rows[:500]).complete
        finally:
            threading.setprofile(None)
    """,
    "submit": """
    def run():
        with checker() as one:
            runs = [one.submit(rows[start::5]) for start in range(5)]
            called = []
            runs[0].add_done_callback(called.append)
            done, pending = concurrent.futures.wait(runs, timeout=60)
            return len(done) == 5 and not pending and all(run.result().complete for run in done)
    """,
    "submit, cancelled": """
    def run():
        with checker() as one:
            under_way = one.submit(rows)
            return under_way.cancel() and isinstance(under_way.exception(), lc.RunCancelled)
    """,
    "submit, and an exception in the block": """
    def run():
        try:
            with checker() as one:
                under_way = one.submit(rows)
                raise Stop
        except Stop:
            return under_way.done()
    """,
    "stream": """
    def run():
        with checker() as one:
            return sum(answer.rows for answer in one.stream(iter(rows), block_rows=700)) == len(rows)
    """,
    "stream, left early": """
    def run():
        with checker() as one:
            for answer in one.stream(itertools.cycle(rows), block_rows=700):
                return answer.report.complete
    """,
    "stream, broken input": """
    def run():
        def broken():
            yield from rows[:1000]
            raise Stop
        with checker() as one:
            seen = 0
            try:
                for answer in one.stream(broken(), block_rows=700):
                    seen += answer.rows
            except Stop:
                return seen == 1000
    """,
    "check_async": """
    async def main():
        async with checker() as one:
            reports = await asyncio.gather(*(one.check_async(rows[start::3]) for start in range(3)))
            return all(report.complete for report in reports)
    def run():
        return asyncio.run(main())
    """,
    "check_async, timed out": """
    async def main():
        async with checker(rate=50) as one:
            try:
                async with asyncio.timeout(0.2):
                    await one.check_async(rows)
            except TimeoutError:
                return True
    def run():
        return asyncio.run(main())
    """,
    "check_async, its group failed": """
    async def fail():
        await asyncio.sleep(0.1)
        raise Stop
    async def main():
        async with checker(rate=50) as one:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(one.check_async(rows))
                    group.create_task(fail())
            except ExceptionGroup as errors:
                return isinstance(errors.exceptions[0], Stop)
    def run():
        return asyncio.run(main())
    """,
    "a fatal error": """
    def run():
        with checker() as one:
            one.check(rows[:100])
        with lc.Checker("no/such", endpoint_url=url, _limits=quick) as one:
            try:
                one.check(rows)
            except lc.RepositoryNotFoundError as error:
                return error.report is not None
    """,
}


def service(asked: Asked) -> Reply:
    return fault("RepositoryNotFoundException") if asked.repository == "no/such" else good(asked)


def program(server: ScriptedServer, *parts: str) -> subprocess.Popen[str]:
    code = "\n".join(textwrap.dedent(part) for part in parts)
    return subprocess.Popen(
        [sys.executable, "-W", "always::ResourceWarning", "-c", code, server.url, "way"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_an_entry_point_leaves_no_thread_descriptor_or_call_behind(way: str) -> None:
    with ScriptedServer(service) as server:
        running = program(server, LIFE, way, AFTER)
        out, err = running.communicate(timeout=120)
    assert (running.returncode, err) == (0, "")
    told = json.loads(out)
    assert told["said"] is True
    assert told["after"] == told["before"]
    assert told["after"]["threads"] == ["MainThread"]


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate(free=21)
    yield gate
    gate.opened.set()


SIGNALLED = """
    def known(report):
        counts = report.counts
        assert sum(counts.values()) == report.rows
        return counts["available"] + counts["unavailable"]

    def stop(number, frame):
        raise SystemExit(143)

    signal.signal(signal.SIGTERM, stop)
    said = None
    try:
        run()
    except (KeyboardInterrupt, SystemExit) as stopped:
        said = type(stopped).__name__
        answers = getattr(stopped, "answers", None)
        reports = [answer.report for answer in answers] if answers else [getattr(stopped, "report", None)]
        held = sum(known(report) for report in reports if report is not None)
    gc.collect()
    left = sorted(each.name for each in threading.enumerate())
    print(json.dumps({"said": said, "held": held, "left": left}), flush=True)
"""

HELD: dict[str, tuple[str, bool]] = {
    "check": ("def run():\n    with checker() as one:\n        one.check(rows)", True),
    "the function check": (
        "def run():\n    lc.check(rows, 'team/app', endpoint_url=url, rate='max', max_in_flight=4)",
        True,
    ),
    "stream": (
        "def run():\n    with checker() as one:\n        list(one.stream(rows, block_rows=5000))",
        True,
    ),
    "submit": ("def run():\n    with checker() as one:\n        one.submit(rows).result()", False),
    "check_async": (
        "async def main():\n    async with checker() as one:\n        await one.check_async(rows)\n"
        "def run():\n    asyncio.run(main())",
        False,
    ),
}
"""Entry point to its code, and whether its exception carries the report; otherwise the `Run` has it."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("way", HELD)
def test_a_signal_ends_every_entry_point_and_keeps_the_answers(
    gate: Gate, way: str, number: signal.Signals
) -> None:
    code, holds = HELD[way]
    with ScriptedServer(gate) as server:
        running = program(server, LIFE, code, SIGNALLED)
        assert gate.held.wait(60)
        running.send_signal(number)
        # The handler runs before anything else on the main thread. The calls in flight are answered within
        # the grace period, whenever it starts.
        gate.opened.set()
        out, err = running.communicate(timeout=120)
    assert (running.returncode, err) == (0, "")
    told: dict[str, Any] = json.loads(out)
    assert told["said"] == ("KeyboardInterrupt" if number is signal.SIGINT else "SystemExit")
    assert told["left"] == ["MainThread"]
    if holds:
        # Without the call of the warm-up.
        assert 2000 <= told["held"] <= 5000
