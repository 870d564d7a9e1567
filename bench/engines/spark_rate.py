"""Does the sum of all askers keep to the rate, in every second, if one of them is killed?"""

from __future__ import annotations

import statistics
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from engines.audit_rounds import CASES
from engines.spark_cluster import Server, asker, audit, cluster, digests, is_right, killing


def rate(
    rate: int = 400, count: int = 240_000, slices: int = 1, cases: Iterable[tuple[int, bool]] = CASES
) -> Iterator[dict[str, Any]]:
    """Calls in every second, for each number of askers, once whole and once with an asker killed."""
    with cluster("local-cluster[4,2,1024]") as spark, Server(latency_ms=10) as server:
        frame = digests(spark, count)
        for askers, kill in cases:
            server.ask("reset")
            with tempfile.TemporaryDirectory() as folder:
                with killing(server, 600 if kill else None, asker):
                    table = audit(server, frame, f"{folder}/audit", rate=rate, askers=askers, slices=slices)
                times = server.ask("times")
                right = is_right(server, frame, table)
            line = {"askers": askers, "killed": kill, "rate": rate, "right": right}
            yield line | in_seconds(times, rate)


def in_seconds(times: list[float], rate: float) -> dict[str, Any]:
    """The most calls in any second, and what was used of the rate from the first call to the last.

    The first call of all is the look at the settings, seconds before the others.
    """
    times = times[1:]
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    begin, end = times[0], times[-1]
    counts = Counter(int(at - begin) for at in times)
    whole = [counts[second] for second in range(1, int(end - begin))]
    return {
        "calls": len(times),
        "most_in_any_second": most,
        "least_in_a_whole_second": min(whole),
        "median_in_a_whole_second": statistics.median(whole),
        "used": round(len(times) / ((end - begin) * rate), 3),
    }
