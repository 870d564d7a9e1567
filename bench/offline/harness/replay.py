"""Hands the trials of a case to pytest-benchmark as its rounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from offline.harness.case import Case, Contender, Record

Runner = Callable[[Case, Contender], Record]

_elapsed = [0.0]


def stopwatch() -> float:
    """Seconds that the trials replayed so far took in their own processes."""
    return _elapsed[0]


def replay(benchmark: Any, record: Record) -> None:
    """Replay the trials of a record, one in each round."""
    trials = iter(record.trials)

    def trial() -> None:
        _elapsed[0] += next(trials).seconds

    benchmark.pedantic(trial, rounds=len(record.trials))
