"""Push plans against `LocalEcr`, whose images, tags and settings are those of the service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import layercheck as lc
from layercheck.testing import Fault, LocalEcr

from .layouts import Layout, digest_of, layer

BASE, APP, ARM = layer("base", 5000), layer("app", 3000), layer("arm", 2000)


@pytest.fixture
def index(layout: Layout) -> str:
    """The digest of an index of two platforms, named v1 in the layout."""
    amd, arm = layout.image([BASE, APP]), layout.image([BASE, ARM], "linux/arm64")
    digest: str = layout.images([amd, arm], "v1")["digest"]
    return digest


@pytest.fixture
def ecr() -> Iterator[LocalEcr]:
    with LocalEcr(["team/app"]) as serving:
        yield serving


def planned(ecr: LocalEcr, layout: Layout, **options: str) -> lc.PushPlan:
    return lc.push_plan(layout.folder, "team/app", client=ecr.client(), **options)  # type: ignore[arg-type]


def test_a_plan_before_and_after_a_push(ecr: LocalEcr, layout: Layout, index: str) -> None:
    """Cases 51 and 63."""
    before = planned(ecr, layout, tag="v1")
    assert (before.counts["upload"], before.manifest_counts["upload"], before.notes) == (5, 3, ())
    ecr.put_oci_layout("team/app", layout.folder)
    after = planned(ecr, layout, tag="v1")
    assert (after.counts["skip"], after.manifest_counts["skip"]) == (5, 3)
    assert after.nothing_to_do


def test_a_plan_is_not_a_pull(ecr: LocalEcr, layout: Layout, index: str) -> None:
    ecr.put_oci_layout("team/app", layout.folder)
    for _ in range(3):
        assert planned(ecr, layout, tag="v1").nothing_to_do
    assert ecr.pull_time("team/app", index) is None


def test_an_immutable_tag_of_another_image_blocks(layout: Layout, index: str) -> None:
    """Case 62, as the service has it: PutImage is refused too."""
    with LocalEcr(["team/app"]) as ecr:
        ecr.add_repository("team/app", tag_mutability="IMMUTABLE_WITH_EXCLUSION", tag_filters=["dev-*"])
        ecr.put_oci_layout("team/app", layout.folder)
        other = Layout(layout.folder.parent / "other")
        other.image([layer("other")], name="v1")
        assert "the tag 'v1' is immutable and names" in planned(ecr, other, tag="v1").blocked[0]
        assert planned(ecr, other, tag="dev-1").blocked == ()
        assert planned(ecr, layout, tag="v1").blocked == ()


def test_an_archived_image_is_restored(ecr: LocalEcr, layout: Layout, index: str) -> None:
    """Case 55."""
    ecr.put_oci_layout("team/app", layout.folder)
    ecr.archive("team/app", index)
    made = planned(ecr, layout, tag="v1")
    assert made.rows[-1].digest == index
    assert (made.rows[-1].action, made.rows[-1].archived) == ("upload", True)


def test_blobs_are_mounted_where_the_account_allows_it(ecr: LocalEcr, layout: Layout, index: str) -> None:
    """Cases 53 and 54."""
    ecr.put("base/python", [digest_of(BASE)])
    off = planned(ecr, layout, mount_from="base/python")
    assert (off.counts["mount"], off.counts["upload"]) == (0, 5)
    ecr.set_account_setting("BLOB_MOUNTING", "ENABLED")
    on = planned(ecr, layout, mount_from="base/python")
    assert (on.counts["mount"], on.counts["upload"]) == (1, 4)
    ecr.pull_through("base")
    cache = planned(ecr, layout, mount_from="base/python")
    assert cache.notes == ("nothing is mounted from base/python: it is a pull-through cache",)


def test_lookups_that_fail_in_passing_are_asked_again(ecr: LocalEcr, layout: Layout, index: str) -> None:
    ecr.put_oci_layout("team/app", layout.folder)
    ecr.set_faults([Fault("throttle", calls=(1, 2), operations=("DescribeImages", "DescribeRepositories"))])
    made = planned(ecr, layout, tag="v1")
    assert (made.nothing_to_do, made.notes) == (True, ())
