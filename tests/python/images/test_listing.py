"""Which images a check finds: pages, states, repositories and what goes wrong there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import layercheck as lc
from layercheck.testing import Fault, ImageRule, LocalEcr
from made_images import FAST, INDEX, REPOSITORY, asked, check, index, manifest, put, sha, verdicts

RULE = ImageRule(2_500, layers=2, broken=5)


def test_an_empty_repository_and_an_empty_registry_have_no_images() -> None:
    """Case 1."""
    with LocalEcr({REPOSITORY: {}}) as ecr:
        report = check(ecr)
        assert (report.images, report.complete) == (0, True)
    with LocalEcr({}) as ecr:
        report = check(ecr, "*")
        assert (report.images, report.repositories, report.complete) == (0, (), True)


def test_one_repository_that_denies_leaves_the_others_alone() -> None:
    """Case 2."""
    fault = Fault("access_denied", operations=("BatchGetImage",), calls=(2, 2))
    with LocalEcr({f"team/{name}": ImageRule(20, layers=2) for name in "abc"}, faults=[fault]) as ecr:
        report = check(ecr, "team/*")
    (error,) = report.errors
    assert error.state == "denied"
    assert error.code == "AccessDeniedException"
    assert report.counts == {**dict.fromkeys(report.counts, 0), "complete": 40, "not_checked": 20}
    assert not report.complete
    with pytest.raises(lc.UnansweredError, match="1 repositories could not be checked to the end"):
        report.raise_for_failures()


def test_a_repository_that_is_deleted_after_the_listing_is_gone_with_its_images() -> None:
    """Case 3."""
    faults = [
        Fault("repository_deleted", operations=("BatchGetImage",)),
        Fault("repository_deleted", operations=("DescribeImages",), calls=(2, None)),
    ]
    with LocalEcr({REPOSITORY: ImageRule(20, layers=2)}, faults=faults) as ecr:
        report = check(ecr)
    assert report.repository(REPOSITORY).state == "gone"
    assert report.counts["gone"] == 20
    assert report.complete


@pytest.mark.parametrize("operation", ["BatchGetImage", "BatchCheckLayerAvailability"])
def test_a_repository_is_not_gone_by_one_answer(operation: Any) -> None:
    fault = Fault("repository_deleted", operations=(operation,), calls=(1, 1))
    rules = {REPOSITORY: ImageRule(20, layers=2, broken=2), "team/other": {}}
    with LocalEcr(rules, faults=[fault]) as ecr:
        report = check(ecr, "team/*")
    assert report.counts["gone"] == 0
    assert report.repository(REPOSITORY).state == "failed"
    assert not report.complete


def test_an_image_that_is_deleted_after_the_listing_is_gone() -> None:
    """Case 4."""
    with LocalEcr({REPOSITORY: ImageRule(20, layers=2)}) as ecr:
        gone = ecr.images(REPOSITORY)[3]
        ecr.delete_during(REPOSITORY, gone)
        report = check(ecr)
    assert [image.digest for image in report.find("gone")] == [gone]
    assert report.counts["complete"] == 19


def test_a_digest_on_several_pages_counts_once_and_null_entries_do_not_count() -> None:
    """Case 7."""
    faults = [Fault("page_repeat"), Fault("page_null"), Fault("tag_repeat")]
    with LocalEcr({REPOSITORY: RULE}, faults=faults) as ecr:
        report = check(ecr)
        truth = set(ecr.incomplete_images(REPOSITORY))
    assert report.images == 2_500
    assert {image.digest for image in report.find("incomplete")} == truth
    assert report.complete


def test_a_token_that_leads_to_the_same_page_ends_the_listing_as_incomplete() -> None:
    """Case 8."""
    with LocalEcr({REPOSITORY: RULE}, faults=[Fault("token_loop", operations=("DescribeImages",))]) as ecr:
        report = check(ecr)
    assert 0 < report.images < 2_500
    assert not report.complete
    assert "the service named the same page twice" in " ".join(report.notes)


def test_a_page_token_that_expires_lists_the_repository_once_more() -> None:
    """Case 9."""
    once = Fault("token_expired", operations=("DescribeImages",), calls=(2, 2))
    with LocalEcr({REPOSITORY: RULE}, faults=[once]) as ecr:
        report = check(ecr)
    assert (report.images, report.complete) == (2_500, True)
    with LocalEcr({REPOSITORY: RULE}, faults=[Fault("token_expired", operations=("DescribeImages",))]) as ecr:
        report = check(ecr)
    assert (report.images, report.complete) == (1_000, False)


def test_a_token_that_is_not_text_ends_the_listing_as_incomplete() -> None:
    with LocalEcr({REPOSITORY: RULE}) as ecr:
        client = ecr.client()
        client.meta.events.register(
            "after-call.ecr.DescribeImages", lambda parsed, **_: parsed.update(nextToken=7)
        )
        report = check(ecr, client=client)
    assert (report.images, report.complete) == (1_000, False)


def test_an_image_with_a_thousand_tags_is_one_line() -> None:
    """Case 10."""
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a"), *[f"v{number}" for number in range(1_000)])
        report = check(ecr)
    (line,) = report.to_arrow().to_pylist()
    assert len(line["tags"]) == 1_000


def test_archived_images_are_listed_and_their_manifests_are_not_read() -> None:
    """Case 20."""
    with LocalEcr({}) as ecr:
        archived = put(ecr, manifest("a"), "old")
        active = put(ecr, manifest("b"), "new")
        ecr.archive(REPOSITORY, archived)
        report = check(ecr)
        assert verdicts(report) == {archived: ("archived", None), active: ("complete", None)}
        assert asked(ecr, "BatchGetImage") == [active]


def test_without_describe_images_the_images_are_listed_by_list_images() -> None:
    denied = Fault("access_denied", operations=("DescribeImages",))
    with LocalEcr({REPOSITORY: RULE}, faults=[denied]) as ecr:
        report = check(ecr)
        truth = set(ecr.incomplete_images(REPOSITORY))
    assert report.images == 2_500
    assert {image.digest for image in report.find("incomplete")} == truth
    assert next(report.find("incomplete")).tags


def test_a_list_in_the_order_of_tags_names_the_same_images_on_many_pages() -> None:
    denied = Fault("access_denied", operations=("DescribeImages",))
    tags = [f"v{number:02}" for number in range(60)]
    with LocalEcr({}, faults=[denied]) as ecr:
        images = [put(ecr, manifest(name)) for name in "abc"]
        client = ecr.client()

        def list_images(params: dict[str, Any], **_: object) -> tuple[Any, Any]:
            """A page for each tag, such as v07-0, v07-1 and v07-2."""
            asked_for = json.loads(params["body"])
            tag = asked_for.get("nextToken", tags[0])
            ids = [{"imageDigest": each, "imageTag": f"{tag}-{at}"} for at, each in enumerate(images)]
            is_active = asked_for.get("filter", {}).get("imageStatus", "ACTIVE") == "ACTIVE"
            following = [each for each in tags if each > tag][:1] if is_active else []
            page = {"imageIds": ids if is_active else [], "nextToken": "".join(following)}
            return SimpleNamespace(status_code=200), page

        client.meta.events.register("before-call.ecr.ListImages", list_images)
        report = check(ecr, client=client)
    assert report.complete, report.notes
    assert [len(image.tags) for image in report.find("complete")] == [60, 60, 60]


def test_without_both_listings_the_error_names_the_action_to_allow() -> None:
    denied = Fault("access_denied", operations=("DescribeImages", "ListImages"))
    with (
        LocalEcr({REPOSITORY: RULE}, faults=[denied]) as ecr,
        pytest.raises(lc.AccessDeniedError, match="ecr:DescribeImages") as caught,
    ):
        check(ecr)
    assert caught.value.images.images == 0  # type: ignore[attr-defined]


def test_a_pattern_that_matches_nothing_names_the_nearest_repositories() -> None:
    """Case 48."""
    with LocalEcr({"team/backend": {}, "team/frontend": {}}) as ecr:
        with pytest.raises(lc.RepositoryNotFoundError, match="near it are: team/backend"):
            check(ecr, "team/backens*")
        with pytest.raises(lc.RepositoryNotFoundError, match="team/nothing"):
            check(ecr, "team/nothing")


def test_patterns_choose_repositories_and_exclude_leaves_some_out() -> None:
    names = ["base/python", "team/app", "team/scratch-1", "team/web"]
    with LocalEcr({name: ImageRule(3, layers=1) for name in names}) as ecr:
        report = check(ecr, ["team/*", "base/python"], exclude=["*/scratch-*"])
    assert [each.repository_name for each in report.repositories] == ["base/python", "team/app", "team/web"]


def test_one_image_is_chosen_by_tag_or_digest_together_with_what_it_needs() -> None:
    """Also: nothing is asked for that no listing named."""
    with LocalEcr({}, log_calls=10_000) as ecr:
        first, second = manifest("a"), manifest("b")
        put(ecr, first)
        put(ecr, manifest("unrelated"), "other")
        whole = put(ecr, index(first, second), "multi")
        report = check(ecr, f"{REPOSITORY}:multi")
        assert verdicts(report) == {
            whole: ("incomplete", "MissingChild"),
            sha(first): ("complete", None),
        }
        assert next(report.find("incomplete")).missing == (sha(second),)
        assert set(asked(ecr, "BatchGetImage")) == {whole, sha(first)}
        by_digest = check(ecr, f"{REPOSITORY}@{whole}")
        assert verdicts(by_digest) == verdicts(report)
        with pytest.raises(lc.RepositoryNotFoundError, match="has no image 'v9'"):
            check(ecr, f"{REPOSITORY}:v9")


def test_chosen_images_bring_the_children_and_attestations_that_they_need() -> None:
    with LocalEcr({}) as ecr:
        first, second = manifest("a"), manifest("b")
        children = [put(ecr, first), put(ecr, second)]
        whole = put(ecr, index(first, second), "multi")
        put(ecr, manifest("c"), "other")
        report = check(ecr, tags=["mul*"])
    assert set(verdicts(report)) == {whole, *children}
    assert report.counts["complete"] == 3


def test_a_boto3_that_cannot_ask_for_archived_images_lists_the_active_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Section 12 of the design; the real old boto3 is used by `test_old_boto3`."""
    from layercheck.images.operations import Operations

    with LocalEcr({}) as ecr:
        archived = put(ecr, manifest("a"), "old")
        ecr.archive(REPOSITORY, archived)
        put(ecr, manifest("b"), "new")
        monkeypatch.setattr(Operations, "has_member", lambda *names: "imageStatus" not in names)
        report = check(ecr)
    assert report.images == 1
    assert not report.repository(REPOSITORY).archived_listed
    assert "archived images were not listed" in " ".join(report.notes)


def test_the_rates_of_a_wrong_kind_are_refused_before_anything_is_asked() -> None:
    with LocalEcr({}) as ecr:
        for wrong in (0, -1, float("nan"), True, "fast"):
            with pytest.raises(lc.InvalidParameterError, match="image_rate"):
                check(ecr, **{**FAST, "image_rate": wrong})
        assert not ecr.calls


@pytest.mark.parametrize(
    ("kind", "operation", "target"),
    [("html", "DescribeImages", REPOSITORY), ("truncate", "DescribeRepositories", "*")],
)
def test_an_answer_that_is_no_listing_is_no_empty_repository(kind: Any, operation: Any, target: str) -> None:
    """boto3 reads a body that is not JSON, such as the page of a proxy, as an answer without members."""
    with LocalEcr({}, faults=[Fault(kind, operations=(operation,))]) as ecr:
        put(ecr, manifest("a"), "v1", lacking=["a"])
        with pytest.raises(lc.EndpointError, match=f"{operation}: UnreadableAnswer"):
            check(ecr, target)


def test_an_answer_that_is_no_list_of_rules_does_not_deny_a_pull_through_cache() -> None:
    fault = Fault("html", operations=("DescribePullThroughCacheRules",))
    with LocalEcr({}, faults=[fault]) as ecr:
        put(ecr, manifest("a"))
        whole = put(ecr, index(manifest("a"), manifest("b")), "multi")
        report = check(ecr)
    assert verdicts(report)[whole] == ("partial", "PullThroughUnknown")


@pytest.mark.parametrize("prefix", [None, 7, "", {}], ids=["none", "number", "empty", "object"])
def test_a_rule_without_a_readable_prefix_may_be_for_any_repository(prefix: object) -> None:
    with LocalEcr({}) as ecr:
        ecr.pull_through("hub")
        put(ecr, manifest("a"))
        whole = put(ecr, index(manifest("a"), manifest("b")), "multi")
        client = ecr.client()

        def spoil(parsed: dict[str, Any], **_: Any) -> None:
            parsed["pullThroughCacheRules"][0]["ecrRepositoryPrefix"] = prefix

        client.meta.events.register("after-call.ecr.DescribePullThroughCacheRules", spoil)
        report = check(ecr, client=client)
    assert verdicts(report)[whole] == ("partial", "PullThroughUnknown")


@pytest.mark.parametrize("fault", ["access_denied", "tag_repeat"])
def test_every_tag_chooses_its_image_also_if_a_listing_names_an_image_once_a_tag(fault: Any) -> None:
    with LocalEcr({}, faults=[Fault(fault, operations=("DescribeImages",), calls=(1, 1))]) as ecr:
        image = put(ecr, manifest("a"), "v1", "v2", lacking=["a"])
        report = check(ecr, tags=["v2"])
    assert verdicts(report) == {image: ("incomplete", "MissingLayer")}
    assert report.to_arrow().to_pylist()[0]["tags"] == ["v1", "v2"]


def test_a_choice_by_date_needs_describe_images() -> None:
    """ListImages tells no dates: no image would be new, and any would be the newest."""
    denied = Fault("access_denied", operations=("DescribeImages",))
    with LocalEcr({}, faults=[denied]) as ecr:
        put(ecr, manifest("a"), "v1", lacking=["a"])
        for choice in ({"newest": 1}, {"pushed_after": datetime(2020, 1, 1, tzinfo=UTC)}):
            with pytest.raises(lc.AccessDeniedError, match="ecr:DescribeImages"):
                check(ecr, **choice)


def test_an_answer_that_leaves_the_chosen_image_out_is_no_verdict() -> None:
    fault = Fault("omit", share=1.0, operations=("DescribeImages",))
    with LocalEcr({}, faults=[fault]) as ecr:
        put(ecr, manifest("a"), "v1", lacking=["a"])
        with pytest.raises(lc.EndpointError, match="did not answer for this image"):
            check(ecr, f"{REPOSITORY}:v1")


def test_an_estimate_counts_the_images_that_a_check_would_take(tmp_path: Path) -> None:
    """Also with digests that are none, and a listing that names an image once a tag."""
    repeated = Fault("tag_repeat", operations=("DescribeImages",))
    with LocalEcr({}, faults=[repeated]) as ecr:
        put(ecr, manifest("a"), "v1", "v2")
        put(ecr, manifest("b"), "v1-old")
        with lc.ImageChecker(REPOSITORY, client=ecr.client(), tags=["v2"], **FAST) as checker:
            assert checker.estimate().images == 1
        client = ecr.client()

        def spoil(parsed: dict[str, Any], **_: Any) -> None:
            parsed["imageDetails"][0]["imageDigest"] = "sha512:odd"

        client.meta.events.register("after-call.ecr.DescribeImages", spoil)
        with lc.ImageChecker(REPOSITORY, client=client, manifests=tmp_path / "m.db", **FAST) as checker:
            assert checker.estimate().repositories == 1


def test_an_image_that_an_index_lists_under_an_unknown_type_is_looked_up_for_one_tag_too() -> None:
    listed = json.loads(index(manifest("a")))
    listed["manifests"][0]["mediaType"] = "application/vnd.custom+json"
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a"))
        ecr.put_image(REPOSITORY, json.dumps(listed), ["multi"], media_type=INDEX, force=True)
        whole, one = check(ecr), check(ecr, f"{REPOSITORY}:multi")
    assert whole.counts["complete"] == one.counts["complete"] == one.images == 2


def test_two_tags_of_one_image_are_one_image_of_one_repository() -> None:
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a"), "v1", "v2")
        put(ecr, manifest("b"), "v3")
        report = check(ecr, [f"{REPOSITORY}:v1", f"{REPOSITORY}:v2"])
        with_all = check(ecr, [f"{REPOSITORY}:v1", REPOSITORY])
    assert report.images == len(report.repositories) == 1
    assert (with_all.images, len(with_all.repositories)) == (2, 1)


def test_a_tag_that_is_not_there_takes_nothing_from_the_others() -> None:
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a"), "v1")
        report = check(ecr, [f"{REPOSITORY}:v1", f"{REPOSITORY}:v9"])
    assert report.counts["complete"] == 1
    assert not report.complete
    (error,) = report.errors
    assert "has no image 'v9'; list its tags with" in error.reason
