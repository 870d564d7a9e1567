"""Manifests and tags that are in the target already: case 63, and what is asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import layercheck as lc

from .conftest import Plan, actions
from .layouts import Layout, digest_of, layer
from .registry import Answer, Refusal, Registry, Repo

APP, OTHER = layer("app", 3000), layer("other", 2000)


def everything(layout: Layout, repo: Repo, *manifests: str) -> None:
    """Put all blobs of these manifests into the repository."""
    for digest in manifests:
        document = layout.document(digest)
        for each in (document["config"], *document["layers"]):
            repo.blobs[each["digest"]] = "AVAILABLE"


def test_where_all_is_there_nothing_would_be_uploaded(
    layout: Layout, repo: Repo, registry: Registry, plan: Plan
) -> None:
    """Case 63."""
    amd, arm = layout.image([APP]), layout.image([OTHER], "linux/arm64")
    index = layout.images([amd, arm], "v1")
    everything(layout, repo, amd["digest"], arm["digest"])
    repo.images = {each["digest"]: "ACTIVE" for each in (amd, arm, index)}
    repo.tags["v1"] = index["digest"]
    made = plan(tag="v1")
    assert set(actions(made).values()) == {"skip"}
    assert (made.nothing_to_do, made.tag_state) == (True, "same")
    assert made.upload_bytes == (0, 0)
    assert set(made.calls.values()) == {(0, 0)}
    assert registry.operations().count("DescribeImages") == 2
    made.raise_for_failures()


def test_nothing_that_counts_as_a_pull_is_called(
    layout: Layout, repo: Repo, registry: Registry, plan: Plan
) -> None:
    image = layout.image([APP], name="v1")
    everything(layout, repo, image["digest"])
    plan(tag="v1", mount_from=["base/python"])
    allowed = {
        *("BatchCheckLayerAvailability", "DescribeImages", "DescribeRepositories", "GetAccountSetting"),
        *("DescribePullThroughCacheRules", "DescribeRepositoryCreationTemplates"),
    }
    assert set(registry.operations()) <= allowed


def test_a_new_tag_on_an_image_that_is_there_is_one_call(layout: Layout, repo: Repo, plan: Plan) -> None:
    image = layout.image([APP], name="v1")
    everything(layout, repo, image["digest"])
    repo.images[image["digest"]] = "ACTIVE"
    made = plan("team/app:v2")
    assert (made.tag, made.tag_state, made.nothing_to_do) == ("v2", "free", False)
    assert made.calls["PutImage"] == (1, 1)


def test_manifests_are_found_by_halves_among_those_that_are_not_there(
    layout: Layout, repo: Repo, registry: Registry, plan: Plan
) -> None:
    """Case 63: the service does not say which of 100 images is missing."""
    made = [layout.image([APP], name=f"v{number}") for number in range(120)]
    everything(layout, repo, *(image["digest"] for image in made))
    there = {image["digest"] for number, image in enumerate(made) if number not in (3, 50, 119)}
    repo.images = dict.fromkeys(there, "ACTIVE")
    planned = actions(plan())
    assert {digest for digest, action in planned.items() if action == "skip"} >= there
    assert [planned[made[number]["digest"]] for number in (3, 50, 119)] == ["upload"] * 3
    asked = [len(body["imageIds"]) for operation, body in registry.asked if operation == "DescribeImages"]
    assert max(asked) == 100


def test_a_manifest_whose_blobs_are_not_there_is_not_asked_for(
    layout: Layout, repo: Repo, registry: Registry, plan: Plan
) -> None:
    amd, arm = layout.image([APP]), layout.image([OTHER], "linux/arm64")
    index = layout.images([amd, arm], "v1")
    everything(layout, repo, amd["digest"])
    repo.images = {amd["digest"]: "ACTIVE"}
    made = plan()
    assert actions(made)[amd["digest"]] == "skip"
    assert [actions(made)[each["digest"]] for each in (arm, index)] == ["upload", "upload"]
    asked = [body["imageIds"] for operation, body in registry.asked if operation == "DescribeImages"]
    assert asked == [[{"imageDigest": amd["digest"]}]]


def test_an_archived_image_is_restored_by_the_push(layout: Layout, repo: Repo, plan: Plan) -> None:
    """Case 55."""
    image = layout.image([APP], name="v1")
    everything(layout, repo, image["digest"])
    repo.images[image["digest"]] = "ARCHIVED"
    made = plan()
    row = made.rows[-1]
    assert (row.action, row.archived) == ("upload", True)
    assert made.calls["PutImage"] == (1, 1)


def test_denied_manifests_are_undecided_and_said_once(
    layout: Layout, repo: Repo, registry: Registry, plan: Plan
) -> None:
    """Case 66: a lookup that is denied is a note and not an error."""
    images = [layout.image([APP], name=f"v{number}") for number in range(3)]
    everything(layout, repo, *(image["digest"] for image in images))
    registry.deny("DescribeImages", "DescribeRepositories")
    made = plan()
    assert {actions(made)[image["digest"]] for image in images} == {"undecided"}
    assert made.notes == (
        "whether a tag may move, and the encryption, are not known: "
        "allow ecr:DescribeRepositories to know it",
        "which manifests are there is not known: allow ecr:DescribeImages to know it",
    )
    assert made.complete, "all blobs are decided, and the source has the manifests"
    assert made.calls["PutImage"] == (0, 3)


def test_a_throttled_lookup_is_asked_again(
    layout: Layout, repo: Repo, registry: Registry, plan: Plan
) -> None:
    image = layout.image([APP], name="v1")
    everything(layout, repo, image["digest"])
    repo.images[image["digest"]] = "ACTIVE"
    answers = [Refusal("ThrottlingException", "Rate exceeded"), Refusal("ServerException", "", 500)]

    def later(body: Mapping[str, Any]) -> Answer:
        return answers.pop() if answers else registry.describe_images(body)

    registry.replaced["DescribeImages"] = later
    assert actions(plan())[image["digest"]] == "skip"


@pytest.mark.parametrize(
    "answer",
    [{}, {"imageDetails": None}, {"imageDetails": [None, {}, {"imageDigest": "sha256:" + "0" * 64}]}],
    ids=["nothing", "null", "another"],
)
def test_an_answer_that_leaves_a_manifest_out_is_no_answer(
    layout: Layout, repo: Repo, registry: Registry, plan: Plan, answer: dict[str, object]
) -> None:
    """Case 66."""
    image = layout.image([APP], name="v1")
    everything(layout, repo, image["digest"])
    registry.replaced["DescribeImages"] = lambda _: answer
    made = plan(tag="v1")
    assert actions(made)[image["digest"]] == "undecided"
    assert made.tag_state in ("unknown", "moves")


def test_an_upper_case_digest_in_the_answer_is_the_same_digest(
    layout: Layout, repo: Repo, registry: Registry, plan: Plan
) -> None:
    image = layout.image([APP], name="v1")
    everything(layout, repo, image["digest"])
    found = {"imageDetails": [{"imageDigest": image["digest"].upper().replace("SHA", "sha")}]}
    registry.replaced["DescribeImages"] = lambda _: found
    made = plan(tag="v1")
    assert (actions(made)[image["digest"]], made.tag_state) == ("skip", "same")


def test_a_child_that_nobody_has_blocks(layout: Layout, repo: Repo, plan: Plan) -> None:
    """Case 52: ECR takes an index only with all its children."""
    amd, arm = layout.image([APP]), layout.image([OTHER], "linux/arm64")
    layout.images([amd, arm], "v1")
    layout.drop(arm["digest"])
    made = plan()
    assert actions(made)[arm["digest"]] == "lacking"
    assert made.blocked == (
        f"{arm['digest']}: an index lists it, and neither the source nor the target has it; push it first",
    )
    repo.images[arm["digest"]] = "ACTIVE"
    made = plan()
    assert (actions(made)[arm["digest"]], made.blocked) == ("skip", ())


def test_a_child_that_may_be_there_makes_the_plan_incomplete(
    layout: Layout, registry: Registry, plan: Plan
) -> None:
    """Case 66."""
    amd, arm = layout.image([APP]), layout.image([OTHER], "linux/arm64")
    layout.images([amd, arm], "v1")
    layout.drop(arm["digest"])
    registry.deny("DescribeImages")
    made = plan()
    assert actions(made)[arm["digest"]] == "undecided"
    assert not made.complete


def test_the_digest_of_a_layer_is_asked_once(layout: Layout, registry: Registry, plan: Plan) -> None:
    layout.image([APP, APP], name="v1")
    layout.image([APP], "linux/arm64", name="v2")
    made = plan()
    ((_, body),) = (each for each in registry.asked if each[0] == "BatchCheckLayerAvailability")
    assert body["layerDigests"].count(digest_of(APP)) == 1
    assert sum(row.digest == digest_of(APP) for row in made.rows) == 1


def test_an_operation_that_an_old_boto3_lacks_is_a_note(
    layout: Layout, repo: Repo, registry: Registry
) -> None:
    """The oldest boto3 that layercheck takes has no GetAccountSetting."""
    layout.image([APP], name="v1")
    registry.repositories["base"] = Repo(blobs={digest_of(APP): "AVAILABLE"})

    class Old:
        def __init__(self, client: Any) -> None:
            self._client = client

        def __getattr__(self, name: str) -> Any:
            if name == "get_account_setting":
                raise AttributeError(name)
            return getattr(self._client, name)

    client: Any = registry.session().client("ecr", endpoint_url=registry.url)
    made = lc.push_plan(layout.folder, "team/app", client=Old(client), mount_from="base")
    assert actions(made)[digest_of(APP)] == "upload"
    assert made.notes == (
        "whether blobs may be mounted is not known: OperationMissing: upgrade boto3, which does not know it",
    )
    client.close()


def test_answers_too_long_to_read_are_asked_for_in_halves(
    layout: Layout, repo: Repo, registry: Registry, plan: Plan
) -> None:
    made = [layout.image([APP], name=f"v{number}") for number in range(80)]
    everything(layout, repo, *(image["digest"] for image in made))
    repo.images = dict.fromkeys((image["digest"] for image in made), "ACTIVE")
    tags = ["t" * 293 + f"{number:07}" for number in range(1_000)]

    def with_tags(body: Mapping[str, Any]) -> Answer:
        answer = registry.answer("DescribeImages", body)
        assert isinstance(answer, dict)
        for image in answer["imageDetails"]:
            image["imageTags"] = tags
        return answer

    registry.replaced["DescribeImages"] = with_tags
    planned = plan()
    assert {actions(planned)[image["digest"]] for image in made} == {"skip"}
    assert planned.notes == ()
    asked = [len(body["imageIds"]) for operation, body in registry.asked if operation == "DescribeImages"]
    assert asked == [80, 40, 20, 20, 40, 20, 20]
