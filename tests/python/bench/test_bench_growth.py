"""The study of growth on small plans: it compares each plan with what the generator drew."""

from __future__ import annotations

from typing import Any

import pytest

import layercheck as lc
from studies import growth


def test_a_trial_tells_the_cost_of_a_row_of_a_true_plan() -> None:
    trial = growth.trial(20_000, 0.2, ready=True)
    assert (trial.rows, trial.duplicates, trial.ready) == (20_000, 0.2, True)
    assert trial.wall_ns > 0


def test_a_trial_fails_on_a_plan_of_other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    made = lc.plan

    def of_exchanged_rows(digests: Any) -> lc.Plan:
        exchanged = digests.copy()
        exchanged[[4, 5]] = digests[[5, 4]]
        return made(exchanged)

    monkeypatch.setattr(lc, "plan", of_exchanged_rows)
    with pytest.raises(AssertionError):
        growth.trial(20_000, 0.2, ready=False)
