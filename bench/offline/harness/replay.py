"""The laps of a race as rounds of pytest-benchmark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from offline.harness.case import Contestant, Course, Race

Runner = Callable[[Race, Contestant], Course]

_elapsed = [0.0]


def stopwatch() -> float:
    """A timer that shows what the laps took in their own processes."""
    return _elapsed[0]


def replay(benchmark: Any, course: Course) -> None:
    """Hand a course's laps to pytest-benchmark, one a round."""
    laps = iter(course.laps)

    def lap() -> None:
        _elapsed[0] += next(laps).seconds

    benchmark.pedantic(lap, rounds=len(course.laps))
