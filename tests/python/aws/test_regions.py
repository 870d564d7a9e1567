"""Which region is asked, where it comes from, and which host a message shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config

import layercheck as lc
from dispatch.scripted_server import ScriptedServer, fault
from layercheck.cli.error_messages import explain

ROWS = ["sha256:" + "a0" * 32]
URI = "123456789012.dkr.ecr.sa-east-1.amazonaws.com/team/app"


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    return monkeypatch


def region(repository: str = "team/app", **options: Any) -> str | None:
    with lc.Checker(repository, **options) as checker:
        return checker.target.region_name


def test_aws_region_is_taken_where_nothing_else_names_a_region(
    nowhere: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(lc.EndpointError, match="NoRegionError"):
        region()
    nowhere.setenv("AWS_REGION", "ap-south-1")
    assert region() == "ap-south-1"
    assert region(session=boto3.Session()) == "ap-south-1"
    # What names a region more closely goes first, in the order of boto3.
    (tmp_path / "config").write_text("[profile mine]\nregion = eu-north-1\n")
    nowhere.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert region(profile_name="mine") == "eu-north-1"
    nowhere.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert region(profile_name="mine") == "eu-west-3"
    assert region(session=boto3.Session(region_name="us-west-1")) == "us-west-1"
    assert region(region_name="ca-central-1") == "ca-central-1"
    assert region(URI) == "sa-east-1"
    nowhere.setenv("AWS_REGION", "")
    nowhere.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(lc.EndpointError, match="NoRegionError"):
        region()


def test_aws_region_chooses_among_the_regions_of_ecr_public(nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AWS_REGION", "us-west-2")
    assert region(public=True) == "us-west-2"
    nowhere.setenv("AWS_REGION", "eu-west-1")
    assert region(public=True) == "us-east-1"


def not_found(url: str, **options: Any) -> lc.LayercheckError:
    with pytest.raises(lc.RepositoryNotFoundError) as caught:
        lc.check(ROWS, "team/app", endpoint_url=url, **options)
    return caught.value


def test_an_aws_region_that_was_not_taken_is_mentioned(nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AWS_REGION", "ap-south-1")
    said = "AWS_REGION says 'ap-south-1'; boto3 takes AWS_DEFAULT_REGION and the profile's region first"
    with ScriptedServer(lambda _: fault("RepositoryNotFoundException", "no such repository")) as server:
        assert "AWS_REGION" not in str(not_found(server.url))
        nowhere.setenv("AWS_DEFAULT_REGION", "eu-west-3")
        error = not_found(server.url)
        assert f"{said}, here 'eu-west-3'" in str(error)
        keywords = dict.fromkeys(("registry_id", "region_name", "profile_name", "endpoint_url"))
        assert said in str(explain(error, {**keywords, "public": False}))
        assert "AWS_REGION" not in str(not_found(server.url, region_name="eu-west-3"))
        assert "AWS_REGION" not in str(not_found(server.url, public=True))
        nowhere.setenv("AWS_REGION", "eu-west-3")
        assert "AWS_REGION" not in str(not_found(server.url))


VARIANTS = {
    "plain": Config(),
    "FIPS": Config(use_fips_endpoint=True),
    "dual stack": Config(use_dualstack_endpoint=True),
    "both": Config(use_fips_endpoint=True, use_dualstack_endpoint=True),
}


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("name", ["us-east-1", "us-gov-west-1", "eu-west-1", "cn-north-1"])
def test_the_host_that_is_shown_is_the_host_that_is_asked(name: str, config: Config) -> None:
    asked: list[str] = []

    class StoppedError(Exception):
        pass

    def stop(request: Any, **_: object) -> None:
        asked.append(request.url.rstrip("/"))
        raise StoppedError

    session = boto3.Session()
    client: Any = session.client("ecr", region_name=name, config=config)
    client.meta.events.register("before-send", stop)
    with pytest.raises(StoppedError):
        client.batch_check_layer_availability(repositoryName="team/app", layerDigests=ROWS)
    for options in ({"client": client}, {"session": session, "region_name": name, "config": config}):
        with lc.Checker("team/app", **options) as checker:
            assert checker.target.endpoint_url == asked[0]


def test_an_endpoint_that_was_given_is_shown_as_it_was_given() -> None:
    for url in ("http://127.0.0.1:9", "http://127.0.0.1:9/path/", "https://me:secret@ecr.example"):
        with lc.Checker("team/app", endpoint_url=url) as checker:
            assert checker.target.endpoint_url == url.replace("me:secret", "***")


def test_the_region_of_every_partition_makes_a_client() -> None:
    loader = botocore.session.get_session().get_component("data_loader")
    for partition in loader.load_data("partitions")["partitions"]:
        name = next(each for each in partition["regions"] if not each.endswith("-global"))
        with lc.Checker("team/app", region_name=name) as checker:
            assert str(checker.target.endpoint_url).endswith(partition["outputs"]["dnsSuffix"])
