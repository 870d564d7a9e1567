"""Servers that hang, send a byte at a time, or stop in the middle of an answer: a check of images ends."""

from __future__ import annotations

from typing import Any

import pytest

import layercheck as lc
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy
from layercheck.testing import Fault, ImageRule, LocalEcr
from made_images import FAST, REPOSITORY

ATTEMPTS = 3
BODY_S, CALL_S = 0.5, 2.0
LIMITS = Limits(
    retry=RetryPolicy(attempts=ATTEMPTS, back_off_base_s=0.0, back_off_cap_s=0.0),
    body_deadline_s=BODY_S,
    call_deadline_s=CALL_S,
)
RULE = ImageRule(60, layers=3)
STOPS: list[Any] = ["cut", "reset_body", "truncate", "unfinished", "cut_head", "reset_head", "disconnect"]
SLOW: dict[str, Fault] = {"a byte a millisecond": Fault("slow"), "no answer": Fault("latency", ms=60_000)}
OPERATIONS: list[Any] = ["DescribeRepositories", "DescribeImages", "BatchGetImage", "GetDownloadUrlForLayer"]


def checked(ecr: LocalEcr, target: Any) -> lc.ImageReport:
    session = ecr.session()
    with lc.ImageChecker(
        target, session=session, endpoint_url=ecr.endpoint_url, _limits=LIMITS, **FAST
    ) as checker:
        return checker.check()


def again(fault: Fault, operation: Any, calls: tuple[int, int | None]) -> Fault:
    """The same fault for these calls of an operation."""
    return Fault(fault.kind, ms=fault.ms, operations=(operation,), calls=calls)


@pytest.mark.parametrize("fault", [*map(Fault, STOPS), *SLOW.values()], ids=lambda fault: fault.kind)
@pytest.mark.parametrize("operation", ["DescribeImages", "BatchGetImage"])
def test_one_repository_without_answers_leaves_the_verdicts_of_the_other(
    operation: Any, fault: Fault
) -> None:
    # The first call is answered, and every attempt of the other repository's call fails.
    with LocalEcr({REPOSITORY: RULE, "team/web": RULE}) as ecr:
        ecr.set_faults([again(fault, operation, (2, 1 + ATTEMPTS))])
        report = checked(ecr, [REPOSITORY, "team/web"])
        assert ecr.counters.operations[operation] == 1 + ATTEMPTS
    states = sorted(each.state for each in report.repositories)
    assert report.counts["complete"] == RULE.images
    assert not report.complete
    if operation == "DescribeImages":
        assert states == ["done", "failed"]
        assert (report.images, len(report.errors)) == (RULE.images, 1)
    else:
        assert states == ["done", "done"]
        assert report.counts["undecided"] == RULE.images
        (code,) = {image.code for image in report.find("undecided")}
        assert code


@pytest.mark.parametrize("fault", [*map(Fault, STOPS), *SLOW.values()], ids=lambda fault: fault.kind)
@pytest.mark.parametrize("operation", OPERATIONS[:3])
def test_one_answer_that_stops_is_asked_for_again(operation: Any, fault: Fault) -> None:
    with LocalEcr({REPOSITORY: ImageRule(60, layers=3, broken=2)}) as ecr:
        ecr.set_faults([again(fault, operation, (1, 1))])
        report = checked(ecr, "*")
        assert {image.digest for image in report.find("incomplete")} == set(ecr.incomplete_images(REPOSITORY))
        assert ecr.counters.faults[fault.kind] == 1
    assert report.complete


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_service_that_never_answers_one_operation_ends_the_check(operation: Any) -> None:
    with LocalEcr({REPOSITORY: ImageRule(60, layers=3, broken=2)}) as ecr:
        ecr.set_faults([again(SLOW["no answer"], operation, (1, None))])
        if operation in ("DescribeRepositories", "DescribeImages"):
            with pytest.raises(lc.EndpointError, match=f"{operation}: CallAbandoned: no answer in time"):
                checked(ecr, "*")
            return
        report = checked(ecr, "*")
        truth = set(ecr.incomplete_images(REPOSITORY))
    if operation == "BatchGetImage":
        assert report.counts["undecided"] == RULE.images
    else:
        # What was denied twice is missing, also without the word of a second witness.
        assert {image.digest for image in report.find("incomplete")} == truth
