"""`layercheck images`: an audit of nothing, choices that do nothing, and advice after a failure."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import layercheck as lc
from layercheck.testing import LocalEcr
from made_images import REPOSITORY, manifest, put

from .conftest import Layercheck


@pytest.fixture
def images() -> Iterator[LocalEcr]:
    with LocalEcr({"team/empty": ()}, region_name="eu-west-1") as ecr:
        put(ecr, manifest("a", "b"), "v1", "latest")
        yield ecr


NOTHING = {
    "all excluded": (("team/*", "--exclude", "*"), "--exclude leaves out every repository"),
    "an empty repository": (("team/empty",), "the repository has no images"),
    "no such tag": (("team/*", "--tag", "zz*"), "none passes --tag, or the repositories are empty"),
    "no such tag in one": ((REPOSITORY, "--tag", "zz*"), "none passes --tag, or the repository is empty"),
}


@pytest.mark.parametrize(("words", "why"), NOTHING.values(), ids=NOTHING)
@pytest.mark.parametrize("quiet", [(), ("-q",)], ids=["", "quiet"])
def test_an_audit_of_nothing_ends_with_zero_and_says_why_unless_it_is_quiet(
    quiet: tuple[str, ...], words: tuple[str, ...], why: str, images: LocalEcr, layercheck: Layercheck
) -> None:
    ended = layercheck("images", "--endpoint-url", images.endpoint_url, *words, *quiet)
    assert ended.code == 0
    if quiet:
        assert ended.err == ""
    else:
        assert f"no image was checked: {why}" in ended.err


def test_an_empty_registry_is_said_to_be_empty(layercheck: Layercheck) -> None:
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        ended = layercheck("images", "--endpoint-url", ecr.endpoint_url, "--all")
    assert (ended.code, "no image was checked: the registry has no repositories" in ended.err) == (0, True)


def test_a_choice_that_does_not_concern_a_named_image_is_said_to_be_ignored(
    images: LocalEcr, layercheck: Layercheck
) -> None:
    said = "team/app:v1 is named itself, so that it is checked whatever the choice by tags"
    command = ("images", "--endpoint-url", images.endpoint_url)
    ended = layercheck(*command, f"{REPOSITORY}:v1", "--tag", "v2*")
    assert (ended.code, said in ended.err) == (0, True)
    assert said not in layercheck(*command, f"{REPOSITORY}:v1").err
    assert said not in layercheck(*command, REPOSITORY, "--tag", "v1").err
    report = lc.check_images(f"{REPOSITORY}:v1", tags=["v2*"], client=images.client())
    assert (report.images, any(said in note for note in report.notes)) == (1, True)


def test_a_repository_that_does_not_exist_is_not_advised_to_be_asked_again(
    images: LocalEcr, layercheck: Layercheck
) -> None:
    ended = layercheck("images", "--endpoint-url", images.endpoint_url, "team/*", "nosuch")
    assert ended.code == 4
    last = ended.err.splitlines()[-1]
    assert last == "layercheck: 1 repository does not exist; check its name, the region and the registry"


def test_missing_credentials_come_with_what_to_do(layercheck: Layercheck, images: LocalEcr) -> None:
    without = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))
    for words in ((REPOSITORY,), ("--all",), (REPOSITORY, "--dry-run")):
        ended = layercheck("images", "--endpoint-url", images.endpoint_url, *words, env=without)
        assert ended.code == 1
        assert "Unable to locate credentials; set up credentials (aws configure" in ended.err
        assert "--profile" in ended.err
