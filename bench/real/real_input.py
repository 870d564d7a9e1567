"""Checks real digests end to end, and compares each verdict with a truth that layercheck did not compute.

There are two inputs:

* The SHA256 fields of Debian's package lists on this disk (some 66,000). A local endpoint holds half of
  them. A file has them in every spelling that people use, with repeats, junk, comments and blank lines.
* An image as an OCI layout, made from Debian packages. Its config and its layers must be available with
  the sizes and media types of its manifest; its manifest and an absent digest must be unavailable.

`hashlib` decides which half the endpoint holds, how a row is spelled and which rows are junk; the package
and the endpoint do not. The exit code is 1 if any verdict is wrong.

Needs Debian after `apt-get update`, and the packages `umoci` and `skopeo`
(`apt-get install --no-install-recommends umoci skopeo`). It does not contact a registry.

    python bench real.real_input
    python bench real.real_input --only lists --results /tmp/results
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

import layercheck as lc
from layercheck.testing import LocalEcr
from real import debian_lists, dirty_rows, image_layout

RESULTS = Path(__file__).parent.parent / "results"


@dataclass
class Outcome:
    """The result of one input."""

    name: str
    numbers: dict[str, Any]
    wrong: list[str] = field(default_factory=list)

    def expect(self, what: str, got: object, wanted: object) -> None:
        """Note a difference, and go on, so that one run shows all differences."""
        if got != wanted:
            self.wrong.append(f"{what}: got {got!r}, truth is {wanted!r}")


def check(server: LocalEcr, repository_name: str, rows: Any) -> tuple[lc.Report, float]:
    """Check `rows` at the endpoint; return the report and the seconds."""
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1")
    began = time.perf_counter()
    report = lc.check(
        rows, repository_name, session=session, endpoint_url=server.endpoint_url, rate="max", max_in_flight=32
    )
    return report, time.perf_counter() - began


def check_lists(folder: Path) -> Outcome:
    """Check the SHA256 fields of the package lists; the endpoint holds half of them."""
    fields = list(debian_lists.sha256_fields())
    rows = dirty_rows.rows(fields)
    source = folder / "digests.txt"
    source.write_bytes(dirty_rows.as_file(rows))
    held = {hex_digits for hex_digits in fields if dirty_rows.held(hex_digits)}
    with LocalEcr() as server:
        server.put("debian", [f"sha256:{hex_digits}" for hex_digits in sorted(held)])
        report, seconds = check(server, "debian", source)

    truth = [
        "invalid" if row.hex is None else "available" if row.hex in held else "unavailable" for row in rows
    ]
    outcome = Outcome(
        "Debian package lists",
        {
            "fields": len(fields),
            "rows": len(rows),
            "unique": len(set(fields)),
            "held": len(held),
            "counts": dict(sorted(report.counts.items())),
            "calls": report.stats.calls,
            "seconds": round(seconds, 3),
            "spellings": report.plan.spellings,
            "rejects": report.plan.reject_counts,
        },
    )
    outcome.expect("rows", report.rows, len(rows))
    outcome.expect("unique digests", report.plan.unique, len(set(fields)))
    outcome.expect("complete", report.complete, True)
    counted = Counter(truth)
    outcome.expect("counts", report.counts, {v.label: counted[v.label] for v in lc.Verdict})
    got = [lc.Verdict(code).label for code in report.verdicts.tolist()]
    for number, (row, said, wanted) in enumerate(zip(rows, got, truth, strict=True)):
        outcome.expect(f"row {number} {row.text!r}", said, wanted)
    # The list of digests of each verdict shows that the counts belong to the right digests.
    in_order = [f"sha256:{hex_digits}" for hex_digits in dict.fromkeys(fields)]
    for verdict, is_held in (("available", True), ("unavailable", False)):
        wanted_list = [text for text in in_order if (text[7:] in held) == is_held]
        outcome.expect(f"list of {verdict}", report.digests(verdict) == wanted_list, True)
    return outcome


def check_image(folder: Path) -> Outcome:
    """Check the config and the layers of a real image, its manifest, and an absent digest."""
    image = image_layout.build(folder)
    absent = "sha256:" + hashlib.sha256(b"no layer of this image").hexdigest()
    blobs = [image.config, *image.layers]
    rows = [blob.digest for blob in blobs] + [image.manifest.digest, absent]
    # The same digests again, as paths of the layout.
    rows += [image_layout.blob_path(image.folder, blob.digest).as_posix() for blob in blobs]
    with LocalEcr() as server:
        server.put_oci_layout("image", image.folder)
        report, seconds = check(server, "image", rows)

    outcome = Outcome(
        "image from Debian packages",
        {
            "packages": list(image_layout.PACKAGES),
            "layers": len(image.layers),
            "bytes": sum(blob.size for blob in blobs),
            "counts": dict(sorted(report.counts.items())),
            "seconds": round(seconds, 3),
        },
    )
    held = ["available"] * len(blobs)
    # The operation answers for layers only; a manifest is not a layer, although its blob is in the layout.
    truth = [*held, "unavailable", "unavailable", *held]
    outcome.expect("verdicts", [lc.Verdict(code).label for code in report.verdicts.tolist()], truth)
    lines = report.to_arrow(unique=True).to_pylist()
    for blob, line in zip(blobs, lines, strict=False):
        on_disk = image_layout.blob_path(image.folder, blob.digest).read_bytes()
        outcome.expect(
            "the layout's own digest", "sha256:" + hashlib.sha256(on_disk).hexdigest(), blob.digest
        )
        outcome.expect(f"size of {blob.digest}", line["size"], len(on_disk))
        outcome.expect(f"media type of {blob.digest}", line["media_type"], blob.media_type)
    return outcome


def write(outcomes: list[Outcome], results: Path) -> Path:
    """Write a dated result that tells the kind of the machine, and not its name or owner."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    results.mkdir(parents=True, exist_ok=True)
    path = results / f"{today}-real-input.json"
    document = {
        "case": "real input",
        "date": today,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "layercheck": lc.build_info(),
        "inputs": [
            {"name": outcome.name, **outcome.numbers, "wrong": len(outcome.wrong)} for outcome in outcomes
        ],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path


def main() -> int:
    """Run the chosen inputs; return 1 if any verdict is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=["lists", "image"], help="check only this input")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON result")
    chosen = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="layercheck-real-") as folder:
        if chosen.only != "image":
            outcomes.append(check_lists(Path(folder)))
        if chosen.only != "lists":
            outcomes.append(check_image(Path(folder)))
    for outcome in outcomes:
        print(outcome.name)
        for name, value in outcome.numbers.items():
            print(f"  {name}: {value}")
        print(f"  wrong: {len(outcome.wrong)}")
        for line in outcome.wrong[:20]:
            print(f"  WRONG {line}", file=sys.stderr)
    print(f"result written to {write(outcomes, chosen.results).name}")
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
