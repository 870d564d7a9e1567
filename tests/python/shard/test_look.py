"""The first worker looks whether the settings work, before all others start."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import pytest

import layercheck as lc
from fake_account import TOKEN
from layercheck import shard
from layercheck.testing import Fault, LocalEcr


def _settings(ecr: LocalEcr, **given: Any) -> shard.Settings:
    return shard.Settings(
        **{"repository_name": "app", "region_name": "us-east-1", "endpoint_url": ecr.endpoint_url, **given}
    )


@pytest.mark.parametrize(
    ("given", "rate"),
    [({}, 500.0), ({"rate": 20}, 20.0), ({"rate": "quota"}, 1000.0), ({"public": True}, 100.0)],
)
def test_a_look_asks_once_and_tells_the_rate(given: dict[str, Any], rate: float) -> None:
    with LocalEcr(["app"], region_name=None) as ecr:
        settings = _settings(ecr, **given)
        seen = shard.look(settings)
        assert ecr.counters.digests == 1
        assert shard.Look.from_json(seen.to_json()) == seen
        assert pickle.loads(pickle.dumps(seen)) == seen  # noqa: S301 (our own)
        accepted = shard.accept(settings, seen)
    assert accepted.rate == seen.rate == rate
    assert accepted.region_name == "us-east-1"
    assert accepted.asked_url == ecr.endpoint_url


def test_region_and_endpoint_of_the_first_worker_hold_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    with LocalEcr(["app"], region_name=None) as ecr:
        settings = shard.Settings("app", endpoint_url=ecr.endpoint_url)
        accepted = shard.accept(settings, shard.look(settings))
    assert settings.region_name is None
    assert accepted.region_name == "eu-west-3"


def test_a_query_in_the_endpoint_of_a_worker_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalEcr(["app"], region_name=None) as ecr:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"{ecr.endpoint_url}/?token={TOKEN}")
        seen = shard.look(shard.Settings("app", region_name="us-east-1"))
    assert TOKEN not in seen.to_json()


@pytest.mark.parametrize(
    ("given", "faults", "error"),
    [
        ({"repository_name": "nope"}, [], lc.RepositoryNotFoundError),
        ({}, [Fault("access_denied")], lc.AccessDeniedError),
        ({"session": "no-such-profile"}, [], lc.CredentialsError),
        ({"endpoint_url": "http://127.0.0.1:1"}, [], lc.EndpointError),
    ],
)
def test_a_dead_end_is_raised_by_the_driver_as_our_class(
    given: dict[str, Any], faults: list[Fault], error: type[Exception]
) -> None:
    with LocalEcr(["app"], region_name=None, faults=faults) as ecr:
        settings = _settings(ecr, **given)
        seen = shard.Look.from_json(shard.look(settings).to_json())
        with pytest.raises(error) as raised:
            shard.accept(settings, seen)
        with pytest.raises(error) as direct:
            lc.check(
                ["0" * 64],
                settings.repository_name,
                region_name="us-east-1",
                endpoint_url=settings.endpoint_url,
                profile_name=settings.session_name,
            )
    assert str(raised.value) == str(direct.value)


def test_a_worker_with_another_version_is_refused() -> None:
    with LocalEcr(["app"], region_name=None) as ecr:
        settings = _settings(ecr)
        seen = replace(shard.look(settings), version="0.0.1")
    with pytest.raises(lc.InvalidParameterError) as refused:
        shard.accept(settings, seen)
    assert "the worker has layercheck 0.0.1" in str(refused.value)
    assert f"and the driver {lc.__version__}" in str(refused.value)
