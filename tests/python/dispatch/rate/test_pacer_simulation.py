"""The pacer finds what a server's token bucket really gives, beside other clients of the bucket."""

import pytest

from studies.pacing import SCENARIOS, Bucket, Scenario, simulate


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_nearly_all_the_bucket_gives_is_used_and_next_to_nothing_is_throttled(scenario: Scenario) -> None:
    figures = simulate(scenario)
    print(figures)  # noqa: T201 (`pytest -rP` shows it)
    assert scenario.least <= figures.got <= 1.0 + 1e-9
    assert figures.throttled <= scenario.most_throttled


def test_the_simulated_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = Bucket(100.0, 10.0)
    assert sum(bucket.take(0.0) for _ in range(50)) == 10
    assert sum(bucket.take(0.05) for _ in range(50)) == 5
    assert sum(bucket.take(100.0) for _ in range(50)) == 10
