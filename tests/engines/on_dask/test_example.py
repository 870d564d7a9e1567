"""The example of Dask runs as it stands, against a local endpoint."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.dataset as pds
import pyarrow.parquet as pq

import layercheck as lc
from audited import ENVIRONMENT, digests, server, write_parts
from audited_images import image_server, rows

EXAMPLES = Path(__file__).parents[3] / "examples"
EXAMPLE = EXAMPLES / "dask_audit.py"
ROWS = [*digests(500), *digests(50), "junk", None]


def test_the_example_gives_every_row_its_verdict(tmp_path: Path) -> None:
    write_parts(tmp_path / "rows", ROWS, 2)
    with server() as ecr:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        command = [sys.executable, str(EXAMPLE), "team/app", "rows", "audit"]
        environment = {**kept, **ENVIRONMENT, "AWS_ENDPOINT_URL": ecr.endpoint_url}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        report = lc.check(ROWS, "team/app", session=ecr.session(), endpoint_url=ecr.endpoint_url)
    found = pds.dataset(tmp_path / "audit-rows").to_table()["verdict"].to_pylist()
    assert Counter(found) == {word: count for word, count in report.counts.items() if count}
    for word, count in Counter(found).items():
        assert f"{word:12} {count:>12,} rows" in done.stdout


def test_the_example_of_images_says_what_is_broken(tmp_path: Path) -> None:
    names = ["team/3", "small/1", "empty", "no/such"]
    pq.write_table(rows(names), tmp_path / "repositories.parquet")
    with image_server() as ecr:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        command = [sys.executable, str(EXAMPLES / "dask_images.py"), "repositories.parquet", "images"]
        environment = {**kept, **ENVIRONMENT, "AWS_ENDPOINT_URL": ecr.endpoint_url}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
    broken = pds.dataset(tmp_path / "images-broken").to_table()["repository"].to_pylist()
    assert Counter(broken) == {"team/3": 3, "small/1": 1}
    assert f"{'incomplete':12} {4:>12,} images" in done.stdout
    assert f"{'failed':12} {1:>12,} repositories" in done.stdout
