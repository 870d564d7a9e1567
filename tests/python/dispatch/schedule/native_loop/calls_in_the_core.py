"""What the tests of calls in the core share: runs of many calls, and how many of these the core made."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import layercheck as lc
from dispatch.scripted_server import is_held
from fake_account import digests
from layercheck.dispatch.outcome import Answer
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy

LIMITS = Limits(
    retry=RetryPolicy(attempts=12, incomplete_attempts=8, back_off_base_s=0.001, back_off_cap_s=0.01),
    tick_s=0.02,
    grace_s=0.5,
    timeout_grace_s=0.05,
    stall_s=30.0,
    body_deadline_s=0.3,
)
MANY = digests(20_000)
CHECKSUM_AND_TIME = 14
"""Bytes before the outcomes of a call in a journal (`src/journal/frame.rs`): they differ from run to run."""


class InTheCore:
    """What the loops of a test merged."""

    def __init__(self) -> None:
        self.calls = 0
        self.hundred = threading.Event()

    def add(self, answers: Sequence[Answer]) -> None:
        self.calls += len(answers)
        if self.calls >= 100:
            self.hundred.set()


def opened(url: str, **options: Any) -> lc.Checker:
    options = {"rate": "max", "max_in_flight": 8, "_limits": LIMITS, **options}
    return lc.Checker("team/app", endpoint_url=url, **options)


def singly(rows: list[str]) -> lc.Plan:
    """One digest in each call, so that a run has many calls."""
    return lc.plan(rows, batch_size=1)


def assert_true(report: lc.Report, rows: list[str]) -> None:
    expected = [lc.Verdict.AVAILABLE if is_held(row) else lc.Verdict.UNAVAILABLE for row in rows]
    assert report.verdicts.tolist() == expected


def assert_true_as_far_as_known(report: lc.Report) -> None:
    assert all(is_held(digest) for digest in report.digests("available"))
    assert not any(is_held(digest) for digest in report.digests("unavailable"))


def cancelled(run: lc.Run) -> lc.Report:
    with pytest.raises(lc.RunCancelled) as caught:
        run.result(60)
    assert caught.value.report is not None
    return caught.value.report


def journaled(path: Path) -> list[tuple[int, int, bytes]]:
    with sqlite3.connect(path) as journal:
        stored = sorted(journal.execute("SELECT start, stop, payload FROM batches"))
    return [(start, stop, payload[CHECKSUM_AND_TIME:]) for start, stop, payload in stored]
