"""What the benchmarks of Dask and Ray share: inputs, kills at a count of the server, its seconds, results."""

from __future__ import annotations

import json
import os
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

import layercheck as lc
from audited import ENVIRONMENT, REPOSITORY, digests, of_one_process, write_parts
from layercheck.testing import LocalEcr
from offline.harness import results
from processes import end, until

CASES = tuple((askers, killed) for askers in (1, 2, 4, 8) for killed in (False, True))
"""Numbers of askers, and whether one of them is killed."""

WHOLE_SLICE: dict[str, Any] = {"rate": 100, "count": 2_400_000, "slices": 1, "cases": ((4, True),)}
"""A slice as `shard.slice_count` cuts them, four minutes of asking, in which one of four askers is killed.

In the short runs, the seconds until a new asker is at work are a large part of the time."""


def made_input(folder: Path, count: int) -> list[str]:
    """Parquet files with so many different digests."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_parts(folder / "rows", digests(count), 8, type=pa.string())


@contextmanager
def killing(ecr: LocalEcr, calls: int | None, choose: Callable[[], list[int]]) -> Iterator[None]:
    """End a process in the block as soon as the server has counted so many calls; None ends nothing."""
    if calls is None:
        yield
        return

    def kill() -> None:
        for _ in until(f"{calls} calls"):
            if ecr.counters.calls >= calls:
                break
        end(choose()[0])

    thread = threading.Thread(target=kill)
    thread.start()
    yield
    thread.join()


def is_right(ecr: LocalEcr, count: int, lines: list[Any]) -> bool:
    """Whether the lines are those of one process, row by row."""
    return lines == of_one_process(ecr, digests(count))


def in_seconds(ecr: LocalEcr, rate: float) -> dict[str, Any]:
    """The most calls in any second, wherever it begins, and what was used of the rate from first to last.

    The first call of all is the look at the settings, seconds before the others.
    """
    times = [call.at_ns / 1e9 for call in ecr.calls][1:]
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    begin, stop = times[0], times[-1]
    counts = Counter(int(at - begin) for at in times)
    whole = [counts[second] for second in range(1, int(stop - begin))]
    return {
        "calls": len(times),
        "most_in_any_second": most,
        "most_in_a_whole_second": max(whole),
        "median_in_a_whole_second": statistics.median(whole),
        "least_in_a_whole_second": min(whole),
        "used": round(len(times) / ((stop - begin) * rate), 3),
    }


def one_process_s(ecr: LocalEcr, paths: list[str], rate: float, output: Path) -> float:
    """Seconds that one process needs for the same files, from Parquet to Parquet."""
    import pyarrow.parquet as pq

    began = time.perf_counter()
    column = pa.concat_tables([pq.read_table(path) for path in paths])["digest"]
    report = lc.check(column, REPOSITORY, session=ecr.session(), endpoint_url=ecr.endpoint_url, rate=rate)
    report.write(output, unique=True)
    return time.perf_counter() - began


def measure(
    engine: str, version: str, result: Path, parts: dict[str, Callable[[], Iterator[dict[str, Any]]]]
) -> None:
    """Measure the parts that the command line names, or all; with `--keep`, write each line as it comes.

    So a run that ends early leaves what it had, and the parts of earlier runs that it did not reach.
    """
    os.environ.update(ENVIRONMENT)
    chosen = [each for each in sys.argv[1:] if each != "--keep"] or list(parts)
    names = [each for part in parts for each in (part, f"{part}_load")]
    for name in chosen:
        print(f"==> {name}", flush=True)
        began = round(os.getloadavg()[0], 1)
        found = []
        for line in parts[name]():
            print(line, flush=True)
            found.append(line)
            if "--keep" in sys.argv:
                kept = json.loads(result.read_text()) if result.exists() else {}
                kept |= {name: found, f"{name}_load": [began, round(os.getloadavg()[0], 1)]}
                about = results.setting(["boto3", "pyarrow", "pandas", "numpy"])
                measured = {each: kept[each] for each in names if each in kept}
                result.write_text(json.dumps({**about, engine: version, **measured}, indent=1) + "\n")
