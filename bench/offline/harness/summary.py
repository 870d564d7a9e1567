"""Turns pytest-benchmark's JSON into a dated result, a table for the terminal and the published table.

python bench offline.harness.summary RUN.json [--results FOLDER] [--page]
python bench offline.harness.summary --from bench/results/DATE-MACHINE.json --page
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from offline.harness import tables
from offline.harness.page import PAGE, insert_table

BEGIN = "<!-- benchmarks: begin (written by `make bench`) -->"
END = "<!-- benchmarks: end -->"


def last_result(folder: Path, kind: str) -> Path:
    """The newest result of the whole suite on a machine of this kind.

    Raises:
        FileNotFoundError: If the folder has none.
    """
    dated = sorted(folder.glob(f"????-??-??-{kind}.json"))
    if not dated:
        raise FileNotFoundError(
            f"{folder} has no result of a machine of the kind {kind}; run `make bench` first"
        )
    return dated[-1]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", type=Path, help="file that pytest wrote with --benchmark-json")
    parser.add_argument("--from", dest="result", type=Path, help="show an earlier result instead of a run")
    parser.add_argument("--results", type=Path, help="folder of the dated result")
    parser.add_argument(
        "--again",
        action="store_true",
        help="put the cases of a partial run into the last result of this machine",
    )
    parser.add_argument("--page", action="store_true", help=f"write the table into {PAGE.name}")
    chosen = parser.parse_args()
    if (chosen.run is None) == (chosen.result is None):
        parser.error("give either a run or --from")
    if chosen.result:
        document: dict[str, Any] = json.loads(chosen.result.read_text())
    else:
        from offline.harness import results

        document = results.document(json.loads(chosen.run.read_text()))
        if chosen.again:
            earlier = last_result(chosen.results, document["machine"]["kind"])
            document = results.measured_again(document, json.loads(earlier.read_text()))
    print(tables.as_text(document))
    if chosen.results:
        chosen.results.mkdir(parents=True, exist_ok=True)
        path = chosen.results / f"{document['date']}-{document['machine']['kind']}.json"
        path.write_text(json.dumps(document, indent=1) + "\n")
        print(f"\nwritten: {path}")
    if chosen.page:
        PAGE.write_text(insert_table(PAGE.read_text(), tables.as_markdown(document), begin=BEGIN, end=END))
        print(f"written: {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
