"""Simulates the pacer and a server's token bucket in virtual time: `python bench studies.pacing`.

The pacer does not know the server's capacity, and other clients take tokens from the same bucket. The figures
do not depend on the machine, and the same seed gives the same figures: a minute of 600 calls a second is
simulated in a fraction of a second. `tests/python/dispatch/rate/test_pacer_simulation.py`
checks their limits.

Figures: the share that the pacer got of what the other clients left in the bucket (or of the rate asked for,
if that is less), and the share of its calls that were throttled.
"""

from __future__ import annotations

import heapq
import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from layercheck._core import Pacer
from layercheck.dispatch.schedule.workers import TICK_S

RESULT = Path(__file__).parent.parent / "results" / "pace.json"
Others = Callable[[float], float]


@dataclass(frozen=True)
class Scenario:
    """A rate, a bucket, and the other clients of the bucket.

    Attributes:
        name: Name in the table.
        rate: Rate given to the pacer, calls per second; None for "max".
        capacity: Rate at which the bucket really refills, calls per second.
        burst: Size of the bucket.
        others: Function from the time in seconds to the calls per second of the other clients.
        latency_s: Latency of a call; each call takes 0.7 to 1.5 times as long.
        slots: Calls at once.
        least: Least share that the pacer must get.
        most_throttled: Greatest share of throttled calls.
    """

    name: str
    rate: float | None
    capacity: float
    burst: float
    others: Others
    latency_s: float = 0.02
    slots: int = 64
    least: float = 0.9
    most_throttled: float = 0.02


@dataclass(frozen=True)
class Figures:
    """The shares, and the answered calls per second."""

    got: float
    throttled: float
    per_second: float


def idle(_: float) -> float:
    return 0.0


def steadily(rate: float) -> Others:
    return lambda _: rate


def alternating(low: float, high: float, every_s: float) -> Others:
    return lambda now: high if int(now / every_s) % 2 else low


def all_at_once(at_s: float, rate: float) -> Others:
    return lambda now: rate if now >= at_s else 0.0


SCENARIOS = (
    Scenario("500 of 1,000, alone", 500, 1000, 1000, idle, least=0.99, most_throttled=0.0),
    Scenario("hidden 600 instead of 1,000", 1000, 600, 600, idle),
    Scenario("hidden 300 instead of 1,000, hardly any burst", 1000, 300, 30, idle),
    Scenario("hidden 100 instead of 1,000", 1000, 100, 100, idle),
    Scenario("others steadily take half", 1000, 1000, 1000, steadily(500)),
    Scenario("others take half from the 30th second on", 1000, 1000, 200, all_at_once(30, 500)),
    Scenario("others alternate 100 and 600 every 5 s", 1000, 1000, 1000, alternating(100, 600, 5)),
    Scenario("others alternate 0 and 600 every 10 s", 1000, 1000, 200, alternating(0, 600, 10)),
    Scenario("others alternate 0 and 600 every 1 s", 1000, 1000, 1000, alternating(0, 600, 1)),
    Scenario("500 of 1,000, others take 400", 500, 1000, 200, steadily(400)),
    Scenario("500 of 1,000, others take 800", 500, 1000, 200, steadily(800)),
    Scenario("rate max, 1,000, alone", None, 1000, 1000, idle),
    Scenario("rate max, 4,000, alone", None, 4000, 400, idle, slots=128),
    Scenario("rate max, others take 400", None, 1000, 200, steadily(400)),
    Scenario("rate max, others alternate 0 and 600 every 10 s", None, 1000, 200, alternating(0, 600, 10)),
    Scenario("40 ms: hidden 600 instead of 1,000", 1000, 600, 600, idle, latency_s=0.04),
    Scenario("40 ms: others steadily take half", 1000, 1000, 1000, steadily(500), latency_s=0.04),
    Scenario("40 ms: rate max, others take 400", None, 1000, 200, steadily(400), latency_s=0.04),
)


class Bucket:
    """The server's bucket: refills by `capacity` tokens a second up to `burst`."""

    def __init__(self, capacity: float, burst: float) -> None:
        self._capacity, self._burst = capacity, burst
        self._tokens, self._filled_at = burst, 0.0

    def take(self, now: float) -> bool:
        filled = self._tokens + (now - self._filled_at) * self._capacity
        self._tokens, self._filled_at = min(self._burst, filled), now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Simulation:
    """Runs one scenario, event by event."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.now = 0.0
        self.pacer = Pacer(scenario.rate, clock=lambda: self.now)
        self.answered = self.throttled = self.others = 0
        self._bucket = Bucket(scenario.capacity, scenario.burst)
        self._rng = random.Random(seed)
        self._free = scenario.slots
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = iter(range(sys.maxsize))
        self._looking = False

    def run(self, seconds: float) -> Figures:
        self._look_in(0.0)
        self._others_come_in(0.0)
        while self._events and self._events[0][0] <= seconds:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
        scenario = self.scenario
        left = scenario.burst + scenario.capacity * seconds - self.others
        asked_for = float("inf") if scenario.rate is None else scenario.rate * seconds
        return Figures(
            self.answered / min(left, asked_for),
            self.throttled / (self.answered + self.throttled),
            self.answered / seconds,
        )

    def _in(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), happen))

    def _look_in(self, seconds: float) -> None:
        if not self._looking:
            self._looking = True
            self._in(seconds, self._look)

    def _look(self) -> None:
        """Start as many calls as the pacer allows, then wait as long as it says."""
        self._looking = False
        while self._free:
            wait = self.pacer.reserve()
            if wait:
                self._look_in(max(wait, TICK_S))
                return
            self._free -= 1
            self._start()

    def _start(self) -> None:
        started_at = self.now
        latency = self.scenario.latency_s * self._rng.uniform(0.7, 1.5)

        def arrive() -> None:
            taken = self._bucket.take(self.now)
            self._in(latency / 2, lambda: self._end(started_at, taken))

        self._in(latency / 2, arrive)

    def _end(self, started_at: float, taken: bool) -> None:
        self._free += 1
        if taken:
            self.answered += 1
            self.pacer.answered(started_at)
        else:
            self.throttled += 1
            self.pacer.throttled(started_at)
        self._look_in(0.0)

    def _others_come_in(self, seconds: float) -> None:
        self._in(seconds, self._others_come)

    def _others_come(self) -> None:
        rate = self.scenario.others(self.now)
        if not rate:
            self._others_come_in(0.01)
            return
        self.others += self._bucket.take(self.now)
        self._others_come_in(self._rng.expovariate(rate))


def simulate(scenario: Scenario, *, seconds: float = 60.0, seed: int = 1) -> Figures:
    """Run a scenario, and return its figures."""
    return Simulation(scenario, seed).run(seconds)


def main() -> None:
    """Print the table, and write it to bench/results."""
    lines = []
    for scenario in SCENARIOS:
        runs = [simulate(scenario, seed=seed) for seed in range(1, 6)]
        worst = {
            "scenario": scenario.name,
            "got": round(min(run.got for run in runs), 4),
            "throttled": round(max(run.throttled for run in runs), 4),
            "calls_per_second": round(min(run.per_second for run in runs), 1),
        }
        lines.append(worst)
        print(
            f"{scenario.name:58} got {worst['got']:7.1%}  throttled {worst['throttled']:6.2%}  "
            f"{worst['calls_per_second']:7,.0f} calls/s"
        )
    kept = {"what": "worst of 5 seeds, 60 s of virtual time each", "seconds": 60, "scenarios": lines}
    RESULT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
