"""The example of Ray runs as it stands, against a local endpoint."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.dataset as pds

import layercheck as lc
from audited import ENVIRONMENT, digests, server, write_parts

EXAMPLE = Path(__file__).parents[3] / "examples" / "ray_audit.py"
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
ROWS = [*digests(500), *digests(50), "junk", None]


def test_the_example_gives_every_row_its_verdict(tmp_path: Path) -> None:
    write_parts(tmp_path / "rows", ROWS, 2)
    with server() as ecr:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        command = [sys.executable, str(EXAMPLE), "team/app", "rows", "audit"]
        environment = {**kept, **ENVIRONMENT, **QUIET, "AWS_ENDPOINT_URL": ecr.endpoint_url}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        report = lc.check(ROWS, "team/app", session=ecr.session(), endpoint_url=ecr.endpoint_url)
    found = pds.dataset(tmp_path / "audit-rows").to_table()["verdict"].to_pylist()
    assert Counter(found) == {word: rows for word, rows in report.counts.items() if rows}
    for word, rows in Counter(found).items():
        assert f"{word:12} {rows:>12,} rows" in done.stdout
