"""Measures a comparison of two audits of a million digests: `python bench studies.diff`.

Runs `lc.diff` on two journals and on two reports in each form, polars on the same two Parquet files (a full
join; the fastest peer that we know), and plain Python on the CSV files. Each trial is a process of its own.
Before it prints a figure, it compares the answers: the number of digests of each change, and the vanished
digests.
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
from offline.harness.measure import Task, Trial, in_own_process

RESULT = Path(__file__).parent.parent / "results" / "diff.json"
FORMS = ("journal", "parquet", "arrow", "csv", "jsonl")
CONTENDERS = {form: ("compare_layercheck", form) for form in FORMS} | {
    "polars, parquet": ("compare_polars", "parquet"),
    "dicts, csv": ("compare_dicts", "csv"),
}
"""Each contender's name, its module and the form that it reads."""
ROUNDS = 5
TIMEOUT_S = 600


def main() -> None:
    """Print the figures, and write them to bench/results with --keep."""
    options = argparse.ArgumentParser()
    options.add_argument("--digests", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--only", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS))
    options.add_argument("--folder", type=Path, help="folder of the audits; made there if they are missing")
    options.add_argument("--keep", action="store_true", help=f"write {RESULT.parent.name}/{RESULT.name}")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as temporary:
        folder = given.folder or Path(temporary)
        audits(folder, given.digests)
        trials: dict[str, list[Trial]] = {name: [] for name in given.only}
        for _ in range(given.rounds):
            for name, so_far in trials.items():
                module, form = CONTENDERS[name]
                both = [str(folder / f"{day}.{form}") for day in ("before", "after")]
                so_far.append(in_own_process(Task("compare", module, both), TIMEOUT_S))
    answers = {json.dumps(trial.answer, sort_keys=True) for every in trials.values() for trial in every}
    assert len(answers) == 1, f"the answers differ: {answers}"
    lines = [line(name, every, given.digests) for name, every in trials.items()]
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
    """Make two audits of nearly the same digests, in every form, unless the folder has them."""
    if (folder / "after.jsonl").exists():
        return
    import boto3

    folder.mkdir(exist_ok=True)
    # With a session given, layercheck takes its fast transport; the credentials are invented.
    session = boto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
    rows = np.random.default_rng(7).integers(0, 256, (count, 32), dtype=np.uint8)
    edge = count // 100
    # 90 % are available in the first audit, 85 % in the second; 1 % stands in one of the two alone.
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


def line(name: str, trials: list[Trial], digests: int) -> dict[str, Any]:
    """The figures to keep of a contender's trials."""
    median = statistics.median(trial.seconds for trial in trials)
    return {
        "name": name,
        "digests": digests,
        "seconds": [trial.seconds for trial in trials],
        "cpu_s": statistics.median(trial.cpu_seconds for trial in trials),
        "median_s": median,
        "min_s": min(trial.seconds for trial in trials),
        "digests_per_s": digests / median,
        "peak_bytes_per_digest": max(trial.peak_bytes - trial.before_bytes for trial in trials) / digests,
    }


if __name__ == "__main__":
    main()
