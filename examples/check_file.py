"""Check a file of digests, write a report, and show what is missing.

python examples/check_file.py team/app digests.txt report.csv
"""

import sys
from pathlib import Path

import layercheck as lc


def main(repository: str, digests: str, output: str) -> None:
    """Check the digests of a text file and write a line per row."""
    # The journal makes the check safe to end at any instant: run the same command again to go on.
    report = lc.check(Path(digests), repository, journal=f"{output}.journal", progress=True)
    report.write(output)
    for verdict, rows in report.counts.items():
        if rows:
            print(f"{verdict:12} {rows:>12,} rows")
    missing = report.digests("unavailable")
    print(f"{len(missing):,} digests are missing; the first of them:")
    for digest in missing[:10]:
        print(digest)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
