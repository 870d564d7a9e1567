"""Every contestant of every race is a benchmark: answers first, then times."""

from __future__ import annotations

import pytest

from offline.cases import RACES
from offline.harness import results
from offline.harness.case import Contestant, Race
from offline.harness.replay import Runner, replay, stopwatch

LINES = [
    pytest.param(race, contestant, id=f"{race.name}-{contestant.name}")
    for race in RACES
    for contestant in race.contestants
]


# The first test of a race runs all of it.
@pytest.mark.timeout(3600)
@pytest.mark.benchmark(timer=stopwatch)
@pytest.mark.parametrize(("race", "contestant"), LINES)
def test_race(race: Race, contestant: Contestant, run_race: Runner, request: pytest.FixtureRequest) -> None:
    course = run_race(race, contestant)
    assert not course.trouble, "\n".join(course.trouble)
    # Asked for only now: the plugin complains of a benchmark that a failed test never used.
    benchmark = request.getfixturevalue("benchmark")
    benchmark.group = race.name
    benchmark.extra_info.update(results.line(race, contestant, course))
    replay(benchmark, course)
