"""Counts the calls of askers at their shares, one of which is killed: `python bench studies.shares [--keep]`.

Each asker is a process of its own. One is killed (`kill -9`) when the endpoint has counted a third of the
calls, and a new one asks its whole part again, as an engine does. The endpoint tells when each call came, so
the worst second may start at any call.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import pyarrow as pa

from layercheck import shard
from layercheck.testing import Call, EvenDigests, LocalEcr

RESULT = Path(__file__).parent.parent / "results" / "shares.json"
RATE: Final = 400.0
CALLS: Final = 6_400
ASKERS: Final = (1, 2, 4, 8)


@dataclass(frozen=True)
class Measured:
    """One number of askers.

    Attributes:
        askers: Askers at the same time.
        rate: Calls a second of all together.
        killed: Whether one was killed on the way.
        calls: Calls that the endpoint counted.
        twice: Calls beyond those that are necessary.
        worst_second: Most calls in any second, as a share of the rate.
        used: Calls a second in the seconds in which all askers were asking, as a share of the rate.
        throttled: Calls that the endpoint throttled.
        restart_s: The longest time without a call of the part whose asker was killed, seconds.
        stall_ms: The longest time in which the process of the endpoint got no processor. It counts calls when
            it reads them, so calls that wait for it are counted with later ones: at 400 calls a second, four
            for each 10 ms. The askers save nothing up (`test_stalls_and_successors_of_dead_askers_...`).
    """

    askers: int
    rate: float
    killed: bool
    calls: int
    twice: int
    worst_second: float
    used: float
    throttled: int
    restart_s: float
    stall_ms: float


class StallProbe:
    """Measures for how long at most a thread of this process that wants to run every 2 ms does not."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        before = time.monotonic()
        while not self._end.wait(0.002):
            now = time.monotonic()
            self.longest_s = max(self.longest_s, now - before - 0.002)
            before = now

    def __enter__(self) -> StallProbe:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def ask(endpoint_url: str, part: int, askers: int, calls: int, rate: float) -> None:
    """What an asker does, in a process of its own."""
    share = shard.share_of(rate, askers=askers)
    settings = shard.Settings(
        "app", endpoint_url=endpoint_url, session="layercheck.testing:dummy_session", rate=rate
    )
    texts = digests(part, askers, calls)
    asking = shard.ask(shard.prepare([pa.record_batch({"digest": texts})]), settings, share)
    for batch in asking:
        assert batch.num_rows
    asking.outcome.raise_error()


def digests(part: int, askers: int, calls: int) -> list[str]:
    """The digests of one part."""
    return [hashlib.sha256(b"%d-%d" % (part, number)).hexdigest() for number in range(calls * 100 // askers)]


def start(endpoint_url: str, part: int, askers: int, calls: int, rate: float) -> subprocess.Popen[bytes]:
    """Start an asker."""
    given = json.dumps([endpoint_url, part, askers, calls, rate])
    return subprocess.Popen([sys.executable, __file__, given], cwd=Path(__file__).parents[1])


def measure(askers: int, *, kill: bool, calls: int = CALLS, rate: float = RATE) -> Measured:
    """Let the askers ask, and look at what the endpoint counted."""
    with (
        LocalEcr({"app": EvenDigests()}, region_name=None, latency_ms=10, log_calls=4 * calls) as ecr,
        StallProbe() as probe,
    ):
        processes = [start(ecr.endpoint_url, part, askers, calls, rate) for part in range(askers)]
        if kill:
            while ecr.counters.calls < calls // 3:
                assert all(process.poll() is None for process in processes)
                time.sleep(0.01)
            processes[0].kill()
            processes[0].wait()
            processes[0] = start(ecr.endpoint_url, 0, askers, calls, rate)
        codes = [process.wait() for process in processes]
        assert codes == [0] * askers
        log, throttled = ecr.calls, ecr.counters.throttled
    own = {f"sha256:{each}" for each in digests(0, askers, calls)}
    of_first = [call.at_ns / 1e9 for call in log if call.digests[0] in own]
    at = sorted(call.at_ns / 1e9 for call in log)
    worst = max(bisect.bisect_left(at, moment + 1.0) - number for number, moment in enumerate(at))
    return Measured(
        askers,
        rate,
        kill,
        len(at),
        len(at) - calls,
        round(worst / rate, 4),
        round(_used(at, askers, rate, times_of_parts(log, askers, calls)), 4),
        throttled,
        round(max(later - earlier for earlier, later in pairwise(of_first)), 2) if kill else 0.0,
        round(probe.longest_s * 1e3, 1),
    )


def times_of_parts(log: Sequence[Call], askers: int, calls: int) -> list[list[float]]:
    """When the calls of each part came."""
    part_of = {f"sha256:{each}": part for part in range(askers) for each in digests(part, askers, calls)}
    parts: list[list[float]] = [[] for _ in range(askers)]
    for call in log:
        parts[part_of[call.digests[0]]].append(call.at_ns / 1e9)
    return parts


def _used(at: list[float], askers: int, rate: float, parts: list[list[float]]) -> float:
    """The rate while every part was being asked, without the pauses in which one had no asker."""
    begin, end = max(part[0] for part in parts), min(part[-1] for part in parts)
    pauses = [
        (earlier, later)
        for part in parts
        for earlier, later in pairwise(part)
        if later - earlier > 0.5 and begin <= earlier < end
    ]
    missing = sum(min(later, end) - earlier for earlier, later in pauses) / askers
    calls = bisect.bisect_right(at, end) - bisect.bisect_left(at, begin)
    return calls / (end - begin - missing) / rate


def main(keep: bool) -> None:
    """Print the table; with `keep`, write it to bench/results too."""
    measured = [measure(askers, kill=kill) for kill in (False, True) for askers in ASKERS]
    for each in measured:
        print(
            f"{each.askers} askers{', one killed' if each.killed else '':12}: worst second "
            f"{each.worst_second:6.1%} of {each.rate:.0f} calls/s, used {each.used:6.1%}, "
            f"{each.twice:5,} of {each.calls:,} calls twice, {each.throttled} throttled, "
            f"part without an asker for {each.restart_s} s, endpoint stalled for {each.stall_ms} ms at most",
            flush=True,
        )
    if keep:
        from offline.harness import results  # here, because an asker starts without the folder of benchmarks

        kept = {"machine": results.machine(), "runs": [asdict(each) for each in measured]}
        RESULT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1].startswith("["):
        ask(*json.loads(sys.argv[1]))
    else:
        main("--keep" in sys.argv)
