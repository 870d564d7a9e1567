"""Which repositories and images a target names."""

from __future__ import annotations

import pytest

import layercheck as lc
from layercheck.images.targets import ImageTarget, parse_target, parse_targets

DIGEST = "sha256:" + "ab" * 32
HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
PLACE = {"registry_id": "123456789012", "region_name": "eu-west-1"}

TARGETS = {
    "a name": ("team/app", ImageTarget("team/app")),
    "a pattern": ("team/*", ImageTarget("team/*")),
    "a name with a tag": ("team/app:v1.2", ImageTarget("team/app", tag="v1.2")),
    "a name with a digest": (f"app@{DIGEST}", ImageTarget("app", digest=DIGEST)),
    "a tag beside a digest": (f"app:v1@{DIGEST}", ImageTarget("app", digest=DIGEST)),
    "a URI": (f"{HOST}/team/app", ImageTarget("team/app", **PLACE)),
    "a URI with a scheme": (f"https://{HOST}/app:v1", ImageTarget("app", tag="v1", **PLACE)),
    "a pattern in a registry": (f"{HOST}/team/*", ImageTarget("team/*", **PLACE)),
    "a registry": (HOST, ImageTarget("*", **PLACE)),
    "a registry as a URL": (f"https://{HOST}/", ImageTarget("*", **PLACE)),
    "an ARN": ("arn:aws:ecr:eu-west-1:123456789012:repository/a/b", ImageTarget("a/b", **PLACE)),
}


@pytest.mark.parametrize(("text", "target"), TARGETS.values(), ids=TARGETS)
def test_a_target_names_repositories_and_images(text: str, target: ImageTarget) -> None:
    assert parse_target(text) == target


REFUSED = {
    "a path of a file": ("./image.tar", "is a path and no repository"),
    "a pattern with a tag": ("team/*:v1", "a pattern with a tag or digest"),
    "a colon without a tag": ("app:", "ends with a colon"),
    "another algorithm": ("app@sha512:abcd", "64 lower-case hex digits"),
    "ECR Public": ("public.ecr.aws/nginx/nginx", "no operation that reads manifests"),
    "another registry": ("ghcr.io/team/app", "only ECR has this operation"),
    "nothing": ("", "is empty"),
    "capitals": ("Team/App", "lower case"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_a_target_that_cannot_be_is_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(lc.InvalidParameterError, match=said):
        parse_target(text)


def test_a_number_is_not_a_target() -> None:
    with pytest.raises(TypeError, match="a target is a int; expected a str"):
        parse_target(12)


def test_targets_of_two_regions_are_not_one_check() -> None:
    other = HOST.replace("eu-west-1", "us-east-1")
    with pytest.raises(lc.InvalidParameterError, match=r"several regions: eu-west-1, us-east-1; check them"):
        parse_targets([f"{HOST}/app", f"{other}/app"])


def test_no_target_is_refused() -> None:
    with pytest.raises(lc.InvalidParameterError, match="no target is given"):
        parse_targets([])


def test_a_pattern_matches_whole_names_and_its_case() -> None:
    target = parse_target("team/*")
    assert [each for each in ("team/app", "team/a/b", "other/team/app", "team") if target.matches(each)] == [
        "team/app",
        "team/a/b",
    ]
