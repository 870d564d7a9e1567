"""Clients: those of the caller stay unchanged, those of layercheck have explicit settings."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any
from urllib.parse import quote

import boto3
import botocore.session
import pytest
from botocore.config import Config

import layercheck as lc
from dispatch.scripted_server import Asked, Reply, ScriptedServer, fault, good
from fake_account import digests
from layercheck.aws.client import PUBLIC_REGIONS
from layercheck.aws.service_quotas import QUOTAS
from layercheck.limits import DEFAULT_MAX_IN_FLIGHT

ROWS = digests(500)


def test_a_callers_client_is_not_modified() -> None:
    with ScriptedServer(
        lambda a: fault("ServerException", status=500) if a.number == 1 else good(a)
    ) as server:
        client: Any = boto3.client("ecr", endpoint_url=server.url)
        client.describe_repositories  # noqa: B018 (the first use of a method fills botocore's caches)
        registered = str(vars(client.meta.events._emitter)["_handlers"]._root)
        config, session = copy.copy(vars(client.meta.config)), client._endpoint.http_session
        ask = {"repositoryName": "team/app", "layerDigests": ROWS[:3]}
        said = client.batch_check_layer_availability(**ask)
        attributes = set(vars(client))
        with lc.Checker("team/app", client=client) as checker:
            assert checker.check(ROWS).complete
        assert str(vars(client.meta.events._emitter)["_handlers"]._root) == registered
        assert vars(client.meta.config) == config
        assert client._endpoint.http_session is session
        assert set(vars(client)) == attributes
        # The client still works, because it was not closed, and returns the same answer as before.
        again = client.batch_check_layer_availability(**ask)
        assert {**again, "ResponseMetadata": 0} == {**said, "ResponseMetadata": 0}
        assert again["ResponseMetadata"].keys() == said["ResponseMetadata"].keys()
        client.close()


def made(**options: Any) -> Any:
    with lc.Checker("team/app", **options) as checker:
        client: Any = checker._connection.client
        return client.meta.config


def test_an_owned_client_has_explicit_retries_timeouts_and_a_pool_for_every_slot() -> None:
    config = made(max_in_flight=77)
    assert config.retries == {"mode": "standard", "total_max_attempts": 1}
    assert (config.connect_timeout, config.read_timeout) == (5, 30)
    assert config.max_pool_connections == 77
    assert made().max_pool_connections == DEFAULT_MAX_IN_FLIGHT


def test_a_value_in_the_callers_config_wins() -> None:
    config = made(
        config=Config(
            retries={"mode": "adaptive", "total_max_attempts": 4},
            read_timeout=7,
            max_pool_connections=5,
            user_agent_extra="caller/1",
        )
    )
    assert config.retries["total_max_attempts"] == 4
    assert config.retries["mode"] == "adaptive"
    assert (config.read_timeout, config.connect_timeout) == (7, 5)
    assert config.max_pool_connections == 5
    assert config.user_agent_extra == f"caller/1 layercheck/{lc.__version__}"


def test_the_sessions_config_wins_over_layerchecks_and_loses_to_the_arguments() -> None:
    inner = botocore.session.get_session()
    inner.set_default_client_config(Config(read_timeout=11, connect_timeout=12))
    session = boto3.Session(botocore_session=inner)
    config = made(session=session, config=Config(connect_timeout=13))
    assert (config.read_timeout, config.connect_timeout) == (11, 13)


def test_a_pool_smaller_than_the_slots_limits_the_calls_at_once() -> None:
    with lc.Checker("team/app", config=Config(max_pool_connections=3), max_in_flight=50) as checker:
        assert checker.max_in_flight == 3


def test_the_user_agent_names_layercheck_and_keeps_the_sdk() -> None:
    with ScriptedServer() as server:
        lc.check(ROWS, "team/app", endpoint_url=server.url)
    agent = server.asked[0].headers["user-agent"]
    assert f"layercheck/{lc.__version__}" in agent
    assert agent.startswith("Boto3/")
    assert "Botocore" in agent


def test_certificates_are_verified_unless_the_caller_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with lc.Checker("team/app") as checker:
        client: Any = checker._connection.client
        assert client._endpoint.http_session.inner._verify is True


@pytest.mark.parametrize(
    "options",
    [
        {"region_name": "eu-west-1"},
        {"profile_name": "default"},
        {"endpoint_url": "http://127.0.0.1:1"},
        {"config": Config()},
        {"session": boto3.Session(region_name="eu-west-1")},
    ],
    ids=lambda options: next(iter(options)),
)
def test_a_client_excludes_the_arguments_that_create_one(options: Any) -> None:
    client = boto3.client("ecr")
    with pytest.raises(ValueError, match=f"client and {next(iter(options))} given"):
        lc.Checker("team/app", client=client, **options)
    client.close()


def test_a_client_of_the_other_service_is_refused() -> None:
    private, public = boto3.client("ecr"), boto3.client("ecr-public", region_name="us-east-1")
    with pytest.raises(ValueError, match="leave public=True out"):
        lc.Checker("team/app", client=private, public=True)
    with pytest.raises(ValueError, match="pass public=True"):
        lc.Checker("team/app", client=public)
    other: Any = boto3.client("s3")
    with pytest.raises(ValueError, match="without batch_check_layer_availability"):
        lc.Checker("team/app", client=other)


ACCOUNT = "123456789012"


@pytest.mark.parametrize(
    ("reference", "name", "registry_id", "region_name", "public"),
    [
        (
            f"{ACCOUNT}.dkr.ecr.us-east-2.amazonaws.com/team/app:v1",
            "team/app",
            ACCOUNT,
            "us-east-2",
            False,
        ),
        (f"arn:aws:ecr:us-east-2:{ACCOUNT}:repository/app", "app", ACCOUNT, "us-east-2", False),
        ("public.ecr.aws/alias/team/app@sha256:" + "ab" * 32, "team/app", "alias", "us-east-1", True),
    ],
    ids=["uri", "arn", "public"],
)
def test_a_uri_or_an_arn_names_registry_region_and_service(
    reference: str, name: str, registry_id: str, region_name: str, public: bool
) -> None:
    with lc.Checker(reference) as checker:
        target = checker.target
        assert (target.repository_name, target.registry_id) == (name, registry_id)
        assert (target.region_name, target.public) == (region_name, public)
        client: Any = checker._connection.client
        assert client.meta.service_model.service_name == ("ecr-public" if public else "ecr")
        assert client.meta.region_name == region_name
        assert checker.rate == (100 if public else 500)


@pytest.mark.parametrize("transport", ["plain", "slim", "wire", "native"])
def test_calls_for_a_uri_ask_its_registry_by_the_bare_name(transport: Any) -> None:
    uri = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/team/app:v1"
    with ScriptedServer() as server:
        assert lc.check(ROWS, uri, endpoint_url=server.url, transport=transport).complete
    assert {(asked.repository, asked.registry) for asked in server.asked} == {("team/app", ACCOUNT)}


def test_a_uri_and_a_client_of_another_region_are_refused() -> None:
    client = boto3.client("ecr", region_name="us-east-1")
    uri = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/app"
    with pytest.raises(lc.InvalidParameterError, match="region 'eu-west-1' and client is for 'us-east-1'"):
        lc.Checker(uri, client=client)
    with lc.Checker(uri.replace("eu-west-1", "us-east-1"), client=client) as checker:
        assert checker.target.registry_id == ACCOUNT
    with pytest.raises(lc.InvalidParameterError, match="repository_name is in ECR Public"):
        lc.Checker("public.ecr.aws/alias/app", client=client)
    public = boto3.client("ecr-public", region_name="us-east-1")
    with pytest.raises(lc.InvalidParameterError, match="repository_name is in private ECR"):
        lc.Checker(uri, client=public)


@pytest.mark.parametrize("name", [None, 5, b"team/app"], ids=["none", "number", "bytes"])
def test_a_repository_name_of_another_type_is_refused(name: Any) -> None:
    with pytest.raises(TypeError, match=r"repository_name is a .*; expected a str"):
        lc.Checker(name)


def test_an_account_id_as_a_number_is_refused_for_its_leading_zeros() -> None:
    number: Any = 12345678901
    with pytest.raises(TypeError, match="leading zeros"):
        lc.Checker("team/app", registry_id=number)


@pytest.mark.parametrize("registry_id", ["12345678901", "1234567890123", "12345678901x", "", "١٢٣٤٥٦٧٨٩٠١٢"])
def test_a_private_registry_has_twelve_digits(registry_id: str) -> None:
    with pytest.raises(ValueError, match="12 digits"):
        lc.Checker("team/app", registry_id=registry_id)


def test_without_a_region_there_is_no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(lc.EndpointError, match="pass region_name"):
        lc.Checker("team/app")


def test_a_profile_that_does_not_exist_is_a_credentials_error() -> None:
    with pytest.raises(lc.CredentialsError, match="missing-profile"):
        lc.Checker("team/app", profile_name="missing-profile")


def test_an_endpoint_that_is_not_a_url_is_refused() -> None:
    with pytest.raises(ValueError, match="not-a-url"):
        lc.Checker("team/app", endpoint_url="not-a-url")


def test_public_goes_to_us_east_1_without_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    with lc.Checker("team/app", public=True) as checker:
        assert checker.target.region_name == "us-east-1"
    with lc.Checker("team/app", public=True, region_name="us-west-2") as checker:
        assert checker.target.region_name == "us-west-2"
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with lc.Checker("team/app", public=True) as checker:
        assert checker.target.region_name == "us-east-1"
    with pytest.raises(ValueError, match="ECR Public has no endpoint in eu-west-1"):
        lc.Checker("team/app", public=True, region_name="eu-west-1")


def test_the_public_regions_are_botocores() -> None:
    found = botocore.session.get_session().get_available_regions("ecr-public")
    assert tuple(sorted(found)) == PUBLIC_REGIONS


def test_the_target_shows_no_password_of_an_endpoint() -> None:
    with lc.Checker("team/app", endpoint_url="http://user:hunter2@127.0.0.1:9/") as checker:
        assert "hunter2" not in repr(checker) + repr(checker.target)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), "fast", True, [], "12"])
def test_an_invalid_rate_is_refused(rate: Any) -> None:
    with pytest.raises(ValueError, match="rate is"):
        lc.Checker("team/app", rate=rate)


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        ({}, 500.0),
        ({"public": True}, 100.0),
        ({"rate": 12.5}, 12.5),
        ({"rate": "max"}, None),
    ],
    ids=str,
)
def test_the_rate_is_half_the_default_quota_unless_given(options: Any, rate: float | None) -> None:
    with lc.Checker("team/app", **options) as checker:
        assert checker.rate == rate


@pytest.mark.parametrize("max_in_flight", [0, -3])
def test_at_least_one_call_must_be_allowed(max_in_flight: int) -> None:
    with pytest.raises(ValueError, match="max_in_flight"):
        lc.Checker("team/app", max_in_flight=max_in_flight)


@pytest.mark.parametrize(
    ("replies", "rate"),
    [
        ({"GetServiceQuota": 2500.0}, 2500.0),
        ({"GetAWSDefaultServiceQuota": 800.0}, 800.0),
        ({"GetServiceQuota": -1.0, "GetAWSDefaultServiceQuota": 900.0}, 900.0),
        ({}, 1000.0),
    ],
    ids=["the account's", "the default one", "nonsense first", "denied"],
)
def test_the_quota_is_asked_for_and_never_required(
    monkeypatch: pytest.MonkeyPatch, replies: dict[str, float], rate: float, caplog: pytest.LogCaptureFixture
) -> None:
    bodies = {
        operation: Reply(body=f'{{"Quota": {{"Value": {value}}}}}'.encode())
        for operation, value in replies.items()
    }
    seen: list[str] = []

    def script(asked: Asked) -> Reply:
        seen.append(asked.headers["x-amz-target"].rpartition(".")[2])
        return bodies.get(seen[-1], fault("AccessDeniedException"))

    with ScriptedServer(script, any_target=True) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", server.url)
        with lc.Checker("team/app", rate="quota") as checker:
            assert checker.rate == rate
    assert seen[0] == "GetServiceQuota"
    assert bool(caplog.records) == (not replies)


def test_no_line_on_the_quota_shows_a_secret_that_was_repeated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def echo(asked: Asked) -> Reply:
        return fault(
            "AccessDeniedException", f"You are {quote(quote(asked.headers['x-amz-security-token']))}!"
        )

    monkeypatch.setenv("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2Vj/w+0123456789/abcdefghijklmnop")
    with ScriptedServer(echo, any_target=True) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", server.url)
        lc.Checker("team/app", rate="quota").close()
    assert "You are ***!" in caplog.text


def test_each_service_has_one_quota_with_its_source() -> None:
    assert set(QUOTAS) == {"ecr", "ecr-public"}
    for quota in QUOTAS.values():
        assert quota.code.startswith("L-")
        assert quota.source.startswith("https://docs.aws.amazon.com/AmazonECR/")


def test_importing_layercheck_loads_neither_boto3_nor_numpy() -> None:
    code = (
        "import sys, layercheck\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'boto3', 'botocore', 'urllib3', 'numpy', 'tqdm', 'ctypes', 'asyncio'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
