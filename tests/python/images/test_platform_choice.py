"""A chosen platform that no index has: the verdicts stay, and a note says so."""

from __future__ import annotations

import json

import pytest

import layercheck as lc
from layercheck.testing import LocalEcr
from made_images import FAST, INDEX, REPOSITORY, check, index, manifest, put


def multi(*platforms: str) -> str:
    """An index of one image for each platform, and of an attestation."""
    document = json.loads(index(*(manifest(each) for each in platforms), manifest("statement")))
    names = ("os", "architecture", "variant")
    for child, each in zip(document["manifests"], (*platforms, "unknown/unknown"), strict=True):
        child["platform"] = dict(zip(names, each.split("/"), strict=False))
    document["manifests"][-1]["annotations"] = {"vnd.docker.reference.type": "attestation-manifest"}
    return json.dumps(document)


def put_multi(ecr: LocalEcr, *platforms: str, repository: str = REPOSITORY) -> None:
    for each in (*platforms, "statement"):
        put(ecr, manifest(each), repository=repository)
    ecr.put_image(repository, multi(*platforms), ["multi"], media_type=INDEX, force=True)


def said(report: lc.ImageReport) -> list[str]:
    return [note for note in report.notes if note.startswith("no index")]


@pytest.mark.parametrize("target", [REPOSITORY, f"{REPOSITORY}:multi", "team/*"])
def test_a_platform_that_no_index_has_is_said_with_those_that_there_are(target: str) -> None:
    with LocalEcr({}) as ecr:
        put_multi(ecr, "linux/amd64", "linux/arm/v7")
        report = check(ecr, target, platforms=["linux/amd65"])
        assert report.counts["complete"] == report.images
        (note,) = said(report)
        assert (
            note
            == "no index that was read has an image for linux/amd65; there are: linux/amd64, linux/arm/v7"
        )
        assert not said(check(ecr, target))


@pytest.mark.parametrize(
    "chosen", ["linux/amd64", "linux/x86_64", "LINUX/amd64", "linux/arm", "linux/arm/v7"]
)
def test_a_platform_that_an_index_has_in_any_spelling_needs_no_note(chosen: str) -> None:
    with LocalEcr({}) as ecr:
        put_multi(ecr, "linux/amd64", "linux/arm")
        assert not said(check(ecr, platforms=[chosen]))


def test_one_repository_that_has_the_platform_is_enough() -> None:
    with LocalEcr({}) as ecr:
        put_multi(ecr, "linux/amd64")
        put_multi(ecr, "windows/amd64", repository="team/windows")
        assert not said(check(ecr, "team/*", platforms=["windows/amd64", "linux/amd64"]))
        (note,) = said(check(ecr, "team/*", platforms=["windows/amd64", "linux/s390x", "linux/amd66"]))
        assert "an image for linux/s390x or linux/amd66; there are: " in note


def test_many_platforms_are_cut_and_images_without_an_index_say_nothing() -> None:
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a"), "v1")
        assert not said(check(ecr, platforms=["linux/amd65"]))
        put_multi(ecr, *(f"linux/made-up-{number}" for number in range(30)))
        (note,) = said(check(ecr, platforms=["linux/amd65"]))
        assert note.endswith(" and 20 more")


def test_a_stream_says_it_to_whoever_takes_notes() -> None:
    lines: list[str] = []
    with LocalEcr({}) as ecr:
        put_multi(ecr, "linux/amd64")
        with lc.ImageChecker(
            REPOSITORY, client=ecr.client(), platforms=["linux/amd65"], _note=lines.append, **FAST
        ) as checker:
            (report,) = checker.stream()
    assert report.counts["complete"] == 3
    assert lines[-1].startswith("no index that was read has an image for linux/amd65")
