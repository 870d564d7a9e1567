"""Images on Dask: the tables are those of one process, whatever process ends on the way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import Client

import layercheck as lc
import layercheck.dask
from audited import SECRET, TOKEN, as_table, wait_for_calls
from audited_images import FAST, NAMES, REGION, Lines, image_server, lines_of, of_one_process, rows
from layercheck import shard
from layercheck.testing import LocalEcr
from on_dask.conftest import Cluster, environment
from processes import end

SLOW = {"rate": 500, "image_rate": 20, "list_rate": 20}
"""Calls per second at which the check takes some seconds, so that a process can end in it."""


def lines(tables: shard.ImageTables[Any]) -> Lines:
    """The lines of the tables."""
    named = zip(shard.IMAGE_TABLES, tables, strict=True)
    return lines_of({name: as_table(frame.compute(scheduler="synchronous")) for name, frame in named})


def as_an_arrow_table(folder: Path) -> Any:
    return rows()


def as_a_path(folder: Path) -> Any:
    pq.write_table(rows(), folder / "rows.parquet")
    return str(folder / "rows.parquet")


def as_a_dask_frame(folder: Path) -> Any:
    return dd.from_pandas(pd.DataFrame({"repository": NAMES, "region": REGION}), npartitions=3)


@pytest.mark.parametrize("form", [as_an_arrow_table, as_a_path, as_a_dask_frame])
def test_the_tables_are_those_of_one_process(client: Client, tmp_path: Path, form: Any) -> None:
    with image_server() as ecr:
        found = layercheck.dask.audit_images(
            form(tmp_path), path=tmp_path / "images", endpoint_url=ecr.endpoint_url, **FAST
        )
        assert lines(found) == of_one_process(ecr)
    for name, frame in zip(shard.IMAGE_TABLES, found, strict=True):
        assert as_table(frame.compute()).schema == shard.image_table_schema(name)


def test_a_worker_killed_while_it_checks_costs_its_group(cluster: Cluster, tmp_path: Path) -> None:
    from threading import Thread

    with image_server() as ecr, Client(cluster.address) as client:

        def kill() -> None:
            wait_for_calls(ecr, 60)
            end(cluster.workers[0])

        thread = Thread(target=kill)
        thread.start()
        found = layercheck.dask.audit_images(
            rows(), path=tmp_path / "images", endpoint_url=ecr.endpoint_url, client=client, **SLOW
        )
        thread.join()
        asked = ecr.counters.operations["BatchGetImage"]
        ecr.reset()
        assert lines(found) == of_one_process(ecr)
        least = ecr.counters.operations["BatchGetImage"]
    assert least <= asked <= 2 * least


def run_client(cluster: Cluster, ecr: LocalEcr, path: Path) -> subprocess.Popen[str]:
    """Start a check in a process of its own."""
    keywords = {"table": str(path.parent / "rows.parquet"), "path": str(path), **SLOW}
    given = json.dumps({"images": True, **keywords, "endpoint_url": ecr.endpoint_url, "askers": 1})
    return subprocess.Popen(
        [sys.executable, "-m", "on_dask.client_program", cluster.address, given],
        env=environment(cluster.folder),
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_same_call_goes_on_after_the_client_is_gone_and_no_file_has_a_secret(
    cluster: Cluster, tmp_path: Path
) -> None:
    pq.write_table(rows(), tmp_path / "rows.parquet")
    with image_server() as ecr:
        first = run_client(cluster, ecr, tmp_path / "images")
        wait_for_calls(ecr, 100)
        end(first.pid)
        first.communicate()
        again = run_client(cluster, ecr, tmp_path / "images")
        _, said = again.communicate(timeout=200)
        assert again.returncode == 0, said
        assert lines(layercheck.dask.read_images(tmp_path / "images")) == of_one_process(ecr)
    for folder in (tmp_path, cluster.folder):
        for file in folder.rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                assert SECRET.encode() not in content
                assert TOKEN.encode() not in content


def test_if_nothing_can_be_checked_the_client_raises_our_class(client: Client, tmp_path: Path) -> None:
    with image_server() as ecr, pytest.raises(lc.RepositoryNotFoundError):
        layercheck.dask.audit_images(
            pa.table({"repository": ["no/such"], "region": [REGION]}),
            path=tmp_path,
            endpoint_url=ecr.endpoint_url,
        )
