"""Options of the suite, and the fixtures that run its cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from offline.data import endpoint
from offline.harness import results
from offline.harness.case import Case, Contender, Record, Setting, run_trials
from offline.harness.replay import Runner

CACHE = Path(__file__).parent.parent / ".cache"
RUN = pytest.StashKey[dict[str, dict[str, Record]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("layercheck")
    group.addoption("--most-rows", type=int, help="most rows of an input")
    group.addoption("--rounds", type=int, default=3, help="trials of every contender (default 3)")
    group.addoption("--cache", type=Path, default=CACHE, help="folder of the inputs (default bench/.cache)")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RUN] = {}


def pytest_benchmark_generate_machine_info() -> dict[str, object]:
    """Replaces the plugin's, because that tells the host's name."""
    return results.machine()


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, object]) -> None:
    output_json["rounds"] = config.getoption("rounds")
    output_json["most_rows"] = config.getoption("most_rows")
    # A failed test has no benchmark; without this list its contender would just be absent.
    output_json["problems"] = {
        case: problems
        for case, records in config.stash[RUN].items()
        if (problems := {name: record.problem for name, record in records.items() if record.problem})
    }


@pytest.fixture(scope="session")
def setting(pytestconfig: pytest.Config) -> Iterator[Setting]:
    with endpoint.on_demand() as endpoint_url:
        option = pytestconfig.getoption
        yield Setting(option("cache"), option("most_rows"), option("rounds"), endpoint_url)


@pytest.fixture
def run_case(request: pytest.FixtureRequest, setting: Setting) -> Runner:
    """Runs a case once, with all contenders that were selected, and returns the record of one of them."""
    run = request.config.stash[RUN]

    def record(case: Case, contender: Contender) -> Record:
        if case.name not in run:
            selected: list[dict[str, Any]] = [
                item.callspec.params
                for item in request.session.items
                if isinstance(item, pytest.Function) and hasattr(item, "callspec")
            ]
            names = {params["contender"].name for params in selected if params.get("case") is case}
            selected_contenders = [each for each in case.contenders if each.name in names]
            run[case.name] = run_trials(case, selected_contenders, setting)
        return run[case.name][contender.name]

    return record
