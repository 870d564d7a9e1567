"""Lists that a service lengthens for ever, by a token that is new each time: each ends, and is not whole."""

from __future__ import annotations

from typing import Any

import pytest

import layercheck as lc
from layercheck.testing import Fault, ImageRule, LocalEcr
from made_images import FAST, REPOSITORY, check, index, manifest, put, verdicts

RULE = ImageRule(2_500, layers=2, broken=3)


def endless(*operations: Any) -> Fault:
    return Fault("token_endless", operations=operations)


def no_news(*operations: Any) -> Fault:
    """From the second page on, each is empty."""
    return Fault("omit", share=1.0, operations=operations, calls=(2, None))


@pytest.mark.parametrize("empty", [False, True], ids=["pages repeat", "pages are empty"])
@pytest.mark.parametrize("operation", ["DescribeImages", "ListImages"])
def test_a_listing_of_tokens_that_are_always_new_ends_as_incomplete(operation: Any, empty: bool) -> None:
    """Case 8."""
    faults = [endless(operation)]
    faults += [Fault("access_denied", operations=("DescribeImages",))] if operation == "ListImages" else []
    with LocalEcr({}) as ecr:
        children = [put(ecr, manifest(name)) for name in "abc"]
        whole = put(ecr, index(*map(manifest, "abcd")), "multi")
        ecr.set_faults([*faults, *([no_news(operation)] if empty else [])])
        report = check(ecr)
        assert ecr.counters.operations[operation] < 1_000
    (repository,) = report.repositories
    assert not repository.complete
    assert "the listing of team/app is incomplete: " in " ".join(report.notes)
    assert "pages in a row named nothing new" in " ".join(report.notes)
    assert not report.complete
    # The child that no page names is there, or is not: nobody can tell.
    found = verdicts(report)
    assert found[whole] == ("partial", "ListingIncomplete")
    assert {found[child] for child in children} == {("complete", None)}
    assert report.counts["incomplete"] == 0


def test_an_endless_listing_of_an_empty_repository_ends_too() -> None:
    with LocalEcr({REPOSITORY: {}}, faults=[endless("DescribeImages")]) as ecr:
        report = check(ecr)
    assert (report.images, report.complete) == (0, False)


def test_an_endless_listing_takes_nothing_from_what_it_named() -> None:
    with LocalEcr({REPOSITORY: RULE}, faults=[endless("DescribeImages")]) as ecr:
        report = check(ecr)
        assert {image.digest for image in report.find("incomplete")} == set(ecr.incomplete_images(REPOSITORY))
    assert report.images == 2_500


def test_a_repository_of_100_000_images_may_have_as_many_empty_pages_as_they_fill() -> None:
    """As with a filter that a service applies after it has cut the pages."""
    faults = [Fault("omit", share=1.0, operations=("DescribeImages",), calls=(2, 101))]
    with (
        LocalEcr({REPOSITORY: ImageRule(102_000, layers=1)}, faults=faults) as ecr,
        lc.ImageChecker(REPOSITORY, client=ecr.client(), **FAST) as checker,
    ):
        assert checker.estimate().images == 2_000


def test_repositories_that_are_listed_for_ever_are_an_error() -> None:
    with LocalEcr({REPOSITORY: RULE}, faults=[endless("DescribeRepositories")]) as ecr:
        with pytest.raises(lc.EndpointError, match="named nothing new, so that the repositories cannot be"):
            check(ecr, "*")
        assert ecr.counters.operations["DescribeImages"] == 0


def test_rules_that_are_listed_for_ever_do_not_deny_a_pull_through_cache() -> None:
    with LocalEcr({}, faults=[endless("DescribePullThroughCacheRules")]) as ecr:
        whole = put(ecr, index(manifest("a")), "multi")
        assert verdicts(check(ecr)) == {whole: ("partial", "PullThroughUnknown")}


def test_exclusions_that_are_listed_for_ever_tell_nothing() -> None:
    with LocalEcr({}, faults=[endless("ListPullTimeUpdateExclusions")]) as ecr:
        put(ecr, manifest("a"), "v1")
        ecr.exclude_pull_time()
        (note,) = check(ecr).notes
    assert "the exclusions cannot be read" in note
