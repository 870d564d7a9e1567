"""An image that is read counts as pulled: what is said of it, and how it is avoided."""

from __future__ import annotations

from pathlib import Path

import pytest

import layercheck as lc
from layercheck.testing import Fault, ImageRule, LocalEcr
from made_images import REPOSITORY, asked, check, index, manifest, put, sha

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


def said(report: lc.ImageReport) -> str:
    """The note on pull times, up to the command."""
    return next(note for note in report.notes if "pull time" in note).partition(";")[0]


def test_only_images_that_are_read_are_counted(tmp_path: Path) -> None:
    """Not archived ones, and not those whose manifests are kept."""
    kept = tmp_path / "kept"
    with LocalEcr({}) as ecr:
        for number in range(250):
            put(ecr, manifest(f"layer {number}"), f"{'ab'[number % 2]}{number}")
        ecr.archive(REPOSITORY, put(ecr, manifest("old")))
        assert said(check(ecr)) == "reading 250 images renews their pull times"
        check(ecr, tags=["b*"], manifests=kept)
        ecr.reset()
        report = check(ecr, manifests=kept)
        assert said(report) == "reading 125 images renews their pull times"
        assert len(asked(ecr, "BatchGetImage")) == 125
        assert report.counts == check(ecr, manifests=kept).counts


def test_what_a_chosen_index_needs_is_not_counted_yet() -> None:
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a"))
        put(ecr, manifest("b"))
        put(ecr, index(manifest("a"), manifest("b")), "v1")
        for report in (check(ecr, f"{REPOSITORY}:v1"), check(ecr, tags=["v*"])):
            assert said(report) == "reading at least 1 image renews its pull time"
        assert said(check(ecr)) == "reading 3 images renews their pull times"
        both = [f"{REPOSITORY}:v1", f"{REPOSITORY}@{sha(manifest('a'))}"]
        assert said(check(ecr, both)) == "reading at least 2 images renews their pull times"
