"""Measures what a manifest costs, part by part: `python bench studies.manifests`.

Python's `json` and `hashlib` read and verify the same manifests as the core, and each part is measured alone:
the core's reader and its sha256, one by one and 100 at once (`bench/rust/manifests.rs`), `json.loads` and
`hashlib.sha256`. The figures
are those of the fastest of many rounds, which take turns, in nanoseconds for one manifest. Before it prints a
figure, it compares the answers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from offline.contenders import manifests_json, manifests_layercheck
from offline.data.manifests import documents
from offline.harness import results

ROOT = Path(__file__).parent.parent.parent
RESULT = ROOT / "bench" / "results" / "manifests.json"
LAYERS = 30
FORMS = {"compact": (",", ":"), "indented": None}


def main() -> None:
    """Print the figures, and write them to bench/results with --keep."""
    options = argparse.ArgumentParser()
    options.add_argument("--manifests", type=int, default=2_000)
    options.add_argument("--rounds", type=int, default=30)
    options.add_argument("--profile", default="release", help="profile of cargo")
    options.add_argument("--keep", action="store_true", help=f"write {RESULT.parent.name}/{RESULT.name}")
    given = options.parse_args()
    lines = [study(form, given.manifests, given.rounds, given.profile) for form in FORMS]
    for line in lines:
        print(line)
    if given.keep:
        kept = {"machine": results.machine(), "profile": given.profile, "lines": lines}
        RESULT.write_text(json.dumps(kept, indent=1) + "\n")


def study(form: str, count: int, rounds: int, profile: str) -> dict[str, object]:
    """The figures for manifests of 30 layers as one client or another writes them."""
    indented, _ = documents(count, LAYERS)
    separators = FORMS[form]
    made = (
        indented
        if separators is None
        else [json.dumps(json.loads(each), separators=separators).encode() for each in indented]
    )
    names = [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in made]
    both = (made, names)
    assert manifests_json.manifests(both) == manifests_layercheck.manifests(both)
    parts: dict[str, Callable[[], object]] = {
        "json + hashlib": lambda: manifests_json.manifests(both),
        "layercheck, from Python": lambda: manifests_layercheck.manifests(both),
        "json alone": lambda: one_by_one(json.loads, made),
        "hashlib alone": lambda: one_by_one(lambda each: hashlib.sha256(each).digest(), made),
    }
    fastest = dict.fromkeys(parts, float("inf"))
    for _ in range(rounds):
        for name, part in parts.items():
            start = time.perf_counter_ns()
            part()
            fastest[name] = min(fastest[name], (time.perf_counter_ns() - start) / count)
    core = in_the_core(made, rounds, profile)
    nanoseconds = {name: round(each) for name, each in fastest.items()}
    nanoseconds |= {f"layercheck, {name}": each for name, each in core.items()}
    peer = fastest["json + hashlib"]
    return {
        "form": form,
        "bytes": round(sum(map(len, made)) / count),
        "layers": LAYERS,
        "nanoseconds": nanoseconds,
        "times_as_fast": round(peer / fastest["layercheck, from Python"], 2),
        "times_as_fast_without_reading": round(peer / core["sha256, 100 at once"], 2),
    }


def one_by_one(part: Callable[[bytes], object], made: list[bytes]) -> None:
    """Keep no result, because memory for all of them takes as long again."""
    for each in made:
        part(each)


def in_the_core(made: list[bytes], rounds: int, profile: str) -> dict[str, int]:
    """Nanoseconds of the core's parts, measured without Python."""
    with tempfile.NamedTemporaryFile() as file:
        for each in made:
            file.write(len(each).to_bytes(8, "little") + each)
        file.flush()
        command = [
            "cargo",
            "run",
            "--profile",
            profile,
            "--locked",
            "--quiet",
            "--example",
            "bench_manifests",
        ]
        done = subprocess.run(
            [*command, "--", file.name, str(rounds)], cwd=ROOT, check=True, stdout=subprocess.PIPE
        )
    figures: dict[str, int] = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    main()
