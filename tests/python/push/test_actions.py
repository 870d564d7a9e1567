"""What a push would do with each blob: cases 51, 52, 55, 59, 60, 64 and 66 of the design."""

from __future__ import annotations

from pathlib import Path

import pytest

import layercheck as lc

from .conftest import Plan, actions
from .layouts import FOREIGN, LAYER, Layout, digest_of, layer
from .registry import Refusal, Registry, Repo

BASE, APP, OTHER = layer("base", 5000), layer("app", 3000), layer("other", 2000)


def test_a_blob_that_the_target_has_is_skipped(layout: Layout, repo: Repo, plan: Plan) -> None:
    """Case 51."""
    layout.image([BASE, APP], name="v1")
    repo.blobs[digest_of(BASE)] = "AVAILABLE"
    made = plan()
    assert actions(made)[digest_of(BASE)] == "skip"
    assert actions(made)[digest_of(APP)] == "upload"
    assert (made.counts["skip"], made.counts["upload"]) == (1, 2)
    assert made.bytes["skip"] == len(BASE)


def test_a_blob_that_only_the_target_has_is_skipped(layout: Layout, repo: Repo, plan: Plan) -> None:
    """Case 51: the source need not have it."""
    layout.image([BASE, APP], name="v1")
    layout.drop(digest_of(BASE))
    repo.blobs[digest_of(BASE)] = "AVAILABLE"
    made = plan()
    (row,) = (row for row in made.rows if row.digest == digest_of(BASE))
    assert (row.action, row.in_source, row.note) == ("skip", False, "not in the source")
    assert made.complete_source


def test_a_blob_that_nobody_has_is_lacking(layout: Layout, plan: Plan) -> None:
    """Case 52."""
    arm = layout.image([BASE, OTHER], "linux/arm64")
    layout.images([layout.image([APP]), arm], "v1")
    layout.drop(digest_of(OTHER))
    made = plan()
    (row,) = (row for row in made.rows if row.action == "lacking")
    assert (row.digest, row.platforms) == (digest_of(OTHER), ("linux/arm64",))
    assert row.note == "not in the source"
    assert made.notes[0].startswith("1 lacking of linux/arm64: pull the whole image before it is saved")
    assert not made.complete_source
    with pytest.raises(lc.PushBlockedError, match="1 blob is neither in the source nor in the target"):
        made.raise_for_failures()


def test_an_archived_blob_is_an_upload_and_counted_apart(layout: Layout, repo: Repo, plan: Plan) -> None:
    """Case 55: whether ECR takes the bytes again is not known, so they are in the upper bound alone."""
    layout.image([BASE, APP], name="v1")
    config = next(row.digest for row in plan().rows if row.role == "config")
    repo.blobs = {digest_of(BASE): "ARCHIVED", str(config): "AVAILABLE"}
    made = plan()
    (row,) = (row for row in made.rows if row.archived)
    assert (row.digest, row.action, made.archived) == (digest_of(BASE), "upload", 1)
    assert made.upload_bytes == (len(APP), len(APP) + len(BASE))
    assert made.calls["InitiateLayerUpload"] == (1, 2)


def test_several_images_are_all_planned_with_a_subtotal_each(layout: Layout, plan: Plan) -> None:
    """Case 59."""
    layout.image([BASE, APP], name="one")
    layout.image([BASE, OTHER], name="two")
    made = plan()
    assert [image.name for image in made.images] == ["one", "two"]
    assert [sum(image.counts.values()) for image in made.images] == [3, 3]
    assert made.blobs == 5
    (shared,) = (row for row in made.rows if row.digest == digest_of(BASE))
    assert shared.images == ("one", "two")


def test_an_image_is_chosen_by_its_name(layout: Layout, plan: Plan) -> None:
    """Case 59."""
    layout.image([BASE, APP], name="one")
    digest = layout.image([BASE, OTHER], name="registry.test/team/app:two")["digest"]
    for name in ("two", "team/app:two", "registry.test/team/app:two", digest):
        made = plan(image=name)
        assert [image.digest for image in made.images] == [digest]
    with pytest.raises(lc.InvalidParameterError, match="image is 'three', which the source does not have"):
        plan(image="three")


def test_a_platform_is_chosen_and_its_index_stays_behind(layout: Layout, plan: Plan) -> None:
    """Case 59."""
    amd, arm = layout.image([APP]), layout.image([OTHER], "linux/arm64")
    layout.images([amd, arm], "v1")
    made = plan(platforms="linux/arm64", tag="v1")
    assert [row.role for row in made.rows] == ["layer", "config", "manifest"]
    assert made.digests("upload")[-1] == arm["digest"]
    assert "without the index that lists them" in made.notes[0]
    with pytest.raises(lc.InvalidParameterError, match="it has linux/amd64, linux/arm64"):
        plan(platforms=["linux/s390x"])


def test_a_shared_folder_supplies_what_the_layout_leaves_out(
    layout: Layout, plan: Plan, tmp_path: Path
) -> None:
    """Case 60."""
    layout.image([BASE, APP], name="v1")
    shared = tmp_path / "shared" / "sha256"
    shared.mkdir(parents=True)
    layout.path(digest_of(BASE)).rename(shared / digest_of(BASE).removeprefix("sha256:"))
    assert plan().counts["lacking"] == 1
    made = plan(blobs=shared.parent)
    assert (made.counts["lacking"], made.counts["upload"]) == (0, 3)


def test_a_layer_that_is_not_distributable_is_external(
    layout: Layout, registry: Registry, plan: Plan
) -> None:
    """Case 64."""
    foreign = {"mediaType": FOREIGN, "digest": digest_of(OTHER), "size": 12, "urls": ["https://test/"]}
    layout.image([foreign, APP], name="v1")
    made = plan()
    assert actions(made)[digest_of(OTHER)] == "external"
    assert made.complete_source
    asked = [body["layerDigests"] for operation, body in registry.asked if operation.startswith("BatchCheck")]
    assert digest_of(OTHER) not in asked[0]


def test_an_ordinary_layer_with_urls_is_not_external(layout: Layout, plan: Plan) -> None:
    """Case 64: the media type decides."""
    layout.image([layout.add(APP, LAYER, urls=["https://test/"])], name="v1")
    assert actions(plan())[digest_of(APP)] == "upload"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"failureCode": "InvalidLayerDigest", "failureReason": "odd"}, "InvalidLayerDigest: odd"),
        ({"layerAvailability": "MISLAID"}, "MISLAID"),
    ],
    ids=["refused", "another-word"],
)
def test_a_blob_without_an_answer_is_undecided(
    layout: Layout, registry: Registry, plan: Plan, entry: dict[str, str], said: str
) -> None:
    """Case 66: never `skip`, and the bytes are a range."""
    layout.image([BASE, APP], name="v1")

    def answer(body: object) -> dict[str, object]:
        assert isinstance(body, dict)
        layers = [
            {"layerDigest": each, "layerAvailability": "UNAVAILABLE"}
            for each in body["layerDigests"]
            if each != digest_of(APP)
        ]
        failures: list[dict[str, str]] = []
        if digest_of(APP) in body["layerDigests"]:
            (failures if "failureCode" in entry else layers).append({"layerDigest": digest_of(APP), **entry})
        return {"layers": layers, "failures": failures}

    registry.replaced["BatchCheckLayerAvailability"] = answer
    made = plan()
    (row,) = (row for row in made.rows if row.action == "undecided")
    assert row.digest == digest_of(APP)
    assert said in row.note
    assert made.upload_bytes.most - made.upload_bytes.least == len(APP)
    assert not made.complete
    with pytest.raises(lc.UnansweredError, match="1 of 4 blobs and manifests undecided"):
        made.raise_for_failures()


def test_a_fatal_error_of_the_check_is_raised_as_by_check(
    layout: Layout, registry: Registry, plan: Plan
) -> None:
    layout.image([APP], name="v1")
    registry.deny("BatchCheckLayerAvailability")
    with pytest.raises(lc.AccessDeniedError, match="BatchCheckLayerAvailability"):
        plan()


def test_the_order_is_that_of_a_push(layout: Layout, plan: Plan) -> None:
    arm = layout.image([BASE, OTHER], "linux/arm64")
    amd = layout.image([BASE, APP])
    index = layout.images([amd, arm], "v1")
    made = plan()
    assert [row.role for row in made.rows] == [
        *("layer", "layer", "config", "layer", "config"),
        *("manifest", "manifest", "index"),
    ]
    assert [row.digest for row in made.rows[-3:]] == [amd["digest"], arm["digest"], index["digest"]]
    assert made.rows[0].platforms == ("linux/amd64", "linux/arm64")


def test_parts_calls_and_the_least_time_add_up(layout: Layout, plan: Plan) -> None:
    big = bytes(25 << 20)
    layout.image([layout.add(big, LAYER), APP], name="v1")
    made = plan(tag="v1")
    assert made.parts == (3 + 1 + 1, 5)
    assert made.calls == {
        "InitiateLayerUpload": (3, 3),
        "UploadLayerPart": (5, 5),
        "CompleteLayerUpload": (3, 3),
        "PutImage": (1, 1),
    }
    assert made.least_seconds == (0.1, 0.1)


def test_a_dry_run_asks_nothing(layout: Layout, registry: Registry) -> None:
    layout.image([BASE, APP], name="v1")
    layout.drop(digest_of(BASE))
    made = lc.push_plan(layout.folder, "team/app", tag="v2", dry_run=True)
    assert (made.asked, made.counts["undecided"], made.nothing_to_do) == (False, 3, False)
    assert made.upload_bytes == (0, made.bytes["undecided"] - len(BASE))
    assert registry.asked == []


def test_a_plan_ends_in_time(layout: Layout, registry: Registry, plan: Plan) -> None:
    """Case 66: what was not asked in time is undecided."""
    layout.image([APP], name="v1")
    registry.replaced["DescribeRepositories"] = lambda _: Refusal("ThrottlingException", "Rate exceeded")
    made = plan(timeout_s=2.0)
    assert made.counts["undecided"] + made.counts["upload"] == 2
    assert any("DescribeRepositories" in note or "not known" in note for note in made.notes)
