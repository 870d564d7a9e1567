"""Whatever process ends, the verdict table is that of a single process, and little is asked twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

import layercheck as lc
import layercheck.dask
from audited import (
    REPOSITORY,
    Line,
    as_table,
    digests,
    lines,
    of_one_process,
    server,
    wait_for_calls,
    write_parts,
)
from layercheck.testing import LocalEcr
from on_dask.conftest import Cluster, environment, start
from processes import end, end_all, until

DIGESTS = digests(20_000)
ROWS = [*DIGESTS, *DIGESTS[:500], "junk", "", None]
CALLS = len(DIGESTS) // 100


def options(tmp_path: Path, ecr: LocalEcr, **more: Any) -> dict[str, Any]:
    """The keywords of an audit of `ROWS` that takes some seconds."""
    return {
        "table": write_parts(tmp_path / "rows", ROWS, 3),
        "repository_name": REPOSITORY,
        "path": str(tmp_path / "verdicts"),
        "endpoint_url": ecr.endpoint_url,
        "region_name": "us-east-1",
        "rate": 100,
        "askers": 2,
        "slices": 4,
        **more,
    }


def table_at(path: str | Path) -> list[Line]:
    """The lines of the verdict table at a path."""
    return lines(as_table(layercheck.dask.read(path).compute(scheduler="synchronous")))


def run_client(cluster: Cluster, keywords: dict[str, Any]) -> subprocess.Popen[str]:
    """Start an audit in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "on_dask.client_program", cluster.address, json.dumps(keywords)],
        env=environment(cluster.folder),
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_worker_killed_while_it_asks_costs_its_part(cluster: Cluster, tmp_path: Path) -> None:
    with server() as ecr, Client(cluster.address) as client:
        run = layercheck.dask.submit(**options(tmp_path, ecr), client=client)
        wait_for_calls(ecr, 60)
        end(cluster.workers[0])
        run.result()
        asked = ecr.counters.calls
        assert table_at(tmp_path / "verdicts") == of_one_process(ecr, ROWS)
    # A call to look first, an incomplete last call in each of 8 parts, and the parts under way.
    assert asked <= CALLS + 1 + 8 + 2 * CALLS // 8


def test_workers_killed_after_they_finished_slices_cost_nothing_of_these(
    cluster: Cluster, tmp_path: Path
) -> None:
    seen: list[int] = []
    with server() as ecr, Client(cluster.address) as client:
        run = layercheck.dask.submit(
            **options(tmp_path, ecr), client=client, progress=lambda progress: seen.append(progress.settled)
        )
        for _ in until("two slices of four are finished"):
            if any(settled >= 9_000 for settled in seen):
                break
        for worker in cluster.workers:
            end(worker)
        run.result()
        asked = ecr.counters.calls
        assert table_at(tmp_path / "verdicts") == of_one_process(ecr, ROWS)
    assert asked <= CALLS + 1 + 8 + 2 * CALLS // 8


def test_a_part_that_ends_every_worker_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYERCHECK_TEST_POISON", str(tmp_path / "flag"))
    cluster = start(tmp_path / "cluster")
    try:
        with server() as ecr, Client(cluster.address) as client:
            keywords = options(tmp_path, ecr, session="poison:deadly", slices=1, askers=1)
            with pytest.raises(lc.LayercheckError, match=r"ended its worker 4 times") as raised:
                layercheck.dask.audit(**keywords, client=client)
            assert "\n" not in str(raised.value)
            again = options(tmp_path, ecr, session="poison:plain", slices=1, askers=1)
            layercheck.dask.audit(**again, client=client)
            assert table_at(tmp_path / "verdicts") == of_one_process(ecr, ROWS)
    finally:
        cluster.end()


def test_a_cluster_without_layercheck_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys; sys.modules['layercheck'] = None")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    cluster = start(tmp_path / "cluster")
    try:
        with (
            server() as ecr,
            Client(cluster.address) as client,
            pytest.raises(lc.LayercheckError, match="cannot import layercheck"),
        ):
            layercheck.dask.audit(**options(tmp_path, ecr), client=client)
    finally:
        cluster.end()


def test_the_same_call_goes_on_after_the_scheduler_is_gone(cluster: Cluster, tmp_path: Path) -> None:
    with server() as ecr:
        with Client(cluster.address) as client:
            run = layercheck.dask.submit(**options(tmp_path, ecr), client=client)
            wait_for_calls(ecr, 90)
            end_all(cluster.process.pid)
            with pytest.raises(lc.LayercheckError, match="scheduler"):
                run.result()
        another = start(tmp_path / "another")
        try:
            with Client(another.address) as client:
                layercheck.dask.audit(**options(tmp_path, ecr), client=client)
        finally:
            another.end()
        asked = ecr.counters.calls
        assert table_at(tmp_path / "verdicts") == of_one_process(ecr, ROWS)
    assert asked <= CALLS + 2 + 8 + 2 * CALLS // 8


def test_the_same_call_goes_on_after_the_client_is_gone(cluster: Cluster, tmp_path: Path) -> None:
    with server() as ecr:
        program = run_client(cluster, options(tmp_path, ecr))
        wait_for_calls(ecr, 90)
        end(program.pid)
        program.communicate()
        again = run_client(cluster, options(tmp_path, ecr))
        _, said = again.communicate(timeout=120)
        assert again.returncode == 0, said
        asked = ecr.counters.calls
        assert table_at(tmp_path / "verdicts") == of_one_process(ecr, ROWS)
    assert asked <= CALLS + 2 + 8 + 2 * CALLS // 8
