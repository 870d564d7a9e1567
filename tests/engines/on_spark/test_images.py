"""Images on Spark: the tables are those of one process, whatever process ends on the way."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

import layercheck as lc
from audited import SECRET, TOKEN
from audited_images import FAST, NAMES, REGION, image_server, of_one_process
from layercheck import shard
from layercheck import spark as lcs
from layercheck.spark import images
from layercheck.testing import LocalEcr
from on_spark.tables import image_lines
from on_spark.test_connect import needs_connect
from on_spark.test_kills import Job, askers, executors, killed
from processes import end, end_all

SLOW = {"rate": 500, "image_rate": 20, "list_rate": 20}
"""Calls per second at which the check takes some seconds, so that a process can end in it."""


def frame(spark: SparkSession, names: list[str] = NAMES) -> DataFrame:
    """The repositories as a frame."""
    return spark.createDataFrame([(REGION, name) for name in names], "region string, repository string")


def of_one_process_as_text(server: LocalEcr) -> dict[str, list[str]]:
    """The lines of one process, as a job writes its own."""
    return {name: sorted(found.elements()) for name, found in of_one_process(server).items()}


@pytest.fixture
def server() -> Any:
    """A server that has the images."""
    with image_server() as ecr:
        yield ecr


def test_the_tables_are_those_of_one_process(spark: SparkSession, server: LocalEcr, tmp_path: Path) -> None:
    found = lcs.audit_images(frame(spark), path=tmp_path / "images", endpoint_url=server.endpoint_url, **FAST)
    assert image_lines(found) == of_one_process(server)
    before = server.counters.calls
    again = lcs.audit_images(frame(spark), path=tmp_path / "images", endpoint_url=server.endpoint_url, **FAST)
    # What does not exist is looked for again; nothing else is.
    assert server.counters.calls - before <= 8
    assert image_lines(again) == of_one_process(server)


@pytest.mark.parametrize("choose", ["python worker", "executor"])
def test_a_worker_killed_while_it_checks_costs_its_part(
    spark: SparkSession, server: LocalEcr, tmp_path: Path, choose: str
) -> None:
    find = executors if choose == "executor" else lambda: askers(server.port)
    with killed(server, 60, find):
        found = lcs.audit_images(
            frame(spark), path=tmp_path / "images", endpoint_url=server.endpoint_url, **SLOW
        )
    asked = server.counters.operations["BatchGetImage"]
    server.reset()
    assert image_lines(found) == of_one_process(server)
    least = server.counters.operations["BatchGetImage"]
    assert least <= asked <= 2 * least


def test_the_same_job_goes_on_after_the_driver_is_gone(server: LocalEcr, tmp_path: Path) -> None:
    job = Job(tmp_path, server, images=NAMES, options={"askers": 1, "slices": None, **SLOW})
    process = job.start()
    try:
        while server.counters.calls < 100:  # a cluster takes its time to start
            assert process.poll() is None, job.log[-3000:]
            time.sleep(0.002)
        end(process.pid)
        process.wait()
    finally:
        end_all(process.pid)
    assert job.result()["tables"] == of_one_process_as_text(server)


@needs_connect
def test_through_connect_the_tables_are_those_of_one_process(server: LocalEcr, tmp_path: Path) -> None:
    found = Job(tmp_path, server, remote="local[2]", images=NAMES, options={"slices": None, **FAST}).result()
    assert found["tables"] == of_one_process_as_text(server)


def test_if_nothing_can_be_checked_the_driver_raises_our_class(
    spark: SparkSession, server: LocalEcr, tmp_path: Path
) -> None:
    with pytest.raises(lc.RepositoryNotFoundError):
        lcs.audit_images(frame(spark, ["no/such"]), path=tmp_path, endpoint_url=server.endpoint_url)


def test_a_frame_without_repositories_is_said(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(lc.InvalidParameterError, match="no column 'repository'; there are 'name'"):
        lcs.audit_images(spark.createDataFrame([("app",)], "name string"), path=tmp_path)
    given = spark.createDataFrame([("app", 1)], "repository string, registry_id bigint")
    with pytest.raises(TypeError, match="the column 'registry_id' is bigint; expected string"):
        lcs.audit_images(given, path=tmp_path)


@pytest.mark.parametrize("lost", ["a file", "a folder"])
def test_lines_that_are_gone_are_said_and_checked_again_without_their_manifest(
    spark: SparkSession, server: LocalEcr, tmp_path: Path, lost: str
) -> None:
    def check() -> Any:
        return lcs.audit_images(
            frame(spark), path=tmp_path / "images", endpoint_url=server.endpoint_url, **FAST
        )

    check()
    folder = max((tmp_path / "images" / "images").iterdir(), key=lambda each: sum(1 for _ in each.iterdir()))
    if lost == "a file":
        max(folder.glob("part-*.parquet"), key=lambda each: each.stat().st_size).unlink()
    else:
        shutil.rmtree(folder)
    with pytest.raises(lc.JournalError, match=r"repositories and should have .*; delete .*") as said:
        check()
    manifest = str(said.value).partition("delete ")[2].partition(" and run")[0]
    Path(manifest).unlink()
    assert image_lines(check()) == of_one_process(server)


def test_a_wave_has_no_more_groups_of_a_lane_than_share_its_rate() -> None:
    rows = [(shard.Lane(str(lane), None), f"app/{number}") for lane in range(3) for number in range(170)]
    waves = list(images._waves(shard.image_groups(rows, 2), 2))
    assert [len(wave) for wave in waves] == [6, 6]
    assert sorted(name for wave in waves for group in wave for name in group.names) == sorted(
        name for _, name in rows
    )


def test_no_secret_is_in_what_spark_or_the_check_writes(
    spark: SparkSession, server: LocalEcr, cluster_folder: Path, tmp_path: Path
) -> None:
    found = lcs.audit_images(
        frame(spark), path=tmp_path, endpoint_url=server.endpoint_url, session="poison:plain", **FAST
    )
    assert found.images.count() > 0
    for folder in (tmp_path, cluster_folder):
        for file in folder.rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                assert SECRET.encode() not in content, file
                assert TOKEN.encode() not in content, file
