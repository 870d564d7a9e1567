"""The benchmark of shares on a small input: every part is asked to its end, whoever is killed."""

from __future__ import annotations

import pytest

from studies import shares


@pytest.mark.parametrize("kill", [False, True])
def test_every_part_is_asked_to_its_end_whoever_is_killed(kill: bool) -> None:
    found = shares.measure(2, kill=kill, calls=120)
    assert found.calls == 120 + found.twice
    assert found.twice >= 0
    assert kill or found.twice == 0
    assert found.throttled == 0
