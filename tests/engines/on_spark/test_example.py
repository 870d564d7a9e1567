"""The example runs as it stands, by spark-submit, against a local endpoint in the place of AWS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from audited import ENVIRONMENT, REPOSITORY, digests
from layercheck.testing import LocalEcr
from processes import end_all

EXAMPLE = Path(__file__).parents[3] / "examples" / "spark_audit.py"


def test_spark_submit_runs_the_example(ecr: LocalEcr, tmp_path: Path) -> None:
    rows = [*digests(2000), digests(1)[0].upper(), "latest"]
    (tmp_path / "digests.txt").write_text("".join(f"{row}\n" for row in rows))
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
    command += [str(EXAMPLE), REPOSITORY, "digests.txt", "audit"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
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
    assert "2,002 rows, 1 invalid, 2,000 digests: " in output
    assert "complete" in output
    assert "|    invalid|    1|" in output
    assert 20 <= ecr.counters.calls <= 24
