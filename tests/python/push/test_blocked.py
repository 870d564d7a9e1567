"""Why ECR would refuse a push: cases 61, 62 and 65 of the design."""

from __future__ import annotations

from typing import Any

import pytest

import layercheck as lc

from .conftest import Plan, actions
from .layouts import LAYER, Layout, digest_of, layer
from .registry import Registry, Repo

APP, OTHER = layer("app", 3000), layer("other", 2000)


def test_a_push_to_no_repository_is_blocked(layout: Layout, registry: Registry, plan: Plan) -> None:
    """Case 61."""
    layout.image([APP], name="v1")
    made = plan("team/new", tag="v1")
    assert set(actions(made).values()) == {"upload"}
    assert made.blocked == (
        "the repository 'team/new' does not exist, and no repository creation template creates it on push; "
        "create it, or check the name, the region and the registry",
    )
    assert made.tag_state == "free"
    assert "BatchCheckLayerAvailability" not in registry.operations()
    with pytest.raises(lc.PushBlockedError, match="ECR would refuse the push: the repository 'team/new'"):
        made.raise_for_failures()


@pytest.mark.parametrize(
    ("prefix", "applied", "blocked"),
    [
        ("team", "CREATE_ON_PUSH", False),
        ("ROOT", "CREATE_ON_PUSH", False),
        ("team/new", "CREATE_ON_PUSH", False),
        ("tea", "CREATE_ON_PUSH", True),
        ("team", "REPLICATION", True),
    ],
)
def test_a_template_may_create_the_repository(
    layout: Layout, registry: Registry, plan: Plan, prefix: str, applied: str, blocked: bool
) -> None:
    """Case 61: the template stands on the second page of the listing."""
    layout.image([APP], name="v1")
    others = [{"prefix": f"other{number}", "appliedFor": ["CREATE_ON_PUSH"]} for number in range(3)]
    registry.templates = [*others, {"prefix": prefix, "appliedFor": [applied]}]
    assert bool(plan("team/new").blocked) == blocked


def test_where_templates_are_denied_the_push_is_blocked_as_far_as_known(
    layout: Layout, registry: Registry, plan: Plan
) -> None:
    """Case 61."""
    layout.image([APP], name="v1")
    registry.deny("DescribeRepositoryCreationTemplates")
    made = plan("team/new")
    assert "and whether a push creates it is not known" in made.blocked[0]
    assert made.notes == (
        "whether a push creates the repository is not known: "
        "allow ecr:DescribeRepositoryCreationTemplates to know it",
    )


def test_a_repository_that_only_the_check_does_not_find_is_not_there(
    layout: Layout, registry: Registry, plan: Plan
) -> None:
    """Case 61: DescribeRepositories may be denied."""
    layout.image([APP], name="v1")
    registry.deny("DescribeRepositories")
    made = plan("team/new")
    assert made.counts["upload"] == 2
    assert made.blocked


SETTINGS: list[tuple[dict[str, Any], bool]] = [
    ({"imageTagMutability": "MUTABLE"}, False),
    ({"imageTagMutability": "IMMUTABLE"}, True),
    ({"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "filters": ["latest", "v1.*"]}, False),
    ({"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "filters": ["dev-*", "v1?2"]}, True),
    ({"imageTagMutability": "MUTABLE_WITH_EXCLUSION", "filters": ["*.2"]}, True),
    ({"imageTagMutability": "MUTABLE_WITH_EXCLUSION", "filters": ["v1.2.*"]}, False),
]


@pytest.mark.parametrize(("settings", "blocked"), SETTINGS, ids=lambda value: str(value))
def test_an_immutable_tag_of_another_image_blocks(
    layout: Layout, repo: Repo, plan: Plan, settings: dict[str, Any], blocked: bool
) -> None:
    """Case 62."""
    layout.image([APP], name="v1")
    filters = [{"filterType": "WILDCARD", "filter": each} for each in settings.get("filters", ())]
    repo.settings = {
        "imageTagMutability": settings["imageTagMutability"],
        "imageTagMutabilityExclusionFilters": filters,
    }
    other = "sha256:" + "1" * 64
    repo.images[other], repo.tags["v1.2"] = "ACTIVE", other
    made = plan(tag="v1.2")
    assert made.tag_state == "moves"
    words = f"the tag 'v1.2' is immutable and names {other}; choose another tag"
    assert made.blocked == ((words,) if blocked else ())
    assert bool(made.notes) != blocked


def test_an_immutable_tag_of_the_same_image_blocks_nothing(layout: Layout, repo: Repo, plan: Plan) -> None:
    """Case 62."""
    image = layout.image([APP], name="v1")
    repo.settings = {"imageTagMutability": "IMMUTABLE"}
    repo.images[image["digest"]], repo.tags["v1"] = "ACTIVE", image["digest"]
    made = plan(tag="v1")
    assert (made.tag_state, made.blocked) == ("same", ())


def test_a_tag_whose_settings_are_denied_is_a_note(
    layout: Layout, repo: Repo, registry: Registry, plan: Plan
) -> None:
    """Case 62."""
    layout.image([APP], name="v1")
    other = "sha256:" + "1" * 64
    repo.images[other], repo.tags["v1"] = "ACTIVE", other
    registry.deny("DescribeRepositories")
    made = plan(tag="v1")
    assert made.blocked == ()
    assert f"the tag 'v1' moves here from {other}; it is refused if the tag is immutable" in made.notes


def test_a_tag_for_several_images_is_refused(layout: Layout, plan: Plan) -> None:
    layout.image([APP], name="one")
    layout.image([OTHER], name="two")
    with pytest.raises(lc.InvalidParameterError, match="tag is 'v1', and the source has 2 images"):
        plan(tag="v1")


def test_an_image_without_layers_blocks(layout: Layout, plan: Plan) -> None:
    """Case 65."""
    image = layout.image([], name="v1")
    assert plan().blocked == (
        f"{image['digest']}: an image without layers, and ECR wants at least one; add one to it",
    )


def test_a_manifest_over_4_mib_blocks(layout: Layout, plan: Plan) -> None:
    """Case 65: a longer document is not read either, so only its size is known."""
    layout.image([APP], name="v1", annotations={"x": "y" * (4 << 20)})
    assert any("ECR takes at most 4 MiB" in reason for reason in plan().blocked)


def test_a_layer_over_52_000_mib_blocks(layout: Layout, plan: Plan) -> None:
    """Case 65."""
    size = (52_000 << 20) + 1
    layout.image([{"mediaType": LAYER, "digest": digest_of(OTHER), "size": size}, APP], name="v1")
    assert any("ECR takes layers of at most 52,000 MiB" in reason for reason in plan().blocked)


def test_a_digest_of_another_algorithm_blocks(layout: Layout, plan: Plan) -> None:
    """Case 65."""
    odd = {"mediaType": LAYER, "digest": "sha512:" + "a" * 128, "size": 5}
    image = layout.image([odd, APP], name="v1")
    made = plan()
    assert made.blocked == (
        f"{image['digest']}: ECR has sha256 alone, and 1 of its parts have another digest",
    )
    assert made.counts["upload"] == 2


def test_an_index_that_lists_layers_blocks(layout: Layout, plan: Plan) -> None:
    """Case 34 of audits, seen from a push: BuildKit's old cache format."""
    layout.images([layout.add(APP, LAYER), layout.image([OTHER])], "cache")
    assert any("an index that lists blobs" in reason for reason in plan().blocked)
