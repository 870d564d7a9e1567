"""`layercheck images` when the service refuses something: what is shown, written and advised."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from layercheck.testing import Fault, ImageRule, LocalEcr
from layercheck.testing.faults import Operation
from made_images import REPOSITORY, index, manifest, put

from .conftest import Layercheck

FAST = ("--rate", "max", "--image-rate", "max", "--list-rate", "max")


def at(ecr: LocalEcr) -> tuple[str, ...]:
    return ("images", "--endpoint-url", ecr.endpoint_url, *FAST)


def test_a_parameter_that_the_service_refuses_is_not_wrong_usage_and_loses_no_verdict(
    layercheck: Layercheck, tmp_path: Path
) -> None:
    # Each repository takes two calls, and eight are checked at once: some are done before the 17th call.
    rules = {f"team/r{number:02}": ImageRule(40, layers=3, broken=1) for number in range(12)}
    with LocalEcr(rules, region_name="eu-west-1") as ecr:
        refused = Fault(
            "error",
            operations=("BatchCheckLayerAvailability",),
            code="InvalidParameterException",
            message="Invalid parameter",
            calls=(17, None),
        )
        ecr.set_faults([refused])
        ended = layercheck(*at(ecr), "team/*", "-o", tmp_path / "o.csv")
    assert ended.code != 2
    assert "--help" not in ended.err
    assert "InvalidParameterException" in ended.err
    assert "12 repositories" in ended.out
    rows = list(csv.DictReader((tmp_path / "o.csv").read_text().splitlines()))
    assert 0 < sum(row["verdict"] == "complete" for row in rows) < len(rows)


def test_a_name_that_the_service_refuses_fails_and_is_not_wrong_usage(layercheck: Layercheck) -> None:
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        for words in (("a",), ("a", "--dry-run")):
            ended = layercheck(*at(ecr), *words)
            assert (ended.code, ended.out) == (1, "")
            assert "InvalidParameterException" in ended.err
            assert "--help" not in ended.err


def test_a_dry_run_names_what_is_not_there_and_counts_the_rest(layercheck: Layercheck) -> None:
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        put(ecr, manifest("a"), "v1")
        for words in (("team/nosuch:v1",), (f"{REPOSITORY}:nosuch",)):
            ended = layercheck(*at(ecr), *words, "--dry-run")
            assert (ended.code, ended.out) == (1, "")
            assert "nosuch" in ended.err
        ended = layercheck(*at(ecr), REPOSITORY, "team/nosuch", "--dry-run")
        assert ended.code == 4
        assert "2 repositories, 1 image\n" in ended.out
        assert "team/nosuch could not be checked" in ended.err
        assert ended.err.endswith(
            "1 repository does not exist; check its name, the region and the registry\n"
        )
        assert {call.operation for call in ecr.calls} == {"DescribeImages"}


def test_a_dry_run_says_at_least_where_children_are_not_known(layercheck: Layercheck) -> None:
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        put(ecr, manifest("a"))
        put(ecr, index(manifest("a")), "multi")
        ended = layercheck(*at(ecr), f"{REPOSITORY}:multi", "--dry-run", "--rate", "0.5")
        assert ended.code == 0
        assert "a check would read at least 1 image, which ECR counts as pulls" in ended.out
        assert "≥ 1" in ended.out
        assert "2.0 s" in ended.out


ADVICE = {
    "a tag that is not there": (
        (f"{REPOSITORY}:v1", f"{REPOSITORY}:nosuch"),
        "1 repository does not have an image that is named; check the tags and digests",
    ),
    "a name that is too short": (("a", REPOSITORY), "the service refused to check 1 repository"),
    "a repository that is not there": (
        ("team/nosuch", REPOSITORY),
        "1 repository does not exist; check its name, the region and the registry",
    ),
}


@pytest.mark.parametrize(("targets", "last"), ADVICE.values(), ids=ADVICE)
def test_running_again_is_not_advised_where_it_never_helps(
    targets: tuple[str, ...], last: str, layercheck: Layercheck
) -> None:
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        put(ecr, manifest("a"), "v1")
        ended = layercheck(*at(ecr), *targets)
    assert ended.code == 4
    assert ended.err.splitlines()[-1] == f"layercheck: {last}"


@pytest.mark.parametrize("operation", ["BatchGetImage", "BatchCheckLayerAvailability"])
def test_a_denied_repository_comes_with_the_action_to_allow(
    operation: Operation, layercheck: Layercheck
) -> None:
    # Either repository may be the one that is denied.
    faults = [Fault("access_denied", operations=(operation,), calls=(1, 1))]
    with LocalEcr({}, region_name="eu-west-1", faults=faults) as ecr:
        put(ecr, manifest("a"))
        put(ecr, manifest("b"), repository="team/b")
        ended = layercheck(*at(ecr), REPOSITORY, "team/b")
    assert ended.code == 4
    assert f"the action to allow is ecr:{operation}\n" in ended.err
    last = "1 image has no verdict and access to 1 repository was denied; allow what was denied"
    assert ended.err.splitlines()[-1] == f"layercheck: {last}"


def test_a_failure_that_may_pass_is_worth_another_run(layercheck: Layercheck) -> None:
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        put(ecr, manifest("a"))
        ecr.set_faults([Fault("token_endless", operations=("DescribeImages",))])
        ended = layercheck(*at(ecr), REPOSITORY, "team/nosuch")
    assert ended.code == 4
    assert ended.err.splitlines()[-1] == (
        "layercheck: a listing is incomplete and 1 repository does not exist; check its name, the region and "
        "the registry, then run the same command again"
    )
