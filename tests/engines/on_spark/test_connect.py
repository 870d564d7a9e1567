"""Spark Connect, and other sessions that need a process of their own."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pyspark
import pytest

from audited import of_one_process
from layercheck.testing import LocalEcr
from on_spark.test_kills import ROWS, TEXTS, Job

JARS = Path(pyspark.__file__).parent / "jars"

needs_connect = pytest.mark.skipif(
    not any(JARS.glob("spark-connect_*.jar")),
    reason="this pyspark brings no server of Spark Connect (3.5 does not), so Connect was not tested with it",
)


@needs_connect
def test_through_connect_the_table_is_that_of_one_process(ecr: LocalEcr, tmp_path: Path) -> None:
    found = Job(tmp_path, ecr, remote="local[2]", options={"rate": 1000, "slices": 2}).result()
    assert "connect" in found["session"]
    assert [tuple(line) for line in found["lines"]] == of_one_process(ecr, TEXTS)
    assert found["attached"]["invalid"] == 1
    assert sum(found["attached"].values()) == ROWS + 1


@needs_connect
def test_through_connect_a_fatal_error_is_our_exception_too(ecr: LocalEcr, tmp_path: Path) -> None:
    found = Job(tmp_path, ecr, remote="local[2]", repository_name="team/nothing").result()
    assert found["error"] == "RepositoryNotFoundError"
    assert ecr.counters.calls == 1


@needs_connect
def test_through_connect_a_column_that_is_not_there_is_named_too(ecr: LocalEcr, tmp_path: Path) -> None:
    found = Job(tmp_path, ecr, remote="local[2]", options={"column": "layer"}).result()
    assert found["error"] == "InvalidParameterError"
    assert found["message"] == "no column 'layer'; there are 'digest'"
    assert ecr.counters.calls == 0


def test_where_spark_may_run_copies_of_tasks_each_gets_half(ecr: LocalEcr, tmp_path: Path) -> None:
    settings = {"spark.speculation": "true"}
    found = Job(tmp_path, ecr, master="local[2]", rows=500, settings=settings, options={"slices": 1}).result()
    assert found["share"] == 25.0  # of a rate of 100, two tasks and their copies
    assert len(found["lines"]) == 500


def test_a_worker_without_the_packages_is_told_at_the_first_look(ecr: LocalEcr, tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    found = Job(tmp_path, ecr, master="local[2]", python=str(bare)).result()
    assert found["error"] == "LayercheckError"
    # layercheck itself, unless PYTHONPATH has it
    assert re.match(
        "a worker of the cluster cannot import (layercheck|pyarrow|numpy|boto3); install", found["message"]
    )
    assert ecr.counters.calls == 0
