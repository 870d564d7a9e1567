"""One cluster for all tests of this folder, and a server for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from audited import ENVIRONMENT, REPOSITORY, server
from layercheck import spark as lcs
from layercheck.testing import LocalEcr
from on_spark import session


@pytest.fixture(scope="session")
def cluster_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the cluster keeps its files."""
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="session")
def spark(cluster_folder: Path) -> Iterator[SparkSession]:
    """A cluster with two executors."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= ENVIRONMENT
    started = session.start(cluster_folder)
    started.sparkContext.setLogLevel("ERROR")
    logs = session.executor_logs(started)
    yield started
    started.stop()
    shutil.rmtree(logs, ignore_errors=True)


@pytest.fixture
def ecr() -> Iterator[LocalEcr]:
    """A server that has a half of all digests."""
    with server() as started:
        yield started


@pytest.fixture
def audit(ecr: LocalEcr, tmp_path: Path) -> Any:
    """`layercheck.spark.audit` against the server, fast, into the folder of the test."""

    def run(frame: DataFrame, **options: Any) -> DataFrame:
        given = {
            "path": tmp_path / "audit",
            "endpoint_url": ecr.endpoint_url,
            "region_name": "us-east-1",
            "rate": 2000,
            **options,
        }
        return lcs.audit(frame, given.pop("repository_name", REPOSITORY), **given)

    return run
