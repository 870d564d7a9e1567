"""The examples run as they stand, by spark-submit, against a local endpoint in the place of AWS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from audited import ENVIRONMENT, REPOSITORY, digests
from audited_images import image_server, rows
from layercheck.testing import LocalEcr
from processes import end_all

EXAMPLES = Path(__file__).parents[3] / "examples"


def submit(ecr: LocalEcr, folder: Path, example: str, *arguments: str) -> str:
    """Run an example by spark-submit; returns what it writes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    found = {
        "AWS_ENDPOINT_URL": ecr.endpoint_url,
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
    }
    settings = ["spark.ui.enabled=false", "spark.driver.host=127.0.0.1", "spark.driver.bindAddress=127.0.0.1"]
    command = ["spark-submit", "--master", "local[2]"]
    command += [word for each in settings for word in ("--conf", each)]
    process = subprocess.Popen(
        [*command, str(EXAMPLES / example), *arguments],
        cwd=folder,
        env={**kept, **ENVIRONMENT, **found},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output, errors = process.communicate(timeout=300)
    finally:
        end_all(process.pid)
    sys.stdout.write(output)  # for `make example-spark`, which shows it
    assert process.returncode == 0, errors[-3000:]
    return output


def test_spark_submit_runs_the_example(ecr: LocalEcr, tmp_path: Path) -> None:
    texts = [*digests(2000), digests(1)[0].upper(), "latest"]
    (tmp_path / "digests.txt").write_text("".join(f"{row}\n" for row in texts))
    output = submit(ecr, tmp_path, "spark_audit.py", REPOSITORY, "digests.txt", "audit")
    assert "2,002 rows, 1 invalid, 2,000 digests: " in output
    assert "complete" in output
    assert "|    invalid|    1|" in output
    assert 20 <= ecr.counters.calls <= 24


def test_spark_submit_runs_the_example_of_images(tmp_path: Path) -> None:
    names = ["team/3", "small/1", "empty", "no/such"]
    pq.write_table(rows(names), tmp_path / "repositories.parquet")
    with image_server() as server:
        output = submit(server, tmp_path, "spark_images.py", "repositories.parquet", "images")
    assert "|incomplete|    4|" in output
    assert "|failed|    1|" in output
