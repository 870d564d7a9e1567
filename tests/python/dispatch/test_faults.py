"""Whatever the service does, every row has one verdict, and it is true."""

from __future__ import annotations

import pickle
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import boto3
import pytest

import layercheck as lc
from dispatch.scripted_server import (
    Asked,
    Reply,
    Script,
    ScriptedServer,
    answer,
    fault,
    good,
    is_held,
    layer,
)
from fake_account import SECRET, TOKEN, digests
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy

QUICK = Limits(retry=RetryPolicy(back_off_base_s=0.001, back_off_cap_s=0.01), tick_s=0.02)
ROWS = digests(3000)


def check(server: ScriptedServer, rows: Iterable[str] = ROWS, **options: Any) -> lc.Report:
    options = {"rate": "max", "_limits": QUICK, "endpoint_url": server.url, **options}
    with lc.Checker("team/app", **options) as checker:
        return checker.check(rows)


def assert_true(report: lc.Report, server: ScriptedServer, rows: list[str] = ROWS) -> None:
    """Check that every row has one verdict, that it is true, and that its digest was asked."""
    assert sum(report.counts.values()) == report.rows == len(rows)
    asked = server.digests_asked
    assert asked <= set(rows)
    for digest in report.digests("available"):
        assert is_held(digest)
        assert digest in asked
    for digest in report.digests("unavailable"):
        assert not is_held(digest)
        assert digest in asked
    assert not set(report.digests("not_checked")) & asked
    assert set(report.digests("unanswered")) <= asked


def every(nth: int, reply: Callable[[Asked], Reply]) -> Script:
    """`reply` for every `nth` request, and a good answer for all others."""
    return lambda asked: reply(asked) if asked.number % nth == 0 else good(asked)


def deep(_: Asked) -> Reply:
    return Reply(body=b'{"layers":' + b"[" * 200_000 + b"]" * 200_000 + b"}")


def truncated(asked: Asked) -> Reply:
    body = good(asked).body
    assert isinstance(body, bytes)
    return Reply(body=body[: len(body) // 2], length=len(body))


def cut_without_length(asked: Asked) -> Reply:
    body = good(asked).body
    assert isinstance(body, bytes)
    return Reply(body=iter([body[:-1]]))


TRANSIENT: dict[str, Callable[[Asked], Reply]] = {
    "throttled": lambda asked: fault("ThrottlingException", "Rate exceeded"),
    "throttled by status": lambda asked: Reply(429, b"slow down"),
    "server error": lambda asked: fault("ServerException", "oops", 500),
    "gateway page": lambda asked: Reply(503, b"<html>unavailable</html>"),
    "reset": lambda asked: Reply(reset=True),
    "login page": lambda asked: Reply(body=b"<html>log in first</html>"),
    "nothing at all": lambda asked: Reply(body=b""),
    "null": lambda asked: Reply(body=b"null"),
    "a list": lambda asked: Reply(body=b"[1, 2]"),
    "another answer": lambda asked: Reply(body=b'{"images": []}'),
    "layers not a list": lambda asked: Reply(body=b'{"layers": "all of them"}'),
    "layers of nonsense": lambda asked: Reply(body=b'{"layers": [1, "two", []]}'),
    "not UTF-8": lambda asked: Reply(body=b'{"layers": ["\xff\xfe"]}'),
    "deep nesting": deep,
    "truncated": truncated,
    "cut without a length": cut_without_length,
    "unknown client error": lambda asked: fault("SomethingNewException"),
}


@pytest.mark.parametrize("reply", TRANSIENT.values(), ids=TRANSIENT.keys())
def test_transient_errors_are_retried_until_every_digest_has_its_verdict(
    reply: Callable[[Asked], Reply],
) -> None:
    with ScriptedServer(every(3, reply)) as server:
        report = check(server)
    assert_true(report, server)
    assert report.complete
    assert report.stats.retries >= 10
    assert report.stats.calls == 30


@pytest.mark.parametrize("reply", TRANSIENT.values(), ids=TRANSIENT.keys())
def test_an_error_that_never_ends_leaves_digests_unanswered_with_its_cause(
    reply: Callable[[Asked], Reply],
) -> None:
    bad = set(ROWS[200:300])
    with ScriptedServer(lambda asked: reply(asked) if bad & set(asked.digests) else good(asked)) as server:
        report = check(server)
    assert_true(report, server)
    assert set(report.digests("unanswered")) == bad
    assert not report.complete
    assert sorted(index for error in report.errors for index in range(error.start, error.stop)) == [
        *range(200, 300)
    ]
    for error in report.errors:
        assert error.kind in ("transient", "throttled")
        assert error.message
        # Once while the service answered other batches, and once in the last round.
        most = QUICK.retry.throttle_attempts if error.kind == "throttled" else QUICK.retry.attempts
        assert error.attempts <= 2 * most
    assert max(times for digest, times in server.times.items() if digest in bad) <= 2 * 20 + 8 * 3
    assert {times for digest, times in server.times.items() if digest not in bad} == {1}


@pytest.mark.parametrize("reply", TRANSIENT.values(), ids=TRANSIENT.keys())
def test_a_service_that_only_fails_ends_the_run_after_a_bounded_number_of_calls(
    reply: Callable[[Asked], Reply],
) -> None:
    rows = digests(20_000)
    with ScriptedServer(reply) as server, pytest.raises(lc.EndpointError) as caught:
        check(server, rows)
    report = caught.value.report
    assert report is not None
    assert_true(report, server, rows)
    assert report.counts["not_checked"] > 10_000
    assert len(server.asked) < (QUICK.outage_failures + 32) * QUICK.retry.throttle_attempts


def test_answers_are_joined_by_digest_in_any_order_and_case() -> None:
    def shuffled(asked: Asked) -> Reply:
        layers = [layer(each) for each in reversed(asked.digests)]
        for each in layers[::2]:
            each["layerDigest"] = each["layerDigest"].upper().replace("SHA256", "sha256")
        return answer(layers)

    with ScriptedServer(shuffled) as server:
        report = check(server)
    assert_true(report, server)
    assert report.complete


def test_digests_left_out_of_an_answer_are_unanswered() -> None:
    with ScriptedServer(lambda asked: answer([layer(each) for each in asked.digests[1:]])) as server:
        report = check(server)
    assert_true(report, server)
    assert report.counts["unanswered"] == 30
    assert {error.kind for error in report.errors} == {"answer"}


def test_answers_for_digests_that_were_not_asked_are_counted_and_ignored() -> None:
    foreign = digests(4000)[3000:]

    def answers(asked: Asked) -> Reply:
        return answer([layer(each) for each in (*asked.digests, *foreign[:7])])

    with ScriptedServer(answers) as server:
        report = check(server)
    assert_true(report, server)
    assert report.complete
    assert report.stats.foreign == 30 * 7


def test_contradicting_answers_are_unanswered() -> None:
    def both(asked: Asked) -> Reply:
        first = asked.digests[0]
        other = {"layerDigest": first, "layerAvailability": "ARCHIVED"}
        return answer([*(layer(each) for each in asked.digests), other])

    with ScriptedServer(both) as server:
        report = check(server)
    assert_true(report, server)
    assert report.counts["unanswered"] == 30
    assert {error.code for error in report.errors} == {"ContradictoryAnswers"}


def test_an_unknown_availability_is_kept_as_other() -> None:
    def future(asked: Asked) -> Reply:
        return answer([{"layerDigest": each, "layerAvailability": "FROZEN"} for each in asked.digests])

    with ScriptedServer(future) as server:
        report = check(server)
    assert report.counts["other"] == len(ROWS)
    assert report.complete


def test_only_the_poison_digest_of_a_batch_is_refused() -> None:
    poison = ROWS[1234]

    def script(asked: Asked) -> Reply:
        return fault("InvalidParameterException", "no") if poison in asked.digests else good(asked)

    with ScriptedServer(script) as server:
        report = check(server)
    assert_true(report, server)
    assert report.digests("refused") == [poison]
    assert report.complete
    assert 6 <= report.stats.halvings <= 7  # 100, 50, 25, 12 or 13, ..., until it is alone in its batch
    (error,) = report.errors
    assert (error.start, error.stop, error.kind) == (1234, 1235, "batch")


def test_the_only_digest_of_a_plan_can_be_refused() -> None:
    with ScriptedServer(lambda asked: fault("InvalidParameterException", "no")) as server:
        report = check(server, ROWS[:1])
    assert report.counts["refused"] == 1


def test_an_invalid_parameter_that_is_not_a_digest_refuses_no_digest() -> None:
    with (
        ScriptedServer(lambda asked: fault("InvalidParameterException", "no")) as server,
        pytest.raises(lc.InvalidParameterError) as caught,
    ):
        check(server)
    report = caught.value.report
    assert report is not None
    assert_true(report, server)
    assert report.counts["refused"] == 0
    assert len(server.asked) < 32 + 20


FATAL = [
    ("RepositoryNotFoundException", lc.RepositoryNotFoundError, LookupError),
    ("AccessDeniedException", lc.AccessDeniedError, PermissionError),
    ("ExpiredTokenException", lc.CredentialsError, lc.LayercheckError),
    ("UnrecognizedClientException", lc.CredentialsError, lc.LayercheckError),
    ("InvalidSignatureException", lc.CredentialsError, lc.LayercheckError),
]


@pytest.mark.parametrize(("code", "raises", "builtin"), FATAL, ids=[code for code, *_ in FATAL])
@pytest.mark.parametrize("after", [0, 12], ids=["at once", "in mid-run"])
def test_a_fatal_error_keeps_known_verdicts_and_carries_botocores_response(
    code: str, raises: type[lc.LayercheckError], builtin: type[Exception], after: int
) -> None:
    rows = digests(10_000)
    with (
        ScriptedServer(lambda asked: good(asked) if asked.number < after else fault(code, "why")) as server,
        pytest.raises(raises) as caught,
    ):
        check(server, rows, max_in_flight=4)
    error = caught.value
    assert isinstance(error, builtin)
    assert error.response is not None
    assert error.response["Error"]["Code"] == code
    assert error.operation_name == "BatchCheckLayerAvailability"
    assert error.__cause__ is not None
    assert error.__cause__.__traceback__ is None  # its frames hold the signed request
    assert "team/app" in str(error)
    assert code in str(error)
    assert error.report is not None
    assert_true(error.report, server, rows)
    known = error.report.counts["available"] + error.report.counts["unavailable"]
    assert known == after * 100
    assert len(server.asked) <= after + 4
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(again), str(again), again.response) == (raises, str(error), error.response)


def test_a_fatal_error_waits_for_calls_in_flight_and_keeps_their_answers() -> None:
    slow_started, refused = threading.Event(), threading.Event()

    def script(asked: Asked) -> Reply:
        if asked.number == 0:
            slow_started.set()
            refused.wait(30)
            return good(asked)
        slow_started.wait(30)
        refused.set()
        return fault("AccessDeniedException")

    with ScriptedServer(script) as server, pytest.raises(lc.AccessDeniedError) as caught:
        check(server, max_in_flight=2)
    assert caught.value.report is not None
    assert_true(caught.value.report, server)
    counts = caught.value.report.counts
    assert counts["available"] + counts["unavailable"] == 100


@pytest.mark.parametrize(("public", "service"), [(False, "ecr"), (True, "ecr-public")])
def test_a_denial_comes_with_the_action_as_a_policy_names_it(public: bool, service: str) -> None:
    with (
        ScriptedServer(lambda _: fault("AccessDeniedException")) as server,
        pytest.raises(lc.AccessDeniedError) as caught,
    ):
        check(server, ROWS[:1], public=public)
    assert str(caught.value).endswith(f"; the action to allow is {service}:BatchCheckLayerAvailability")


def test_a_refused_connection_is_an_endpoint_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with (
        lc.Checker("team/app", endpoint_url=url, _limits=QUICK) as checker,
        pytest.raises(lc.EndpointError, match=r"127\.0\.0\.1") as caught,
    ):
        checker.check(ROWS)
    assert isinstance(caught.value, ConnectionError)
    assert caught.value.report is not None
    assert caught.value.report.counts["not_checked"] > 0


def test_without_credentials_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with ScriptedServer() as server, pytest.raises(lc.CredentialsError, match="Unable to locate credentials"):
        check(server)
    assert server.asked == []


def test_a_run_survives_a_short_outage_of_the_server() -> None:
    with ScriptedServer(
        lambda asked: good(asked) if not 5 <= asked.number < 40 else Reply(reset=True)
    ) as server:
        report = check(server)
    assert_true(report, server)
    assert report.complete


def test_max_in_flight_limits_the_calls_in_flight() -> None:
    full = threading.Event()

    def script(asked: Asked) -> Reply:
        # The server answers no call before five calls are in flight, so that the run reaches the limit.
        if server.most_at_once >= 5:
            full.set()
        full.wait(30)
        return good(asked)

    with ScriptedServer(script) as server:
        report = check(server, max_in_flight=5)
    assert server.most_at_once == 5
    assert report.stats.max_in_flight == 5
    assert report.complete


def test_runs_of_one_checker_share_its_call_slots() -> None:
    full = threading.Event()

    def script(asked: Asked) -> Reply:
        if server.most_at_once >= 3:
            full.set()
        full.wait(30)
        return good(asked)

    with (
        ScriptedServer(script) as server,
        lc.Checker("team/app", endpoint_url=server.url, rate="max", max_in_flight=3) as checker,
    ):
        runs = [checker.submit(ROWS[start : start + 1000]) for start in (0, 1000, 2000)]
        assert all(run.result().complete for run in runs)
    assert server.most_at_once == 3


def test_calls_reach_the_server_no_faster_than_the_rate() -> None:
    with ScriptedServer() as server:
        report = check(server, digests(6000), rate=100)
    times = sorted(asked.at for asked in server.asked)
    # The pacer's clock is the server's: 60 calls at 100/s take 0.59 s, less the burst of two.
    assert times[-1] - times[0] >= 0.5
    assert report.stats.rate == 100


def test_no_secret_reaches_an_exception_or_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def echo(asked: Asked) -> Reply:
        token = asked.headers["x-amz-security-token"]
        return fault("InvalidSignatureException", f"x-amz-security-token:{token}")

    caplog.set_level("DEBUG", logger="layercheck")
    with ScriptedServer(echo) as server, pytest.raises(lc.CredentialsError) as caught:
        check(server)
    error = caught.value
    assert error.report is not None
    shown = f"{error} {error.response} {error.__cause__} {error.report.errors} {caplog.text}"
    assert TOKEN not in shown
    assert SECRET not in shown


@pytest.fixture
def own_client() -> Iterator[Callable[[ScriptedServer], Any]]:
    made: list[Any] = []

    def make(server: ScriptedServer) -> Any:
        made.append(boto3.client("ecr", endpoint_url=server.url))
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_a_callers_client_gives_the_same_verdicts(own_client: Callable[[ScriptedServer], Any]) -> None:
    with ScriptedServer() as server, lc.Checker("team/app", client=own_client(server)) as checker:
        report = checker.check(ROWS)
        assert checker.max_in_flight == 10
    assert_true(report, server)
    assert report.complete


def test_requests_name_the_registry_and_the_repository() -> None:
    with ScriptedServer() as server:
        check(server, ROWS[:1], registry_id="012345678901")
        check(server, ROWS[:1], public=True, registry_id="alias")
    private, public = server.asked
    assert (private.repository, private.registry) == ("team/app", "012345678901")
    assert (public.repository, public.registry) == ("team/app", "alias")
    assert public.headers["x-amz-target"].startswith("SpencerFrontendService.")


def test_an_empty_plan_asks_nothing() -> None:
    with ScriptedServer() as server:
        report = check(server, [])
    assert report.rows == 0
    assert server.asked == []


def test_the_number_of_errors_in_a_report_is_bounded() -> None:
    limits = Limits(errors_kept=5)
    with ScriptedServer(lambda asked: answer([layer(asked.digests[0])])) as server:
        report = check(server, _limits=limits)
    assert_true(report, server)
    assert len(report.errors) == 6
    assert report.errors[-1].code == "FurtherErrors"
    assert report.errors[-1].message.startswith("25 more")
