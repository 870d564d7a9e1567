"""What changed between two audits of a million digests: `python bench studies.diff`.

`lc.diff` of two journals and of two reports in each form in which they are written, beside polars on the same
two Parquet files (a full join; the fastest peer we know) and beside what one would write in plain Python for
the CSV files. Each lap is a process of its own. The answers are compared before any figure is printed: how
many digests of each kind there are, and which ones vanished.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import layercheck as lc
from layercheck.testing import LocalEcr
from offline.harness import results
from offline.harness.measure import Lap, Task, in_own_process

RESULT = Path(__file__).parent.parent / "results" / "diff.json"
FORMS = ("journal", "parquet", "arrow", "csv", "jsonl")
CONTESTANTS = {form: ("compare_layercheck", form) for form in FORMS} | {
    "polars, parquet": ("compare_polars", "parquet"),
    "dicts, csv": ("compare_dicts", "csv"),
}
"""Name of each to its module and the form that it reads."""
ROUNDS = 5
TIMEOUT_S = 600


def main() -> None:
    """Print the figures, and keep them if asked to."""
    options = argparse.ArgumentParser()
    options.add_argument("--digests", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--only", nargs="+", default=list(CONTESTANTS), choices=list(CONTESTANTS))
    options.add_argument("--folder", type=Path, help="where the audits are, or are to be made and stay")
    options.add_argument("--keep", action="store_true", help=f"write {RESULT.parent.name}/{RESULT.name}")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as temporary:
        folder = given.folder or Path(temporary)
        audits(folder, given.digests)
        laps: dict[str, list[Lap]] = {name: [] for name in given.only}
        for _ in range(given.rounds):
            for name, so_far in laps.items():
                module, form = CONTESTANTS[name]
                both = [str(folder / f"{day}.{form}") for day in ("before", "after")]
                so_far.append(in_own_process(Task("compare", module, both), TIMEOUT_S))
    answers = {json.dumps(lap.answer, sort_keys=True) for every in laps.values() for lap in every}
    assert len(answers) == 1, f"the answers differ: {answers}"
    lines = [line(name, every, given.digests) for name, every in laps.items()]
    for each in lines:
        print(
            f"{each['name']:16} {each['median_s']:7.3f} s (min {each['min_s']:.3f}), "
            f"{each['digests_per_s'] / 1e6:5.2f} M digests/s, "
            f"{each['peak_bytes_per_digest']:4.0f} bytes a digest"
        )
    if given.keep:
        kept = {"machine": results.machine(), "answer": json.loads(answers.pop()), "lines": lines}
        RESULT.write_text(json.dumps(kept, indent=1) + "\n")


def audits(folder: Path, count: int) -> None:
    """Two audits of nearly the same digests, in every form; made once for each folder."""
    if (folder / "after.jsonl").exists():
        return
    import boto3

    folder.mkdir(exist_ok=True)
    # With a session of ours the calls go the fast way; the credentials are no one's.
    session = boto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
    rows = np.random.default_rng(7).integers(0, 256, (count, 32), dtype=np.uint8)
    edge = count // 100
    # Nine in ten are there on the first day, some fewer on the second; a hundredth comes and goes.
    for name, part, share in (("before", rows[edge:], 0.9), ("after", rows[: count - edge], 0.85)):
        with LocalEcr(("app",), log_calls=0) as ecr:
            ecr.set_rule("app", "fraction", fraction=share)
            journal = folder / f"{name}.journal"
            report = lc.check(
                part, "app", session=session, endpoint_url=ecr.endpoint_url, rate="max", journal=journal
            )
        assert report.complete
        for form in FORMS[1:]:
            report.write(folder / f"{name}.{form}")


def line(name: str, laps: list[Lap], digests: int) -> dict[str, Any]:
    """What is kept of the laps of one of them."""
    median = statistics.median(lap.seconds for lap in laps)
    return {
        "name": name,
        "digests": digests,
        "seconds": [lap.seconds for lap in laps],
        "cpu_s": statistics.median(lap.cpu_seconds for lap in laps),
        "median_s": median,
        "min_s": min(lap.seconds for lap in laps),
        "digests_per_s": digests / median,
        "peak_bytes_per_digest": max(lap.peak_bytes - lap.before_bytes for lap in laps) / digests,
    }


if __name__ == "__main__":
    main()
