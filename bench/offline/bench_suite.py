"""Makes every contender of every case a benchmark; its answer is checked before its times."""

from __future__ import annotations

import pytest

from offline.cases import CASES
from offline.harness import results
from offline.harness.case import Case, Contender
from offline.harness.replay import Runner, replay, stopwatch

LINES = [
    pytest.param(case, contender, id=f"{case.name}-{contender.name}")
    for case in CASES
    for contender in case.contenders
]


# The first test of a case runs all contenders, so its time limit is that of the whole case.
@pytest.mark.timeout(3600)
@pytest.mark.benchmark(timer=stopwatch)
@pytest.mark.parametrize(("case", "contender"), LINES)
def test_case(case: Case, contender: Contender, run_case: Runner, request: pytest.FixtureRequest) -> None:
    record = run_case(case, contender)
    assert not record.problem, "\n".join(record.problem)
    # Requested only now, because the plugin warns of a benchmark that a failed test never used.
    benchmark = request.getfixturevalue("benchmark")
    benchmark.group = case.name
    benchmark.extra_info.update(results.line(case, contender, record))
    replay(benchmark, record)
