"""A small soak: it passes, and each of its checks can fail."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from calls import soak


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return soak.soak(20_000)


def test_a_small_soak_is_flat_and_true(told: dict[str, Any]) -> None:
    # A small soak may meet more or fewer faults than one in twenty; only the large one can check the share.
    assert [problem for problem in soak.problems(told) if "calls met a fault" not in problem] == []
    assert told["server"]["calls"] >= 200
    assert sum(told["faults"].values()) > 0
    assert told["samples"][-1]["settled"] == 20_000


def test_together_the_faults_are_one_call_in_twenty() -> None:
    assert sum(fault.probability for fault in soak.script()) == pytest.approx(0.05)
    assert {fault.kind for fault in soak.script()} == set(soak.KINDS)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("untrue",), 1, "1 verdicts are untrue"),
        (("complete",), False, "untrue or missing"),
        (("faults",), {"cut": 1}, "of the calls met a fault"),
        (("server", "calls"), 10**9, "these faults never fired"),
        (("samples", 0, "descriptors"), 10**6, "1000000 file descriptors"),
        (("samples", 0, "threads"), 10**6, "1000000 threads"),
        (("after", "descriptors"), 10**6, "descriptors are left"),
        (("after", "threads"), 10**6, "threads are left"),
        (("samples", -1, "resident_bytes"), 10**12, "memory grew by"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_what_is_not_as_it_must_be_is_told(
    told: dict[str, Any], path: tuple[Any, ...], value: Any, problem: str
) -> None:
    broken: Any = copy.deepcopy(told)
    broken["faults"].pop("cut", None)
    inner = broken
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    assert any(problem in each for each in soak.problems(broken))
