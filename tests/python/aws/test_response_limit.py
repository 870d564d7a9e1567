"""Answers that are too long, too slow or endless: memory stays bounded, and the run ends."""

from __future__ import annotations

import itertools
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

import layercheck as lc
from dispatch.scripted_server import Asked, Reply, ScriptedServer, good
from fake_account import digests
from layercheck.aws.response_limit import BoundedSession
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy

QUICK = Limits(
    retry=RetryPolicy(attempts=3, back_off_base_s=0.001),
    tick_s=0.02,
    body_deadline_s=0.3,
    call_deadline_s=0.6,
    grace_s=0.5,
)
ROWS = digests(300)
BAD = ROWS[0]
MEGABYTE = b" " * (1 << 20)


def endless(_: Asked) -> Reply:
    return Reply(body=itertools.repeat(MEGABYTE))


def endless_in_chunks(_: Asked) -> Reply:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    return Reply(body=itertools.repeat(chunk), headers={"Transfer-Encoding": "chunked"})


def hundred_megabytes(_: Asked) -> Reply:
    return Reply(body=itertools.repeat(MEGABYTE, 100), length=100 << 20)


def hundred_megabytes_unannounced(_: Asked) -> Reply:
    return Reply(body=itertools.repeat(MEGABYTE, 100))


def error_page_without_end(_: Asked) -> Reply:
    return Reply(400, body=itertools.repeat(MEGABYTE))


def dripping(server: ScriptedServer) -> Callable[[Asked], Reply]:
    def drip() -> Iterator[bytes]:
        while not server.stopping.wait(0.05):
            yield b" "

    return lambda asked: Reply(body=drip())


def dripping_with_a_length(server: ScriptedServer) -> Callable[[Asked], Reply]:
    def drip() -> Iterator[bytes]:
        while not server.stopping.wait(0.05):
            yield b" "

    return lambda asked: Reply(body=drip(), length=20_000)


BODIES = {
    "endless": endless,
    "endless in chunks": endless_in_chunks,
    "100 MB": hundred_megabytes,
    "100 MB unannounced": hundred_megabytes_unannounced,
    "error page without end": error_page_without_end,
}


def serve(server: ScriptedServer, reply: Callable[[Asked], Reply]) -> None:
    server.script = lambda asked: reply(asked) if BAD in asked.digests else good(asked)


def assert_only_the_bad_digest_is_unanswered(report: lc.Report) -> None:
    assert report.digests("unanswered") == [BAD]
    assert report.counts["available"] + report.counts["unavailable"] == 299
    (error,) = report.errors
    assert (error.kind, error.start, error.stop) == ("transient", 0, 1)


@pytest.mark.parametrize("reply", BODIES.values(), ids=BODIES.keys())
def test_an_endless_body_uses_little_memory_on_an_owned_client(
    reply: Callable[[Asked], Reply],
) -> None:
    with ScriptedServer() as server:
        serve(server, reply)
        with lc.Checker("team/app", endpoint_url=server.url, _limits=QUICK) as checker:
            checker.check(ROWS[200:])  # the measurement excludes imports and the client's caches
            tracemalloc.start()
            try:
                report = checker.check(ROWS)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert_only_the_bad_digest_is_unanswered(report)
    assert peak < 12 << 20


@pytest.mark.parametrize("reply", [dripping, dripping_with_a_length])
def test_a_slow_body_is_abandoned_on_an_owned_client(
    reply: Callable[[ScriptedServer], Callable[[Asked], Reply]],
) -> None:
    with ScriptedServer() as server:
        serve(server, reply(server))
        with lc.Checker("team/app", endpoint_url=server.url, _limits=QUICK) as checker:
            report = checker.check(ROWS)
    assert_only_the_bad_digest_is_unanswered(report)
    assert report.errors[0].code == "ReadTimeoutError"


def too_long_on_a_connection_that_stays(_: Asked) -> Reply:
    return Reply(body=MEGABYTE * 2)


def shorter_than_announced(asked: Asked) -> Reply:
    body = good(asked).body
    assert isinstance(body, bytes)
    return Reply(body=body, length=len(body) + 10)


@pytest.mark.parametrize("reply", [endless, too_long_on_a_connection_that_stays, shorter_than_announced])
def test_the_next_call_works_after_a_truncated_body(reply: Callable[[Asked], Reply]) -> None:
    with ScriptedServer() as server:
        server.script = lambda asked: reply(asked) if asked.number == 0 else good(asked)
        with lc.Checker("team/app", endpoint_url=server.url, max_in_flight=1, _limits=QUICK) as checker:
            report = checker.check(ROWS)
    assert report.complete
    assert report.stats.retries == 1


def test_the_installed_botocore_has_the_session_that_limits_bodies() -> None:
    with lc.Checker("team/app") as checker:
        client: Any = checker._connection.client
        assert isinstance(client._endpoint.http_session, BoundedSession)


def test_connections_are_kept_for_the_next_call() -> None:
    ports: set[str] = set()

    with ScriptedServer() as server:
        with lc.Checker("team/app", endpoint_url=server.url, max_in_flight=1) as checker:
            for _ in range(5):
                assert checker.check(ROWS).complete
        ports = {asked.client for asked in server.asked}
    assert len(ports) == 1


@pytest.fixture
def callers_client() -> Iterator[Callable[[ScriptedServer], Any]]:
    made: list[Any] = []

    def make(server: ScriptedServer) -> Any:
        config = Config(retries={"mode": "standard", "total_max_attempts": 1})
        made.append(boto3.client("ecr", endpoint_url=server.url, config=config))
        return made[-1]

    yield make
    for client in made:
        client.close()


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("layercheck-")]


@pytest.mark.parametrize("reply", [dripping, dripping_with_a_length])
def test_an_endless_call_is_abandoned_on_a_callers_client(
    reply: Callable[[ScriptedServer], Callable[[Asked], Reply]],
    callers_client: Callable[[ScriptedServer], Any],
) -> None:
    with ScriptedServer() as server:
        serve(server, reply(server))
        with lc.Checker("team/app", client=callers_client(server), _limits=QUICK) as checker:
            report = checker.check(ROWS)
        assert_only_the_bad_digest_is_unanswered(report)
        assert report.errors[0].code == "CallAbandoned"
        # The abandoned threads end although the server still sends, so memory stays bounded.
        for thread in workers():
            thread.join(60)
        assert workers() == []


def test_a_hundred_megabytes_on_a_callers_client_are_read_and_then_refused(
    callers_client: Callable[[ScriptedServer], Any],
) -> None:
    with ScriptedServer() as server:
        serve(server, hundred_megabytes)
        limits = Limits(retry=RetryPolicy(attempts=3, back_off_base_s=0.001), tick_s=0.02)
        with lc.Checker("team/app", client=callers_client(server), _limits=limits) as checker:
            report = checker.check(ROWS)
    assert_only_the_bad_digest_is_unanswered(report)
