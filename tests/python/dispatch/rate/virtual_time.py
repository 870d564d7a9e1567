"""A clock that a test moves, and what a smooth rate looks like on it."""

import itertools


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def assert_smooth(times: list[float], rate: float) -> None:
    """No stretch holds more than its share and a tenth of a second's budget, and always one call."""
    burst = max(1.0, rate * 0.1)
    for first, last in itertools.combinations(range(0, len(times), max(1, len(times) // 80)), 2):
        assert last - first <= rate * (times[last] - times[first]) + burst + 1e-6
