"""Each fault of LocalEcr through botocore."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from functools import partial
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    HTTPClientError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from layercheck.testing import Fault, LocalEcr, Throttle

ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"}, read_timeout=60)
BOTH = pytest.mark.parametrize("public", [False, True], ids=["ecr", "ecr-public"])


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


ASKED = [digest(number) for number in range(100)]
HELD = ASKED[:50]
TRUTH = [(text, "AVAILABLE" if text in HELD else "UNAVAILABLE") for text in ASKED]


def serving(*faults: Fault, **options: Any) -> LocalEcr:
    return LocalEcr({"app": HELD}, faults=faults, **options)


def ask(ecr: LocalEcr, digests: list[str] = ASKED, *, public: bool = False, config: Config = ONCE) -> Any:
    client = ecr.client(public=public, config=config)
    return client.batch_check_layer_availability(repositoryName="app", layerDigests=digests)


def words(answer: Any) -> list[tuple[str, str]]:
    return [(layer["layerDigest"], layer["layerAvailability"]) for layer in answer["layers"]]


@BOTH
@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        (Fault("throttle"), "ThrottlingException", 400),
        (Fault("server_error"), "ServerException", 500),
        (Fault("service_unavailable"), "503", 503),
        (Fault("throttle", code="TooManyRequestsException", status=429), "TooManyRequestsException", 429),
        (Fault("throttle", code="ThrottleException"), "ThrottleException", 400),
        (Fault("throttle", code="", status=429), "429", 429),
        (Fault("error_page"), "502", 502),
        (Fault("error_page", status=503), "503", 503),
        (Fault("repository_deleted"), "RepositoryNotFoundException", 400),
        (Fault("access_denied"), "AccessDeniedException", 400),
        (Fault("expired_token"), "ExpiredTokenException", 400),
        (Fault("error", code="OddException", status=409, message="odd"), "OddException", 409),
        (Fault("poison", digests=(digest(3),)), "InvalidParameterException", 400),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_errors_are_parsed_with_code_and_status(fault: Fault, code: str, status: int, public: bool) -> None:
    with serving(fault) as ecr, pytest.raises(ClientError) as caught:
        ask(ecr, public=public)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert ecr.counters.faults[fault.kind] == 1
    assert ecr.calls[0].faults == [fault.kind]


def test_modelled_errors_are_modelled_exceptions() -> None:
    with serving(Fault("server_error")) as ecr:
        client = ecr.client(config=ONCE)
        with pytest.raises(client.exceptions.ServerException):
            client.batch_check_layer_availability(repositoryName="app", layerDigests=ASKED)


def test_a_throttling_fault_takes_the_form_of_the_server() -> None:
    form = Throttle(1e6, 1e6, code=None, status=429)
    with serving(Fault("throttle"), throttle=form) as ecr, pytest.raises(ClientError) as caught:
        ask(ecr)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert ecr.counters.throttled == 1


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("disconnect", ConnectionClosedError),
        ("reset", ConnectionClosedError),
        ("cut", (ResponseStreamingError, HTTPClientError)),
        ("unfinished", (ResponseStreamingError, HTTPClientError)),
        ("reset_body", (ResponseStreamingError, HTTPClientError)),
        ("reset_head", ConnectionClosedError),
        ("garbage", (ConnectionClosedError, HTTPClientError)),
        # botocore raises this itself, because it does not check that a structure is not a number.
        ("wrong_types", AttributeError),
    ],
)
def test_broken_answers_are_errors_of_the_client(kind: Any, error: Any) -> None:
    with serving(Fault(kind, calls=(1, 1))) as ecr:
        with pytest.raises(error):
            ask(ecr)
        assert ecr.counters.faults[kind] == 1
        assert words(ask(ecr)) == TRUTH


@pytest.mark.parametrize("kind", ["html", "truncate"])
def test_botocore_reads_a_body_that_is_not_json_as_an_answer_without_members(kind: Any) -> None:
    # botocore's JSON parser keeps such a body as `message`, a member that this operation does not have.
    with serving(Fault(kind)) as ecr:
        answer = ask(ecr)
    assert set(answer) == {"ResponseMetadata"}
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert ecr.counters.faults[kind] == 1


GOOD = ("slow_head", "twice", "chunked", "http_1_0", "close", "idle_close", "padding")


@pytest.mark.parametrize("kind", GOOD)
def test_correct_answers_in_unusual_forms_are_answers(kind: Any) -> None:
    fault = Fault(kind, bytes=1000) if kind == "padding" else Fault(kind)
    with serving(fault) as ecr:
        client = ecr.client(config=ONCE)
        for _ in range(3):
            answer = client.batch_check_layer_availability(repositoryName="app", layerDigests=ASKED)
            assert words(answer) == TRUTH
            if kind == "idle_close":
                # A client that makes one attempt may send the next request while the server closes.
                client = ecr.client(config=ONCE)
        assert ecr.counters.faults[kind] == 3


def test_a_session_renews_expired_credentials() -> None:
    with serving(Fault("expired_key", uses=3)) as ecr:
        client = ecr.session(lifetime_s=0.05).client("ecr", endpoint_url=ecr.endpoint_url, config=ONCE)
        ask = partial(client.batch_check_layer_availability, repositoryName="app", layerDigests=ASKED)
        for _ in range(3):
            ask()
        with contextlib.suppress(ClientError):
            while True:  # fast calls use up one key before its lifetime ends
                ask()
        time.sleep(0.1)  # past the lifetime, so the next call has another key
        assert words(ask()) == TRUTH


def test_poison_does_not_affect_calls_without_it() -> None:
    with serving(Fault("poison", digests=(digest(3),))) as ecr:
        assert ask(ecr, ASKED[4:])["layers"]
        assert ask(ecr, ASKED[:3])["layers"]
        with pytest.raises(ClientError, match="InvalidParameterException"):
            ask(ecr, [digest(3)])


def test_shuffled_answers_are_true() -> None:
    with serving(Fault("shuffle")) as ecr:
        said = words(ask(ecr))
    assert said != TRUTH
    assert sorted(said) == TRUTH


def test_entries_are_omitted_repeated_contradicted_and_foreign() -> None:
    with serving(Fault("omit", share=0.25)) as ecr:
        said = words(ask(ecr))
        assert len(said) == 75
        assert set(said) < set(TRUTH)
        ecr.set_faults([Fault("repeat", share=0.25)])
        said = words(ask(ecr))
        assert len(said) == 125
        assert set(said) == set(TRUTH)
        ecr.set_faults([Fault("contradict", share=0.25)])
        said = words(ask(ecr))
        assert len(set(said)) == 125
        assert Counter(Counter(text for text, _ in said).values()) == {1: 75, 2: 25}
        ecr.set_faults([Fault("foreign", share=0.25)])
        said = words(ask(ecr))
        assert len(set(said) - set(TRUTH)) == 25
        assert set(TRUTH) < set(said)
        # The counters hold the true availabilities, not those of the answers.
        assert (ecr.counters.available, ecr.counters.unavailable) == (200, 200)


def test_upper_case_and_unknown_words_are_passed_on() -> None:
    with serving(Fault("upper_case", share=1)) as ecr:
        letters = "sha256:" + "ab" * 32
        assert words(ask(ecr, [letters])) == [("sha256:" + "AB" * 32, "UNAVAILABLE")]
        ecr.set_faults([Fault("unknown_availability", share=0.5, word="ELSEWHERE")])
        assert Counter(word for _, word in words(ask(ecr)))["ELSEWHERE"] == 50
        ecr.set_faults([Fault("unknown_failure")])
        answer = ask(ecr)
        assert {failure["failureCode"] for failure in answer["failures"]} == {"LayerQuarantined"}
        assert (len(answer["failures"]), len(answer["layers"])) == (10, 90)


def test_slow_and_padded_bodies_are_true_in_the_end() -> None:
    with serving(Fault("slow", bytes_per_ms=500)) as ecr:
        assert words(ask(ecr)) == TRUTH
        ecr.set_faults([Fault("padding", bytes=5_000_000)])
        assert words(ask(ecr)) == TRUTH
    # Closing waits for the server, and so for the count of the bytes sent.
    assert ecr.counters.response_bytes > 5_000_000


def test_an_endless_body_ends_with_the_client() -> None:
    import http.client

    with serving(Fault("endless", calls=(1, 1))) as ecr:
        connection = http.client.HTTPConnection("127.0.0.1", ecr.port, timeout=60)
        arguments = {"repositoryName": "app", "layerDigests": ASKED}
        sent: list[Any] = []

        # The test sends botocore's signed request itself, because botocore would never stop reading the body.
        client = ecr.client(config=ONCE)

        def keep(request: Any, **_: Any) -> None:
            sent.append(request)
            raise InterruptedError

        client.meta.events.register("before-send.ecr.BatchCheckLayerAvailability", keep)
        with pytest.raises(InterruptedError):
            client.batch_check_layer_availability(**arguments)
        headers = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in sent[0].headers.items()
        }
        connection.request("POST", "/", body=sent[0].body, headers=headers)
        response = connection.getresponse()
        assert response.status == 200
        assert len(response.read(10_000_000)) == 10_000_000
        connection.close()
        assert words(ask(ecr)) == TRUTH


def test_latency_is_at_least_as_long_as_set() -> None:
    with serving(Fault("latency", ms=100), latency_ms=100, jitter_ms=20) as ecr:
        started = time.monotonic()
        ask(ecr)
        assert time.monotonic() - started >= 0.2
        ecr.set_latency(30_000)
        with pytest.raises(ReadTimeoutError):
            ask(ecr, config=ONCE.merge(Config(read_timeout=0.2)))


def test_a_script_chooses_calls_and_the_seed_repeats_the_random_faults() -> None:
    def run(seed: int) -> list[str]:
        faults = [Fault("expired_token", calls=(3, 4)), Fault("server_error", probability=0.4)]
        with serving(*faults, seed=seed) as ecr:
            client = ecr.client(config=ONCE)
            for _ in range(30):
                with contextlib.suppress(ClientError):
                    client.batch_check_layer_availability(repositoryName="app", layerDigests=ASKED)
            return [call.outcome for call in ecr.calls]

    first = run(1)
    assert first == run(1)
    assert first != run(2)
    assert [number for number, outcome in enumerate(first, 1) if outcome == "ExpiredTokenException"] == [3, 4]
    assert 3 < first.count("ServerException") < 25


def test_a_bad_fault_leaves_the_old_ones_in_place() -> None:
    with serving(Fault("server_error")) as ecr:
        with pytest.raises(ValueError, match="probability"):
            ecr.set_faults([Fault("shuffle", probability=7)])
        with pytest.raises(ClientError, match="ServerException"):
            ask(ecr)
