"""Names, tags and platforms of 300 characters, hostile text, and findings by the thousand, in a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import boto3
import pytest

import layercheck as lc
from layercheck.images.image_progress import ImageProgress
from layercheck.images.progress_display import progress_line
from layercheck.testing import ImageRule, LocalEcr
from layout.archives import Oci, digest_of, named, packed_layer
from made_images import REPOSITORY, manifest, put

from .conftest import Layercheck

LONG = "x" * 300


@pytest.fixture
def long_platform(tmp_path: Path) -> Path:
    """Two images, one of them for a platform with a long name."""
    oci = Oci()
    usual = oci.image(packed_layer("a"), **named("team/app:v1"))
    odd = oci.image(packed_layer("b"), architecture="a" * 300, **named(LONG))
    oci.index(usual, odd)
    oci.blob(b"", "text/plain")
    return oci.folder(tmp_path / "layout")


@pytest.mark.parametrize("width", ["80", "200"])
def test_a_long_platform_takes_no_column_from_a_layout(
    width: str, layercheck: Layercheck, long_platform: Path
) -> None:
    ended = layercheck("layout", long_platform, env={"COLUMNS": width})
    lines = ended.out.splitlines()
    assert ["image", "platform", "layers", "size"] in [line.split() for line in lines]
    assert max(map(len, lines)) <= int(width)
    assert len(lines) < 15
    assert "linux/aaaa" in ended.out
    assert LONG not in ended.out


def test_a_missing_blob_is_a_line_that_fits_into_80_columns(
    layercheck: Layercheck, long_platform: Path
) -> None:
    blob = next((long_platform / "blobs" / "sha256").glob(digest_of(packed_layer("a"))[7:]))
    size = blob.stat().st_size
    blob.unlink()
    ended = layercheck("layout", long_platform)
    assert f"{digest_of(packed_layer('a'))}  {size} B" in ended.out.splitlines()


def test_long_names_and_many_platforms_are_cut_in_a_push_plan(layercheck: Layercheck, tmp_path: Path) -> None:
    oci = Oci()
    shared = packed_layer("shared")
    children = [
        oci.image(shared, packed_layer(name), platform={"os": "linux", "architecture": name + "a" * 40})
        for name in "abcdef"
    ]
    oci.index({**oci.list(*children), **named(LONG)}, oci.image(shared, **named("two")))
    folder = oci.folder(tmp_path / "layout")
    ended = layercheck("push-plan", folder, REPOSITORY, "--dry-run")
    assert ended.code == 0
    assert LONG not in ended.out
    assert "and 4 more" in " ".join(ended.out.split())
    assert "two" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


def test_ten_thousand_broken_images_fill_one_screen(layercheck: Layercheck) -> None:
    rules = {"a/one": ImageRule(10_000, layers=1, broken=10_000), "b/two": ImageRule(30, layers=1, broken=7)}
    with LocalEcr(rules, region_name="eu-west-1") as ecr:
        ended = layercheck(
            "images", "--all", "--endpoint-url", ecr.endpoint_url, "--no-confirm", "--image-rate", "max"
        )
    lines = ended.out.splitlines()
    assert ended.code == 3
    assert len(lines) < 50
    assert ["a/one", "10,000", "10,000"] in [line.split() for line in lines]
    assert ["b/two", "7", "30"] in [line.split() for line in lines]
    assert "broken images, 20 of 10,007" in lines


def test_an_option_that_no_image_passes_is_named(layercheck: Layercheck) -> None:
    with LocalEcr({REPOSITORY: ImageRule(3, layers=1)}, region_name="eu-west-1") as ecr:
        at = ("images", REPOSITORY, "--endpoint-url", ecr.endpoint_url)
        ended = layercheck(*at, "--tag", "v[", "--untagged")
        assert (ended.code, "none passes --tag, --tagged or --untagged" in ended.err) == (0, True)
        assert layercheck(*at, "--tag", "v[", "-q").err == ""
        assert "none passes" not in layercheck(*at).err


def test_text_beyond_ascii_is_not_cut() -> None:
    session = boto3.Session("AKIDEXAMPLE", "a secret", region_name="us-east-1")

    def rename(parsed: dict[str, object], **_: object) -> None:
        for image in parsed["imageDetails"]:  # type: ignore[attr-defined]
            image["imageTags"] = ["\u200b\u2066x", "漢字" * 20]

    session.events.register("after-call.ecr.DescribeImages", rename)
    with LocalEcr({REPOSITORY: ()}) as ecr:
        put(ecr, manifest("a"), "v1")
        report = lc.check_images(REPOSITORY, session=session, endpoint_url=ecr.endpoint_url)
    (image,) = report.find("complete")
    assert image.tags == ("\u200b\u2066x", "漢字" * 20)


STATE = ImageProgress(
    312, 12, 48_000, 21_000, 90_000, 80_000, 17, images_read=31_000, asked_again=1_200, asked_again_done=310
)


@pytest.mark.parametrize("room", [*range(1, 40), 60, 76, 100, 196])
def test_a_status_line_has_whole_numbers_with_their_words(room: int) -> None:
    whole = progress_line(STATE)
    assert "asking again about missing parts: 310 of 1,200" in whole
    assert "31,000 read" in whole
    line = progress_line(STATE, room)
    assert whole.endswith(line)
    assert len(line) <= max(room, len("17 images broken"))
    assert re.search(r"\d, |\d$", line) is None or "310 of 1,200" in line


def test_the_second_look_is_in_the_progress() -> None:
    seen: list[ImageProgress] = []
    with LocalEcr({REPOSITORY: ImageRule(40, layers=1, broken=40)}) as ecr:
        lc.check_images(
            REPOSITORY,
            session=ecr.session(),
            endpoint_url=ecr.endpoint_url,
            image_rate="max",
            list_rate="max",
            progress=seen.append,
        )
    last = seen[-1]
    assert (last.images, last.images_read) == (40, 40)
    # Each image is looked up; each missing blob by the layer check and by GetDownloadUrlForLayer.
    assert (last.asked_again, last.asked_again_done) == (120, 120)
    assert last.blobs == last.blobs_done == 41


@pytest.mark.parametrize(("typed", "meant"), [("image", "images"), ("pushplan", "push-plan"), ("lay", "")])
def test_a_mistyped_command_names_the_nearest(typed: str, meant: str, layercheck: Layercheck) -> None:
    ended = layercheck(typed)
    assert ended.code == 2
    assert (f"did you mean {meant!r}" in ended.err) == bool(meant)
