"""An answer that belongs to another request costs a retry, and its connection is not used again."""

from __future__ import annotations

import threading
from typing import Any

import boto3
import pytest

import layercheck as lc
from dispatch.scripted_server import Asked, Reply, ScriptedServer, answer, good, is_held, layer
from fake_account import digests
from layercheck.dispatch.transport.selection import NAMES, TransportName
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy
from layercheck.testing import EvenDigests, Fault, LocalEcr

ROWS = digests(5000)
QUICK = Limits(retry=RetryPolicy(back_off_base_s=0.001, back_off_cap_s=0.01), tick_s=0.02)


class ShiftedConnections:
    """Sends one answer in so many twice, so that every later answer on its connection is one too late."""

    def __init__(self, every: int) -> None:
        self.shifted = 0
        self.late = 0
        self._every = every
        self._before: dict[str, Reply] = {}
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> Reply:
        with self._lock:
            own = good(asked)
            before = self._before.get(asked.client)
            if before is not None:
                self._before[asked.client] = own
                self.late += 1
                return before
            if asked.number % self._every == self._every - 1:
                self.shifted += 1
                self._before[asked.client] = own
            return own


def assert_true(report: lc.Report) -> None:
    assert report.complete
    assert report.digests("available") == [digest for digest in ROWS if is_held(digest)]
    assert report.digests("unavailable") == [digest for digest in ROWS if not is_held(digest)]


@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize("transport", NAMES)
def test_a_shifted_connection_costs_a_few_calls_and_no_verdict(
    transport: TransportName, in_flight: int
) -> None:
    script = ShiftedConnections(every=10)
    with (
        ScriptedServer(script) as server,
        lc.Checker(
            "team/app",
            endpoint_url=server.url,
            transport=transport,
            max_in_flight=in_flight,
            rate="max",
            _limits=QUICK,
        ) as checker,
    ):
        report = checker.check(ROWS)
        assert report.stats.transport == transport
    assert_true(report)
    assert script.shifted >= 3
    # One late answer shows that a connection is shifted; other threads may use it before it is closed.
    assert script.late <= 2 * script.shifted
    assert report.stats.retries <= script.late
    assert report.stats.foreign <= 100 * script.late
    assert report.stats.halvings == 0


@pytest.mark.parametrize("tls", [False, True], ids=["plain HTTP", "TLS"])
@pytest.mark.parametrize("transport", NAMES)
def test_answers_that_are_sent_twice_cost_no_verdict(transport: TransportName, tls: bool) -> None:
    fault = Fault("twice", probability=0.2, ms=1.0)
    with (
        LocalEcr({"team/app": EvenDigests()}, faults=[fault], seed=3, tls=tls) as ecr,
        lc.Checker(
            "team/app",
            session=ecr.session(),
            endpoint_url=ecr.endpoint_url,
            transport=transport,
            max_in_flight=4,
            rate="max",
            _limits=QUICK,
        ) as checker,
    ):
        report = checker.check(ROWS)
        assert report.stats.transport == transport
        sent_twice = ecr.counters.faults["twice"]
    assert_true(report)
    assert sent_twice >= 5
    assert report.stats.retries <= 2 * sent_twice


def test_a_shifted_connection_of_a_caller_s_own_client_never_gives_a_wrong_verdict() -> None:
    script = ShiftedConnections(every=10)
    with ScriptedServer(script) as server:
        client: Any = boto3.client("ecr", endpoint_url=server.url)
        with lc.Checker("team/app", client=client, max_in_flight=1, rate="max", _limits=QUICK) as checker:
            report = checker.check(ROWS)
        client.close()
    # Other code may use the client's connections, so they stay open, and all later answers come too late.
    assert all(is_held(digest) for digest in report.digests("available"))
    assert not any(is_held(digest) for digest in report.digests("unavailable"))
    assert report.counts["available"] + report.counts["unavailable"] + report.counts["unanswered"] == 5000
    assert {error.code for error in report.errors} <= {"MismatchedAnswer"}


@pytest.mark.parametrize("transport", NAMES)
def test_a_late_answer_to_other_digests_of_the_same_run_is_not_taken(transport: TransportName) -> None:
    """The answer to the first call says that its digests are held, and the second call gets it too."""
    first: list[Reply] = []

    def script(asked: Asked) -> Reply:
        first.append(good(asked))
        return first[0] if asked.number == 1 else first[-1]

    with (
        ScriptedServer(script) as server,
        lc.Checker(
            "team/app", endpoint_url=server.url, transport=transport, max_in_flight=1, _limits=QUICK
        ) as checker,
    ):
        report = checker.check(ROWS)
    assert_true(report)
    assert (report.stats.retries, report.stats.foreign) == (1, 100)


@pytest.mark.parametrize("transport", NAMES)
def test_a_service_that_names_none_of_the_digests_leaves_them_unanswered_with_that_cause(
    transport: TransportName,
) -> None:
    def script(asked: Asked) -> Reply:
        return answer([]) if ROWS[4950] in asked.digests else good(asked)

    with (
        ScriptedServer(script) as server,
        lc.Checker("team/app", endpoint_url=server.url, transport=transport, _limits=QUICK) as checker,
    ):
        report = checker.check(ROWS)
    assert report.digests("unanswered") == [ROWS[4950]]
    (error,) = report.errors
    assert (error.kind, error.code) == ("transient", "MismatchedAnswer")
    assert error.message == "MismatchedAnswer: the answer names none of the 1 digests asked"


@pytest.mark.parametrize("transport", NAMES)
def test_an_answer_with_a_part_of_its_digests_and_others_gives_verdicts_and_loses_its_connection(
    transport: TransportName,
) -> None:
    def script(asked: Asked) -> Reply:
        if asked.number == 3:
            return answer([layer(each) for each in (*asked.digests[:40], *ROWS[:60])])
        return good(asked)

    with (
        ScriptedServer(script) as server,
        lc.Checker(
            "team/app", endpoint_url=server.url, transport=transport, max_in_flight=1, _limits=QUICK
        ) as checker,
    ):
        report = checker.check(ROWS)
    assert_true(report)
    assert report.stats.retries == 1
    connections = [asked.client for asked in server.asked]
    assert len(set(connections)) == 2
    assert connections[3] != connections[4]


@pytest.mark.parametrize("transport", NAMES)
def test_digests_left_out_of_one_answer_are_asked_again(transport: TransportName) -> None:
    def script(asked: Asked) -> Reply:
        if server.times[asked.digests[0]] == 1:
            return answer([layer(each) for each in asked.digests[1:]])
        return good(asked)

    with (
        ScriptedServer(script) as server,
        lc.Checker("team/app", endpoint_url=server.url, transport=transport, _limits=QUICK) as checker,
    ):
        report = checker.check(ROWS)
    assert_true(report)
    assert report.errors == ()
    assert (report.stats.calls, report.stats.retries) == (50, 50)
