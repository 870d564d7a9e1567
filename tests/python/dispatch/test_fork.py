"""A forked child never hangs on what its parent's threads were doing, and never disturbs the parent."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from dispatch.scripted_server import Asked, Reply, ScriptedServer, good
from fake_account import digests
from layercheck.dispatch.transport.selection import NAMES, TransportName
from layercheck.testing import EvenDigests, LocalEcr

ROWS = digests(2000)

COMMON = """
    import asyncio, concurrent.futures, faulthandler, os, signal, sys, threading, time
    import layercheck as lc

    url, transport = sys.argv[1:3]
    rows = [line.strip() for line in sys.stdin]

    def open_checker(**options):
        return lc.Checker("team/app", endpoint_url=url, transport=transport, rate="max", **options)

    def is_refused(act):
        try:
            act()
        except lc.LayercheckError as error:
            return "was made in process" in str(error)
        return False

    def is_true(report):
        held = [digest for digest in rows if digest[-1] in "02468ace"]
        passed = report.complete and report.digests("available") == held
        if not passed:
            print("not whole or not true:", report, report.stats, report.errors, file=sys.stderr, flush=True)
        return passed

    def in_child(work):
        # SIGALRM ends a child that hangs, and its status tells; before, its stacks go to standard error.
        child = os.fork()
        if child == 0:
            faulthandler.register(signal.SIGALRM, chain=True)
            signal.alarm(60)
            try:
                failed = [name for name, passed in work() if not passed]
                if failed:
                    print("failed in the child:", failed, file=sys.stderr, flush=True)
                os._exit(1 if failed else 0)
            except BaseException as error:
                print("raised in the child:", repr(error), file=sys.stderr, flush=True)
                os._exit(2)
        return child

    def ended_well(child):
        status = os.waitpid(child, 0)[1]
        if status:
            print("a child ended with status", status, file=sys.stderr, flush=True)
        return status == 0
"""


def run_program(program: str, url: str, transport: str, *more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(COMMON + program), url, transport, *more],
        input="\n".join(ROWS),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("transport", NAMES)
def test_whatever_a_child_does_with_a_run_of_its_parent_ends_at_once(transport: TransportName) -> None:
    program = """
    called = []
    checker = open_checker(max_in_flight=2)
    done = checker.submit(rows[:100])
    done.result()
    run = checker.submit(rows)
    run.add_done_callback(lambda run: called.append(os.getpid()))
    answers = checker.stream(iter(rows * 3), block_rows=1000)
    first = next(answers)

    def work():
        yield "result", is_refused(run.result)
        yield "exception", isinstance(run.exception(), lc.LayercheckError)
        yield "report", is_refused(run.report)
        yield "cancel", is_refused(run.cancel)
        yield "done", run.done() and not run.cancelled() and not run.running()
        yield "repr", "Run" in repr(run)
        yield "wait", run in concurrent.futures.wait([run]).done
        yield "as_completed", list(concurrent.futures.as_completed([run])) == [run]
        later = []
        run.add_done_callback(later.append)
        yield "a callback", later == [run]
        yield "no callback of the parent", called == []

        async def wait_for():
            await asyncio.wrap_future(run)

        yield "await", is_refused(lambda: asyncio.run(wait_for()))
        yield "an iterator", is_refused(lambda: next(answers))
        yield "a run that was done", done.result().complete and done.report().complete and not done.cancel()
        yield "check", is_refused(lambda: checker.check(rows))
        yield "submit", is_refused(lambda: checker.submit(rows))
        yield "stream", is_refused(lambda: checker.stream(rows))
        yield "check_async", is_refused(lambda: asyncio.run(checker.check_async(rows)))
        yield "rate", is_refused(lambda: checker.rate)
        yield "the other properties", bool((checker.target, checker.max_in_flight, checker.transport))
        yield "repr of the checker", "team/app" in repr(checker)
        checker.close()
        with checker:
            pass
        with open_checker() as own:
            yield "a checker of its own", own.check(rows[:100]).complete

        def in_grandchild():
            yield "result", is_refused(run.result)

        yield "a grandchild", ended_well(in_child(in_grandchild))

    ends = ended_well(in_child(work))
    print("forked", flush=True)
    own = [is_true(run.result()), called == [os.getpid()]]
    answers.close()
    checker.close()
    print(ends, *own)
    """
    # The second digest of the second hundred is asked by the parent alone, and answered after the fork.
    server: ScriptedServer

    def script(asked: Asked) -> Reply:
        # Answers so slowly that the run is under way at the fork: all calls but those of the first hundred.
        if ROWS[0] not in asked.digests:
            server.stopping.wait(0.1)
        return good(asked)

    with ScriptedServer(script) as server:
        assert run_program(program, server.url, transport).split() == ["forked", "True", "True", "True"]


@pytest.mark.parametrize("transport", NAMES)
def test_a_hundred_forks_under_load_hang_nothing_and_lose_no_answer(transport: TransportName) -> None:
    """25 for each transport."""
    program = """
    checker = open_checker(max_in_flight=8)
    stop = threading.Event()
    reports = []

    def keep_busy():
        while not stop.is_set():
            reports.append(checker.check(rows))

    def make_clients():
        # Holds the locks of lanes and of making clients as often as it can.
        while not stop.is_set():
            open_checker().close()

    busy = [threading.Thread(target=each, daemon=True) for each in [keep_busy] * 3 + [make_clients]]
    for thread in busy:
        thread.start()
    ends = []
    for number in range(25):
        run = checker.submit(rows)

        def work():
            if run._outcome is None:
                yield "result", is_refused(run.result)
                yield "report", is_refused(run.report)
            yield "check", is_refused(lambda: checker.check(rows))
            checker.close()
            if number % 5 == 0:
                with open_checker() as own:
                    yield "a checker of its own", is_true(own.check(rows))

        child = in_child(work)
        ends.append(ended_well(child) and is_true(run.result()))
    stop.set()
    for thread in busy:
        thread.join()
    checker.close()
    print(len(ends), all(ends), all(map(is_true, reports)), len(reports) > 0)
    """
    with LocalEcr({"team/app": EvenDigests()}, region_name="eu-west-1", latency_ms=2) as ecr:
        assert run_program(program, ecr.endpoint_url, transport).split() == ["25", "True", "True", "True"]


@pytest.mark.parametrize("transport", NAMES)
def test_process_pools_made_by_fork_tell_the_error_and_work_with_a_checker_of_their_own(
    transport: TransportName,
) -> None:
    program = """
    import multiprocessing

    checker = open_checker(max_in_flight=4)
    stop = threading.Event()

    def use_the_parents(_):
        return checker.check(rows).complete

    def use_its_own(_):
        with open_checker() as own:
            report = own.check(rows)
        if not is_true(report):
            print(report, report.errors[:3], report.stats, file=sys.stderr, flush=True)
        return is_true(report)

    run = checker.submit(rows * 20)
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        print(is_refused(lambda: pool.map(use_the_parents, range(4))), all(pool.map(use_its_own, range(4))))
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        print(is_refused(lambda: list(pool.map(use_the_parents, range(4)))))
        print(all(pool.map(use_its_own, range(4))))
    print(run.result().complete)
    checker.close()
    """
    with LocalEcr({"team/app": EvenDigests()}, region_name="eu-west-1", latency_ms=5) as ecr:
        assert run_program(program, ecr.endpoint_url, transport).split() == ["True"] * 5


@pytest.mark.parametrize("tls", [False, True], ids=["plain HTTP", "TLS"])
@pytest.mark.parametrize("transport", NAMES)
def test_a_child_that_ends_leaves_connections_and_journal_of_its_parent_alone(
    transport: TransportName, tls: bool, tmp_path: Path
) -> None:
    program = """
    import gc

    bundle, journal = sys.argv[3:]
    if bundle:
        os.environ["AWS_CA_BUNDLE"] = bundle
    checker = open_checker(max_in_flight=4)
    checker.check(rows)  # opens connections
    run = checker.submit(rows, journal=journal)
    for number in range(4):
        if os.fork() == 0:
            signal.alarm(60)
            if number % 2:
                del checker, run
                gc.collect()
            sys.exit(0)  # with everything that an interpreter does at its end
        ended = os.wait()[1]
        between = checker.check(rows)
        print(ended == 0, is_true(between), between.stats.retries)
    report = run.result()
    print(is_true(report), report.stats.retries)
    again = checker.check(rows, journal=journal)
    print(is_true(again), again.stats.calls)
    checker.close()
    """
    with LocalEcr({"team/app": EvenDigests()}, region_name="eu-west-1", latency_ms=20, tls=tls) as ecr:
        bundle = str(ecr.ca_bundle) if tls else ""
        out = run_program(program, ecr.endpoint_url, transport, bundle, str(tmp_path / "journal"))
    assert out.split("\n") == ["True True 0"] * 4 + ["True 0", "True 0", ""]


@pytest.mark.parametrize("ends", [True, False])
def test_a_fork_waits_for_a_client_that_is_created_but_not_for_ever(ends: bool) -> None:
    """OpenSSL would keep its locks in the child, and no client could be created there."""
    program = f"""
    import boto3

    created, inside, go_on = [], threading.Event(), threading.Event()

    class Slow(boto3.Session):
        def client(self, *args, **kwargs):
            made = super().client(*args, **kwargs)
            if threading.current_thread() is not threading.main_thread():
                inside.set()
                go_on.wait(0.3 if {ends} else None)
                created.append(made)
            return made

    threading.Thread(target=lambda: open_checker(session=Slow()).close(), daemon=True).start()
    inside.wait()

    def work():
        yield "waited for the other client", bool(created) is {ends}
        with open_checker(session=Slow()) as own:
            yield "a checker of its own", is_true(own.check(rows))

    print(ended_well(in_child(work)))
    go_on.set()
    with open_checker() as later:
        print(is_true(later.check(rows)))
    """
    with LocalEcr({"team/app": EvenDigests()}, region_name="eu-west-1") as ecr:
        assert run_program(program, ecr.endpoint_url, "native").split() == ["True", "True"]
