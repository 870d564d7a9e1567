"""Images on Ray: the tables are those of one process, whatever process ends on the way."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
import ray.data

import layercheck as lc
import layercheck.ray
from audited import SECRET, TOKEN, wait_for_calls
from audited_images import FAST, REGION, Lines, image_server, lines_of, of_one_process, rows
from layercheck import shard
from on_ray.test_audit import askers
from processes import descendants, end, end_all

pytestmark = pytest.mark.usefixtures("cluster")

SLOW = {"rate": 500, "image_rate": 20, "list_rate": 20}
"""Calls per second at which the check takes some seconds, so that a process can end in it."""


def as_table(dataset: Any, name: str) -> pa.Table:
    """A dataset as one table."""
    tables = [ray.get(reference) for reference in dataset.to_arrow_refs()]
    return pa.concat_tables([shard.image_table_schema(name).empty_table(), *tables])


def lines(tables: shard.ImageTables[Any]) -> Lines:
    """The lines of the tables."""
    named = zip(shard.IMAGE_TABLES, tables, strict=True)
    return lines_of({name: as_table(dataset, name) for name, dataset in named})


def as_an_arrow_table(folder: Path) -> Any:
    return rows()


def as_a_path(folder: Path) -> Any:
    pq.write_table(rows(), folder / "rows.parquet")
    return str(folder / "rows.parquet")


def as_a_dataset(folder: Path) -> Any:
    return ray.data.from_arrow(rows().select(["repository", "region"]))


@pytest.mark.parametrize("form", [as_an_arrow_table, as_a_path, as_a_dataset])
def test_the_tables_are_those_of_one_process(tmp_path: Path, form: Any) -> None:
    with image_server() as ecr:
        found = layercheck.ray.audit_images(
            form(tmp_path), path=tmp_path / "images", endpoint_url=ecr.endpoint_url, **FAST
        )
        assert lines(found) == of_one_process(ecr)


def test_an_actor_killed_while_it_checks_costs_its_group(tmp_path: Path) -> None:
    with image_server() as ecr:

        def kill() -> None:
            wait_for_calls(ecr, 60)
            end(askers()[0])

        thread = Thread(target=kill)
        thread.start()
        found = layercheck.ray.audit_images(
            rows(), path=tmp_path / "images", endpoint_url=ecr.endpoint_url, **SLOW
        )
        thread.join()
        asked = ecr.counters.operations["BatchGetImage"]
        ecr.reset()
        assert lines(found) == of_one_process(ecr)
        least = ecr.counters.operations["BatchGetImage"]
    assert least <= asked <= 2 * least


def test_the_same_call_goes_on_after_the_driver_is_gone(tmp_path: Path) -> None:
    pq.write_table(rows(), tmp_path / "rows.parquet")
    with image_server() as ecr, tempfile.TemporaryDirectory(prefix="lc-") as folder:
        keywords: dict[str, Any] = {
            "table": str(tmp_path / "rows.parquet"),
            "path": str(tmp_path / "images"),
            "endpoint_url": ecr.endpoint_url,
            "askers": 1,
            **SLOW,
        }
        given = json.dumps({"images": True, **keywords})
        driver = subprocess.Popen([sys.executable, "-m", "on_ray.driver_program", folder, given])
        wait_for_calls(ecr, 100)
        family = [driver.pid, *descendants(driver.pid)]
        end(driver.pid)
        driver.wait()
        try:
            layercheck.ray.audit_images(**keywords)
        finally:
            for process in family:
                end_all(process)
        assert lines(layercheck.ray.read_images(tmp_path / "images")) == of_one_process(ecr)


def test_if_nothing_can_be_checked_the_driver_raises_our_class(tmp_path: Path) -> None:
    with image_server() as ecr, pytest.raises(lc.RepositoryNotFoundError):
        layercheck.ray.audit_images(
            pa.table({"repository": ["no/such"], "region": [REGION]}),
            path=tmp_path,
            endpoint_url=ecr.endpoint_url,
        )


def test_no_secret_is_in_what_ray_logs_or_the_check_writes(tmp_path: Path, ray_folder: str) -> None:
    with image_server() as ecr:
        layercheck.ray.audit_images(
            rows(), path=tmp_path, endpoint_url=ecr.endpoint_url, session="poison:plain", **FAST
        )
    for folder in (tmp_path, Path(ray_folder)):
        for file in folder.rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                assert SECRET.encode() not in content, file
                assert TOKEN.encode() not in content, file
