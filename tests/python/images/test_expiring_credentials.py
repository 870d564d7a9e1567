"""Credentials that expire during a check of images: renewed ones go on, others end it with what is known."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.credentials import RefreshableCredentials

import layercheck as lc
from layercheck.testing import Fault, ImageRule, LocalEcr
from made_images import REPOSITORY, check

RULE = ImageRule(220, layers=2, broken=3, indexes=10)
NEEDED = ["DescribeRepositories", "DescribeImages", "BatchGetImage", "BatchCheckLayerAvailability"]
OPTIONAL = [
    "DescribePullThroughCacheRules",
    "GetCallerIdentity",
    "GetDownloadUrlForLayer",
    "ListPullTimeUpdateExclusions",
]


def images_of(error: BaseException) -> lc.ImageReport:
    report: lc.ImageReport = error.images  # type: ignore[attr-defined]
    assert sum(report.counts.values()) == report.images
    return report


def broken(report: lc.ImageReport) -> set[str]:
    return {image.digest for image in report.find("incomplete")}


@pytest.mark.parametrize("operation", [*NEEDED, "ListImages", *OPTIONAL])
def test_credentials_that_are_renewed_go_on(operation: Any) -> None:
    """Case 46. The first two calls of the operation meet expired credentials."""
    faults = [Fault("expired_token", operations=(operation,), calls=(1, 2))]
    if operation == "ListImages":
        faults.append(Fault("access_denied", operations=("DescribeImages",)))
    with LocalEcr({REPOSITORY: RULE}, faults=faults) as ecr:
        report = check(ecr, "*", session=ecr.session(lifetime_s=3600))
        assert ecr.counters.faults["expired_token"] > 0
        assert broken(report) == set(ecr.incomplete_images(REPOSITORY))
    assert report.complete


def session_with_a_new_key_for_each_call() -> boto3.Session:
    """Of credentials that are good for a minute, and that botocore renews an hour early."""
    numbers = itertools.count(1)

    def fetch() -> dict[str, str]:
        end = datetime.now(UTC) + timedelta(minutes=1)
        keys = {"access_key": f"key-{next(numbers)}", "secret_key": "secret", "token": "token"}
        return {**keys, "expiry_time": end.isoformat()}

    inner: Any = botocore.session.Session()
    inner._credentials = RefreshableCredentials.create_from_metadata(
        fetch(), refresh_using=fetch, method="test", advisory_timeout=3600, mandatory_timeout=0
    )
    return boto3.Session(region_name="us-east-1", botocore_session=inner)


def test_a_new_key_for_each_call_is_enough() -> None:
    """Case 46. A key is good for one call."""
    with LocalEcr({REPOSITORY: RULE}, faults=[Fault("expired_key", uses=1)]) as ecr:
        report = check(ecr, "*", session=session_with_a_new_key_for_each_call())
        assert broken(report) == set(ecr.incomplete_images(REPOSITORY))
    assert report.complete


@pytest.mark.parametrize("operation", [*NEEDED, "ListImages"])
def test_expired_credentials_end_the_check_with_the_report_so_far(operation: Any) -> None:
    faults = [Fault("expired_token", operations=(operation,))]
    if operation == "ListImages":
        faults.append(Fault("access_denied", operations=("DescribeImages",)))
    names = {REPOSITORY: RULE, "team/web": RULE}
    with LocalEcr(names, faults=faults) as ecr:
        with pytest.raises(lc.CredentialsError, match=f"{operation}|ExpiredToken") as caught:
            check(ecr, "*")
        report = images_of(caught.value)
    is_listed = operation in ("BatchGetImage", "BatchCheckLayerAvailability")
    assert report.counts["not_checked"] + report.counts["undecided"] == report.images
    assert (report.images > 0) == is_listed
    assert not report.complete


@pytest.mark.parametrize("operation", OPTIONAL)
def test_what_a_check_can_do_without_may_meet_expired_credentials(operation: Any) -> None:
    with LocalEcr({REPOSITORY: RULE}, faults=[Fault("expired_token", operations=(operation,))]) as ecr:
        report = check(ecr)
        assert broken(report) <= set(ecr.incomplete_images(REPOSITORY))
        assert report.counts["complete"] == RULE.images - len(ecr.incomplete_images(REPOSITORY))


@pytest.mark.parametrize("uses", range(1, 20))
def test_a_key_that_expires_at_any_call_makes_no_false_alarm(uses: int) -> None:
    """A key without renewal, good for so many calls of all operations together."""
    with LocalEcr({REPOSITORY: RULE}, faults=[Fault("expired_key", uses=uses)]) as ecr:
        truth = set(ecr.incomplete_images(REPOSITORY))
        ended: lc.CredentialsError | None = None
        try:
            report = check(ecr)
        except lc.CredentialsError as error:
            ended, report = error, images_of(error)
    assert broken(report) <= truth
    if ended is not None:
        assert "ExpiredToken" in str(ended)
        assert report.counts["not_checked"] + report.counts["undecided"] > 0 or not report.images
