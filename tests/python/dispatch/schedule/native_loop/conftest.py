"""Counts the calls that the core made in each test of this folder."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dispatch.schedule.native_loop.calls_in_the_core import InTheCore
from layercheck.dispatch.outcome import Answer
from layercheck.dispatch.schedule.metrics import Metrics


@pytest.fixture(autouse=True)
def in_the_core(monkeypatch: pytest.MonkeyPatch) -> InTheCore:
    seen, record = InTheCore(), Metrics.record_answers

    def count(self: Metrics, answers: Sequence[Answer]) -> None:
        seen.add(answers)
        record(self, answers)

    monkeypatch.setattr(Metrics, "record_answers", count)
    return seen
