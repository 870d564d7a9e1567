"""What a check would cost: what `ImageChecker.estimate` counts, and what it says it does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import layercheck as lc
from layercheck.images.estimate import ImageCost
from layercheck.testing import Fault, LocalEcr
from made_images import FAST, REPOSITORY, index, manifest, put


def cost(ecr: LocalEcr, targets: Any = REPOSITORY, **options: Any) -> ImageCost:
    with lc.ImageChecker(targets, client=ecr.client(), **{**FAST, **options}) as checker:
        return checker.estimate()


def line(found: ImageCost, operation: str) -> Any:
    return next(each for each in found.lines if each.operation == operation)


@pytest.mark.parametrize(("rate", "seconds"), [(0.5, 4.0), (None, 0.004), ("max", 0.0)])
def test_the_rate_of_the_layer_check_counts(rate: Any, seconds: float) -> None:
    with LocalEcr({}) as ecr:
        for number in range(5):
            put(ecr, manifest(f"layer {number}"))
        blobs = line(cost(ecr, rate=rate), "BatchCheckLayerAvailability")
    assert (blobs.calls, blobs.seconds, blobs.bound) == (2, seconds, "at_most")


def test_named_images_are_looked_up_and_nothing_is_pulled() -> None:
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a"), "v1", "latest")
        archived = put(ecr, manifest("b"), "old")
        ecr.archive(REPOSITORY, archived)
        two = cost(ecr, [f"{REPOSITORY}:v1", f"{REPOSITORY}:latest"])
        assert (two.images, two.exact, line(two, "BatchGetImage").bound) == (1, True, "exact")
        assert cost(ecr, f"{REPOSITORY}:old").images == 0
        many = [f"{REPOSITORY}@{put(ecr, manifest(f'layer {number}'))}" for number in range(250)]
        ecr.reset()
        calls = line(cost(ecr, many), "DescribeImages").calls
        assert calls == ecr.counters.operations["DescribeImages"] == 3
        assert not {"BatchGetImage", "BatchCheckLayerAvailability"} & {each.operation for each in ecr.calls}
        assert ecr.pull_time(REPOSITORY, ecr.images(REPOSITORY)[0]) is None


def test_an_image_that_is_not_there_is_said_and_the_others_are_counted() -> None:
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a"), "v1")
        found = cost(ecr, [f"{REPOSITORY}:v1", f"{REPOSITORY}:nosuch"])
        assert found.images == 1
        (error,) = found.errors
        assert (error.repository, error.state) == (REPOSITORY, "failed")
        assert "repository 'team/app' has no image 'nosuch'" in error.reason
        with pytest.raises(lc.RepositoryNotFoundError, match="'team/app' has no image 'nosuch'"):
            cost(ecr, f"{REPOSITORY}:nosuch")
        with pytest.raises(lc.RepositoryNotFoundError, match='repository "team/nosuch"'):
            cost(ecr, "team/nosuch:v1")


def test_the_children_of_chosen_indexes_are_not_known_so_that_the_numbers_are_the_least() -> None:
    with LocalEcr({}) as ecr:
        images = [manifest(f"layer {number}") for number in range(250)]
        for each in images:
            put(ecr, each)
        put(ecr, index(*images), "multi")
        put(ecr, manifest("alone"), "v1")
        for found in (cost(ecr, f"{REPOSITORY}:multi"), cost(ecr, tags=["multi"])):
            assert (found.images, found.exact) == (1, False)
            assert [each.bound for each in found.lines] == ["at_least", "at_least", "about"]
            assert not any(each.exact for each in found.lines)
        for found in (cost(ecr), cost(ecr, tags=["v1"])):
            assert found.exact
            assert [each.bound for each in found.lines] == ["exact", "exact", "at_most"]


def test_a_repository_that_cannot_be_listed_takes_nothing_from_the_others(tmp_path: Path) -> None:
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a"))
        put(ecr, manifest("b"), repository="team/denied")
        # Repositories are listed one after the other, so the second call is for the second one.
        faults = [
            Fault("access_denied", operations=("DescribeImages",), calls=(2, 2)),
            Fault("access_denied", operations=("ListImages",)),
        ]
        ecr.set_faults(faults)
        found = cost(ecr, [REPOSITORY, "team/denied", "team/nosuch"], manifests=tmp_path / "kept")
        assert (found.repositories, found.images) == (3, 1)
        states = {error.repository: error.state for error in found.errors}
        assert states == {"team/nosuch": "failed", "team/denied": "denied"}
        assert found.errors[0].reason.endswith("the action to allow is ecr:DescribeImages")
        with pytest.raises(lc.RepositoryNotFoundError, match='repository "team/nosuch"'):
            cost(ecr, ["team/nosuch", "team/nosuch2"])


def test_an_error_that_concerns_every_repository_is_raised() -> None:
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a"))
        put(ecr, manifest("b"), repository="team/b")
        expired = Fault("error", operations=("DescribeImages",), code="UnrecognizedClientException")
        ecr.set_faults([expired])
        with pytest.raises(lc.CredentialsError):
            cost(ecr, [REPOSITORY, "team/b"])
