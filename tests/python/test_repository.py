"""References to a repository: each form in its parts, and what contradicts it refused."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

import layercheck as lc
from layercheck.repository import REGISTRY_SUFFIXES, Repository, parse_repository, resolve_repository
from layercheck.testing import LocalEcr

HEX = "ab" * 32
ACCOUNT = "123456789012"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("team/app", Repository("team/app"), id="name"),
        pytest.param(" team/app\n", Repository("team/app"), id="white-space"),
        pytest.param("app:v1", Repository("app", ignored=":v1"), id="name-with-tag"),
        pytest.param(
            f"my.team/app@sha256:{HEX}",
            Repository("my.team/app", ignored=f"@sha256:{HEX}"),
            id="name-with-digest",
        ),
        pytest.param(
            f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/team/app",
            Repository("team/app", ACCOUNT, "eu-west-1"),
            id="private-uri",
        ),
        pytest.param(
            f"https://{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn/app:v1@sha256:{HEX}",
            Repository("app", ACCOUNT, "cn-north-1", ignored=f":v1@sha256:{HEX}"),
            id="china-with-tag-and-digest",
        ),
        pytest.param(
            f"{ACCOUNT}.dkr.ecr-fips.us-gov-west-1.amazonaws.com/app",
            Repository("app", ACCOUNT, "us-gov-west-1"),
            id="fips",
        ),
        pytest.param(
            f"{ACCOUNT}.dkr-ecr.eu-west-1.on.aws/app",
            Repository("app", ACCOUNT, "eu-west-1"),
            id="dual-stack",
        ),
        pytest.param(
            f"{ACCOUNT}.dkr-ecr-fips.us-east-1.on.aws/app",
            Repository("app", ACCOUNT, "us-east-1"),
            id="dual-stack-fips",
        ),
        pytest.param(
            f"{ACCOUNT}.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk/app",
            Repository("app", ACCOUNT, "eu-isoe-west-1"),
            id="suffix-with-hyphen",
        ),
        pytest.param(
            f"HTTPS://{ACCOUNT}.DKR.ECR.EU-West-1.AmazonAWS.com:443/app/",
            Repository("app", ACCOUNT, "eu-west-1"),
            id="capitals-port-and-slash",
        ),
        pytest.param(
            "public.ecr.aws/docker/library/alpine:3",
            Repository("library/alpine", "docker", None, True, ":3"),
            id="public",
        ),
        pytest.param(
            "https://Gallery.ECR.aws/nginx/nginx",
            Repository("nginx", "nginx", None, True),
            id="gallery",
        ),
        pytest.param(
            f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/team/app",
            Repository("team/app", ACCOUNT, "eu-west-1"),
            id="arn",
        ),
        pytest.param(
            f"ecr.aws/arn:aws-iso-b:ecr:us-isob-east-1:{ACCOUNT}:repository/app:v1",
            Repository("app", ACCOUNT, "us-isob-east-1", ignored=":v1"),
            id="arn-behind-a-host",
        ),
        pytest.param(
            f"arn:aws:ecr-public::{ACCOUNT}:repository/app",
            Repository("app", ACCOUNT, None, True),
            id="public-arn",
        ),
        pytest.param(
            f"ARN:AWS:ECR:EU-West-1:{ACCOUNT}:Repository/team/app",
            Repository("team/app", ACCOUNT, "eu-west-1"),
            id="arn-in-capitals",
        ),
        pytest.param(
            f"ECR.aws/ARN:aws:ECR-Public::{ACCOUNT}:repository/app/",
            Repository("app", ACCOUNT, None, True),
            id="public-arn-in-capitals-behind-a-host",
        ),
        pytest.param(
            f"oci://{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com./team/app//",
            Repository("team/app", ACCOUNT, "eu-west-1"),
            id="oci-and-the-dot-of-the-root",
        ),
        pytest.param(
            f"docker://{ACCOUNT}.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk/team/app",
            Repository("team/app", ACCOUNT, "eu-isoe-west-1"),
            id="docker",
        ),
        pytest.param("oci://team/app", Repository("team/app"), id="oci-name"),
    ],
)
def test_each_form_of_a_reference_has_the_same_parts(text: str, expected: Repository) -> None:
    assert parse_repository(text) == expected
    assert resolve_repository(text) == expected


def test_the_hosts_of_every_partition_are_known() -> None:
    loader = botocore.session.get_session().get_component("data_loader")
    partitions = loader.load_data("partitions")["partitions"]
    plain = {partition["outputs"]["dnsSuffix"] for partition in partitions}
    dual_stack = {partition["outputs"]["dualStackDnsSuffix"] for partition in partitions}
    assert len(plain) > 1
    # An older botocore knows fewer partitions.
    assert plain | {f"on.{suffix.removeprefix('api.')}" for suffix in dual_stack} <= REGISTRY_SUFFIXES
    for suffix in REGISTRY_SUFFIXES:
        assert parse_repository(f"{ACCOUNT}.dkr.ecr.xx-some-1.{suffix}/app").region_name == "xx-some-1"


def test_the_registries_of_every_region_of_botocore_are_known() -> None:
    loader = botocore.session.get_session().get_component("data_loader")
    number = 0
    for partition in loader.load_data("partitions")["partitions"]:
        outputs = partition["outputs"]
        dual = f"on.{outputs['dualStackDnsSuffix'].removeprefix('api.')}"
        for region in partition["regions"]:
            if region.endswith("-global"):
                continue
            number += 1
            expected = Repository("team/app", ACCOUNT, region)
            for host in (
                f"{ACCOUNT}.dkr.ecr.{region}.{outputs['dnsSuffix']}",
                f"{ACCOUNT}.dkr.ecr-fips.{region}.{outputs['dnsSuffix']}",
                f"{ACCOUNT}.dkr-ecr.{region}.{dual}",
                f"{ACCOUNT}.dkr-ecr-fips.{region}.{dual}",
            ):
                assert parse_repository(f"{host}/team/app") == expected
                assert parse_repository(f"HTTPS://{host.upper()}/team/app/") == expected
            arn = f"arn:{partition['id']}:ecr:{region}:{ACCOUNT}:repository/team/app"
            assert parse_repository(arn) == parse_repository(f"ecr.aws/{arn}") == expected
    assert number > 30


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "repository_name is empty"),
        (" ", "repository_name is empty"),
        ("/", "not a repository name"),
        (":v1", "not a repository name"),
        ("my app", "not a repository name"),
        ("a\x1b[2J", "not a repository name"),
        ("Team/App", "did you mean 'team/app'"),
        ("t\u00e9am/app", "letters of ASCII only"),
        ("team/app,team/two", "has no comma; give one name at a time"),
        (f"sha256:{HEX}", "is a digest"),
        ("docker.io/library/alpine", "is not an ECR registry"),
        ("localhost:5000/app", "endpoint_url"),
        ("ftp://host/app", "is not an ECR registry"),
        (
            f"https://eu-west-1.console.aws.amazon.com/ecr/repositories/private/{ACCOUNT}/app",
            "'eu-west-1.console.aws.amazon.com' is not an ECR registry",
        ),
        ("public.ecr.aws/nginx", "names no repository"),
        ("public.ecr.aws//nginx", "names no repository"),
        (f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com", "names a registry but no repository"),
        (f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/:v1", "names a registry but no repository"),
        ("12345.dkr.ecr.eu-west-1.amazonaws.com/app", "expected <account id of 12 digits>"),
        (f"{ACCOUNT}.dkr.ecr.eu-west-1.example.com/app", "not known as one of ECR"),
        ("arn:aws:s3:::bucket", "arn:aws:ecr:<region>:<account>:repository/<name>"),
        ("ecr.aws/team/app", "not the ARN of a repository"),
    ],
)
def test_what_cannot_be_a_repository_says_what_to_pass(text: str, said: str) -> None:
    with pytest.raises(lc.InvalidParameterError) as caught:
        parse_repository(text)
    assert said in str(caught.value)
    assert str(caught.value).isprintable()
    for word in ("REPOSITORY", "INPUT", "--"):
        assert word not in str(caught.value)


def test_a_password_in_a_uri_is_refused_and_not_repeated() -> None:
    for scheme in ("", "https://"):
        with pytest.raises(lc.InvalidParameterError, match="user name or password") as caught:
            parse_repository(f"{scheme}AWS:hunter2@{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/app")
        assert "hunter2" not in str(caught.value)


PRIVATE = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/app"


@pytest.mark.parametrize(
    ("reference", "keywords", "said"),
    [
        (PRIVATE, {"registry_id": "210987654321"}, ("'123456789012'", "registry_id is '210987654321'")),
        (PRIVATE, {"region_name": "us-east-1"}, ("'eu-west-1'", "region_name is 'us-east-1'")),
        (PRIVATE, {"public": True}, ("private ECR", "leave public=True out")),
        ("public.ecr.aws/nginx/app", {"registry_id": "other"}, ("'nginx'", "registry_id is 'other'")),
    ],
    ids=["registry", "region", "public", "alias"],
)
def test_an_argument_that_contradicts_the_reference_is_refused(
    reference: str, keywords: dict[str, Any], said: tuple[str, str]
) -> None:
    with pytest.raises(lc.InvalidParameterError) as caught:
        resolve_repository(reference, **keywords)
    for words in said:
        assert words in str(caught.value)


def test_arguments_that_agree_or_add_are_joined() -> None:
    agreed = resolve_repository(PRIVATE, registry_id=ACCOUNT, region_name="eu-west-1")
    assert agreed == parse_repository(PRIVATE)
    added = resolve_repository("app", registry_id=ACCOUNT, region_name="eu-west-1")
    assert added == agreed
    public = resolve_repository("public.ecr.aws/nginx/app", public=True, region_name="us-west-2")
    assert public == Repository("app", "nginx", "us-west-2", True)


@pytest.mark.parametrize(
    "name", ["team/*", "*", "team/a?p", f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/t[ab]"]
)
def test_a_check_of_layers_takes_no_pattern_and_sends_nothing(name: str) -> None:
    with LocalEcr({"team/app": []}) as ecr:
        with pytest.raises(lc.InvalidParameterError, match="which is a pattern; name one repository"):
            lc.check([f"sha256:{HEX}"], name, session=ecr.session(), endpoint_url=ecr.endpoint_url)
        assert ecr.counters.calls == 0
