"""Options of the suite, and how the races come to pytest-benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from offline.data import endpoint
from offline.harness import case as racing
from offline.harness import results
from offline.harness.case import Contestant, Course, Race, Setting
from offline.harness.replay import Runner

CACHE = Path(__file__).parent.parent / ".cache"
RUN = pytest.StashKey[dict[str, dict[str, Course]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("layercheck")
    group.addoption("--most-rows", type=int, help="no input has more rows than this")
    group.addoption("--rounds", type=int, default=3, help="turns of every contestant (default 3)")
    group.addoption("--cache", type=Path, default=CACHE, help="folder for inputs (default bench/.cache)")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RUN] = {}


def pytest_benchmark_generate_machine_info() -> dict[str, object]:
    """In place of the plugin's, which has the host's name."""
    return results.machine()


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, object]) -> None:
    output_json["rounds"] = config.getoption("rounds")
    output_json["most_rows"] = config.getoption("most_rows")
    # Failed tests have no benchmark, and a failed contestant must not just be absent.
    output_json["troubles"] = {
        race: troubles
        for race, courses in config.stash[RUN].items()
        if (troubles := {name: course.trouble for name, course in courses.items() if course.trouble})
    }


@pytest.fixture(scope="session")
def setting(pytestconfig: pytest.Config) -> Iterator[Setting]:
    with endpoint.on_demand() as endpoint_url:
        option = pytestconfig.getoption
        yield Setting(option("cache"), option("most_rows"), option("rounds"), endpoint_url)


@pytest.fixture
def run_race(request: pytest.FixtureRequest, setting: Setting) -> Runner:
    """Runs the race of a test with all contestants that were selected; once, for all of their tests."""
    run = request.config.stash[RUN]

    def course(race: Race, contestant: Contestant) -> Course:
        if race.name not in run:
            selected: list[dict[str, Any]] = [
                item.callspec.params
                for item in request.session.items
                if isinstance(item, pytest.Function) and hasattr(item, "callspec")
            ]
            names = {params["contestant"].name for params in selected if params.get("race") is race}
            run[race.name] = racing.run(race, [one for one in race.contestants if one.name in names], setting)
        return run[race.name][contestant.name]

    return course
