"""An image that is read counts as pulled: what is said of it, and how it is avoided."""

from __future__ import annotations

import pytest

import layercheck as lc
from layercheck.testing import Fault, ImageRule, LocalEcr
from made_images import REPOSITORY, check

RULE = ImageRule(20, layers=2)


def test_an_excluded_role_leaves_the_pull_times_as_they_are() -> None:
    with LocalEcr({REPOSITORY: RULE}) as ecr:
        ecr.exclude_pull_time()
        report = check(ecr, require_exclusion=True)
        assert report.counts["complete"] == 20
        assert {ecr.pull_time(REPOSITORY, digest) for digest in ecr.images(REPOSITORY)} == {None}
        assert not report.notes


def test_without_an_exclusion_one_line_says_so_with_the_command() -> None:
    with LocalEcr({REPOSITORY: RULE}) as ecr:
        report = check(ecr)
        assert None not in {ecr.pull_time(REPOSITORY, digest) for digest in ecr.images(REPOSITORY)}
        (note,) = report.notes
        assert note.startswith("reading 20 images renews their pull times")
        role = f"arn:aws:iam::{ecr.account_id}:role/local-ecr"
        assert note.endswith(f"aws ecr register-pull-time-update-exclusion --principal-arn {role}")
        ecr.exclude_pull_time(role)
        assert not check(ecr).notes


def test_a_required_exclusion_that_is_not_there_reads_nothing() -> None:
    with LocalEcr({REPOSITORY: RULE, "team/web": RULE}) as ecr:
        with pytest.raises(lc.PullTimeError, match="nothing was read") as caught:
            check(ecr, "team/*", require_exclusion=True)
        assert ecr.counters.operations["BatchGetImage"] == 0
        report: lc.ImageReport = caught.value.images  # type: ignore[attr-defined]
        assert set(report.counts.values()) <= {0, report.counts["not_checked"]}


@pytest.mark.parametrize("operation", ["ListPullTimeUpdateExclusions", "GetCallerIdentity"])
def test_what_cannot_be_told_is_said(operation: str) -> None:
    denied = Fault("access_denied", operations=(operation,))  # type: ignore[arg-type]
    with LocalEcr({REPOSITORY: RULE}, faults=[denied]) as ecr:
        report = check(ecr)
        assert report.counts["complete"] == 20
        (note,) = report.notes
        assert note.startswith("reading images may renew their pull times")
        with pytest.raises(lc.PullTimeError):
            check(ecr, require_exclusion=True)
