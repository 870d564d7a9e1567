"""Reports of all four kinds for pages, with what is wrong in them known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import layercheck as lc
import made_images
import made_report
from layercheck._core import columns_of_parts
from layercheck.push.actions import PushRow
from layercheck.testing import LocalEcr
from layercheck.types import Ending

TARGET = lc.Target("team/app", "123456789012", "eu-west-1")


def digest(number: int) -> str:
    return "sha256:" + hashlib.sha256(str(number).encode()).hexdigest()


def report_of(
    verdicts: Sequence[lc.Verdict], *, ended: Ending = "done", target: lc.Target = TARGET
) -> lc.Report:
    """A report with these verdicts of so many digests; `ended` as in `RunStats`."""
    plan = lc.plan([digest(number) for number in range(len(verdicts))])
    return report_on(plan, verdicts, ended=ended, target=target)


def report_on(
    plan: lc.Plan, verdicts: Sequence[lc.Verdict], *, ended: Ending = "done", target: lc.Target = TARGET
) -> lc.Report:
    """A report on the digests of a plan, with these verdicts and without sizes."""
    number = len(verdicts)
    sizes = b"\xff" * 8 * number
    columns = columns_of_parts(plan, bytes(verdicts), sizes, bytes(2 * number), bytes(2 * number), [], [])
    stats = lc.RunStats(calls=3, requests=4, retries=1, throttles=1, seconds=2.0, ended=ended)
    return lc.Report(columns, target=target, stats=stats)


def report() -> lc.Report:
    """Six rows: two available, one unavailable, one refused, one invalid, one never asked."""
    return made_report.report()


def images() -> lc.ImageReport:
    """Three images: one is whole, one lacks a layer, one is archived."""
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        made_images.put(ecr, made_images.manifest("a", "b"), "whole")
        made_images.put(ecr, made_images.manifest("a", "c"), "v1", "broken", lacking=["c"])
        old = made_images.put(ecr, made_images.manifest("a", "d"), "old")
        ecr.archive(made_images.REPOSITORY, old)
        return made_images.check(ecr)


def push() -> lc.PushPlan:
    """Four rows: one is skipped, one uploaded, one lacking, and a manifest is uploaded."""
    rows = (
        PushRow("skip", digest(1), 1_000, "a/b", "layer"),
        PushRow("upload", digest(2), 2_000_000, "a/b", "layer", note="<b>note</b>"),
        PushRow("lacking", digest(3), 3_000, "a/b", "config", in_source=False, note="not in the source"),
        PushRow("upload", digest(4), 400, "a/b", "manifest"),
    )
    return lc.PushPlan("image.tar", TARGET, "v2", "free", rows, ())


def changes() -> lc.Changes:
    """Four digests: one vanished, one appeared, one stayed, one is new."""
    there, gone = lc.Verdict.AVAILABLE, lc.Verdict.UNAVAILABLE
    return lc.diff(report_of([there, gone, there]), report_of([gone, there, there, there]))
