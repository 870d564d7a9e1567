"""An audit on Ray: inputs, verdicts, errors, rate, and what the end of an actor or of the driver costs."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pds
import pyarrow.parquet as pq
import pytest
import ray
import ray.data

import layercheck as lc
import layercheck.ray
import poison
from audited import (
    REPOSITORY,
    SECRET,
    TOKEN,
    Line,
    digests,
    lines,
    most_calls_in_a_second,
    of_one_process,
    raw,
    server,
    wait_for_calls,
    write_parts,
)
from audited_images import rows
from layercheck import shard
from layercheck.testing import Fault, LocalEcr
from processes import descendants, end, end_all, memory_has, until

pytestmark = pytest.mark.usefixtures("cluster")

DIGESTS = digests(1_000)
ROWS = [*DIGESTS, *DIGESTS[:50], "junk", "", None]
MANY = digests(20_000)
MANY_CALLS = len(MANY) // 100


def as_table(dataset: Any) -> pa.Table:
    """A dataset as one table; one without rows may have lost its schema."""
    tables = [ray.get(reference) for reference in dataset.to_arrow_refs()]
    tables = [table for table in tables if table.num_columns]
    return pa.concat_tables(tables) if tables else shard.empty_table()


def audit(ecr: LocalEcr, table: Any, tmp_path: Path, **more: Any) -> pa.Table:
    """Audit a table quickly; returns the verdict table."""
    keywords = {
        "endpoint_url": ecr.endpoint_url,
        "region_name": "us-east-1",
        "rate": 400,
        "slices": 2,
        **more,
    }
    return as_table(layercheck.ray.audit(table, REPOSITORY, path=tmp_path / "verdicts", **keywords))


def table_at(path: Path) -> list[Line]:
    """The lines of the verdict table at a path."""
    return lines(as_table(layercheck.ray.read(path)))


def as_paths(folder: Path) -> Any:
    return write_parts(folder / "rows", ROWS, 3)


def as_an_arrow_dataset(folder: Path) -> Any:
    return pds.dataset(as_paths(folder))


def as_a_dataset(folder: Path) -> Any:
    return ray.data.read_parquet(as_paths(folder))


def as_tables(_: Path) -> list[pa.Table]:
    return [pa.table({"digest": ROWS[:600]}), pa.table({"digest": ROWS[600:]})]


def as_references(folder: Path) -> Any:
    return [ray.put(table) for table in as_tables(folder)]


def as_a_pandas_frame(_: Path) -> Any:
    return pd.DataFrame({"digest": ROWS})


def as_pandas_series(_: Path) -> Any:
    return [pd.Series(ROWS[:600]), pd.Series(ROWS[600:])]


@pytest.mark.parametrize(
    "make",
    [
        as_paths,
        as_an_arrow_dataset,
        as_a_dataset,
        as_tables,
        as_references,
        as_a_pandas_frame,
        as_pandas_series,
    ],
    ids=lambda make: make.__name__,
)
def test_every_form_of_input_gives_the_verdicts_of_one_process(tmp_path: Path, make: Any) -> None:
    with server() as ecr:
        table = audit(ecr, make(tmp_path), tmp_path)
        assert table.schema.equals(shard.schema())
        assert lines(table) == of_one_process(ecr, ROWS)


RAW = [*raw(DIGESTS), None, b"", b"short", bytes(32)]


@pytest.mark.parametrize(
    ("rows", "kind", "is_raw"),
    [
        pytest.param(ROWS, pa.large_string(), False, id="large_string"),
        pytest.param(ROWS, pa.string(), False, id="string"),
        pytest.param(RAW, pa.binary(), True, id="binary"),
        pytest.param([row for row in RAW if row is None or len(row) == 32], pa.binary(32), True, id="fixed"),
        pytest.param([None] * 5, pa.string(), False, id="nulls"),
        pytest.param([], pa.string(), False, id="empty"),
    ],
)
def test_every_type_gives_the_verdicts_of_one_process(
    tmp_path: Path, rows: list[Any], kind: pa.DataType, is_raw: bool
) -> None:
    dataset = ray.data.from_arrow(pa.table({"digest": pa.array(rows, type=kind)}))
    with server() as ecr:
        table = audit(ecr, dataset, tmp_path, raw=is_raw)
        assert lines(table) == of_one_process(ecr, rows, raw=is_raw)


def test_a_type_that_ray_cannot_carry_is_read_from_its_files(tmp_path: Path) -> None:
    paths = write_parts(tmp_path / "rows", ROWS, 2, type=pa.string_view())
    with server() as ecr:
        assert lines(audit(ecr, paths, tmp_path)) == of_one_process(ecr, ROWS)


def test_a_second_audit_asks_nothing_and_another_input_is_refused(tmp_path: Path) -> None:
    with server() as ecr:
        audit(ecr, as_paths(tmp_path), tmp_path)
        before = ecr.counters.calls
        audit(ecr, as_paths(tmp_path), tmp_path)
        assert ecr.counters.calls - before <= 1  # it may look first
        with pytest.raises(lc.JournalError, match="the input is not that"):
            audit(ecr, [pa.table({"digest": DIGESTS[1:]})], tmp_path)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param("access_denied", lc.AccessDeniedError, id="access denied"),
        pytest.param("expired_token", lc.CredentialsError, id="expired token"),
    ],
)
def test_a_dead_end_is_raised_here_as_the_class_of_layercheck_and_tried_once(
    tmp_path: Path, fault: Any, error: type[lc.LayercheckError]
) -> None:
    with server(faults=[Fault(fault)]) as ecr:
        with pytest.raises(error) as raised:
            audit(ecr, as_paths(tmp_path), tmp_path)
        assert type(raised.value) is error
        assert ecr.counters.requests <= 4


def test_a_dead_end_in_the_middle_is_raised_and_the_same_call_goes_on(tmp_path: Path) -> None:
    with server(faults=[Fault("access_denied", calls=(8, None))]) as ecr:
        with pytest.raises(lc.AccessDeniedError):
            audit(ecr, as_paths(tmp_path), tmp_path, slices=4, rate=50)
        ecr.set_faults([])
        assert lines(audit(ecr, as_paths(tmp_path), tmp_path, slices=4)) == of_one_process(ecr, ROWS)


@pytest.mark.parametrize("make", [as_tables, as_a_dataset], ids=["tables", "dataset"])
def test_a_column_that_is_not_there_is_named(tmp_path: Path, make: Any) -> None:
    with server() as ecr, pytest.raises(ValueError, match="'sum'"):
        audit(ecr, make(tmp_path), tmp_path, column="sum")


def test_a_column_of_numbers_is_a_type_error(tmp_path: Path) -> None:
    with server() as ecr, pytest.raises(TypeError):
        audit(ecr, ray.data.from_arrow(pa.table({"digest": [1, 2]})), tmp_path)


@pytest.mark.parametrize("images", [False, True])
def test_a_run_on_a_cluster_without_processors_says_that_it_waits(tmp_path: Path, images: bool) -> None:
    """It does not end, because a cluster that grows by itself begins with none."""
    with server() as ecr, tempfile.TemporaryDirectory(prefix="lc-") as folder:
        keywords: dict[str, Any] = {"path": str(tmp_path / "run"), "endpoint_url": ecr.endpoint_url}
        if images:
            pq.write_table(rows(), tmp_path / "rows.parquet")
            keywords |= {"table": str(tmp_path / "rows.parquet"), "images": True}
        else:
            keywords |= {"table": as_paths(tmp_path), "repository_name": REPOSITORY}
        command = [sys.executable, "-m", "on_ray.driver_program", folder, json.dumps(keywords), "0"]
        log = tmp_path / "log.txt"
        with log.open("w") as errors:
            driver = subprocess.Popen(command, stderr=errors)
        try:
            for _ in until("the lack of processors is said"):
                if "the Ray cluster has no CPU for the run; the run waits until" in log.read_text():
                    break
            assert driver.poll() is None
        finally:
            end_all(driver.pid)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What layercheck logged; Ray logs more."""
    return [each.getMessage() for each in caplog.records if each.name == "layercheck"]


def test_a_run_without_a_free_processor_says_so_once_and_goes_on_when_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("layercheck.ray.cluster._LOOK_S", 0.05)

    class Other:
        """An actor of another program."""

        def is_there(self) -> bool:
            return True

    other = ray.remote(num_cpus=int(ray.cluster_resources()["CPU"]))(Other).remote()
    assert ray.get(other.is_there.remote())
    for _ in until("no processor is free"):
        if not ray.available_resources().get("CPU"):
            break
    with server() as ecr:
        run = layercheck.ray.submit(
            as_tables(tmp_path), REPOSITORY, path=tmp_path / "verdicts", endpoint_url=ecr.endpoint_url
        )
        for _ in until("the lack of processors is said"):
            if said(caplog):
                break
        assert not run.done()
        ray.kill(other)
        assert lines(as_table(run.result())) == of_one_process(ecr, ROWS)
    assert said(caplog) == ["the Ray cluster has no CPU for the run; the run waits until there are some"]


HELD = boto3.Session("AKIDEXAMPLE", "MARKER", region_name="us-east-1")


@pytest.mark.parametrize("make", [lambda: HELD, lambda: HELD.client("ecr"), lambda: lambda: HELD])
def test_what_holds_credentials_is_refused(tmp_path: Path, make: Any) -> None:
    with pytest.raises(TypeError, match="session is"):
        layercheck.ray.audit(["rows.parquet"], REPOSITORY, path=tmp_path, session=make())


def test_cancelling_ends_the_actors_and_the_same_call_goes_on(tmp_path: Path) -> None:
    with server() as ecr:
        table = [pa.table({"digest": MANY})]
        keywords: dict[str, Any] = {"path": tmp_path / "verdicts", "endpoint_url": ecr.endpoint_url}
        run = layercheck.ray.submit(table, REPOSITORY, **keywords, rate=100, slices=4)
        wait_for_calls(ecr, 80)
        assert run.cancel()
        with pytest.raises(lc.RunCancelled):
            run.result()
        audit(ecr, table, tmp_path, slices=4, rate=100)
        assert ecr.counters.calls <= MANY_CALLS + 2 + 8 + 2 * MANY_CALLS // 8
        assert table_at(tmp_path / "verdicts") == of_one_process(ecr, MANY)


def test_progress_comes_after_each_slice(tmp_path: Path) -> None:
    seen: list[lc.Progress] = []
    with server() as ecr:
        audit(ecr, as_paths(tmp_path), tmp_path, slices=4, progress=seen.append)
    assert len(seen) >= 4
    assert seen[-1].done
    assert seen[-1].settled == seen[-1].unique == len(DIGESTS)


@pytest.mark.parametrize("askers", [1, 4])
def test_all_askers_together_keep_to_the_rate(tmp_path: Path, askers: int) -> None:
    with server() as ecr:
        audit(ecr, [pa.table({"digest": MANY})], tmp_path, rate=100, askers=askers, slices=1)
        assert most_calls_in_a_second(ecr) <= 102 + 2 * askers


def test_attach_gives_every_row_one_of_the_eight_words(tmp_path: Path) -> None:
    with server() as ecr:
        rows = pa.table({"digest": ROWS, "row": range(len(ROWS))})
        asked = ray.data.from_arrow(rows.filter([row != 700 for row in range(len(ROWS))]))
        verdicts = layercheck.ray.audit(
            asked, REPOSITORY, path=tmp_path / "verdicts", endpoint_url=ecr.endpoint_url
        )
        whole = as_table(layercheck.ray.attach(ray.data.from_arrow(rows), verdicts)).sort_by("row")
        report = lc.check(ROWS, REPOSITORY, session=ecr.session(), endpoint_url=ecr.endpoint_url)
    expected = [lc.Verdict(code).label for code in report.verdicts]
    expected[700] = "not_checked"
    assert whole["row"].to_pylist() == list(range(len(ROWS)))
    assert whole["verdict"].to_pylist() == expected


@pytest.mark.parametrize("name", ["dataset", "verdicts"])
def test_attach_says_what_is_not_a_dataset(name: str) -> None:
    given: dict[str, Any] = {
        "dataset": ray.data.from_arrow(pa.table({"digest": DIGESTS})),
        "verdicts": ray.data.from_arrow(shard.empty_table()),
    }
    given[name] = pd.DataFrame({"digest": DIGESTS})
    with pytest.raises(TypeError, match=f"{name} is a pandas DataFrame; expected a ray.data.Dataset, which"):
        layercheck.ray.attach(**given)


def test_rows_that_are_not_a_dataset_are_said(tmp_path: Path) -> None:
    frame: Any = pd.DataFrame({"digest": DIGESTS})
    message = "dataset is a pandas DataFrame; expected a ray.data.Dataset"
    with pytest.raises(TypeError, match=message):
        layercheck.ray.canonical(frame)
    with pytest.raises(TypeError, match=message):
        layercheck.ray.verdicts(frame, REPOSITORY)
    with pytest.raises(TypeError, match="table is a set; expected a ray"):
        layercheck.ray.audit(set(DIGESTS), REPOSITORY, path=tmp_path)


@pytest.mark.parametrize("empty", ["rows", "verdicts", "both"])
def test_attach_takes_a_side_without_rows(empty: str) -> None:
    rows = ray.data.from_arrow(pa.table({"digest": DIGESTS[:5], "row": range(5)}))
    lines_ = pa.Table.from_pylist([{"digest": DIGESTS[0], "verdict": "available"}], schema=shard.schema())
    verdicts = ray.data.from_arrow(lines_)
    if empty in ("rows", "both"):
        rows = rows.filter(lambda _: False)
    if empty in ("verdicts", "both"):
        verdicts = ray.data.from_arrow(shard.empty_table())
    found = layercheck.ray.attach(rows, verdicts).take_all()
    expected = [] if empty != "verdicts" else [(number, "not_checked") for number in range(5)]
    assert sorted((line["row"], line["verdict"]) for line in found) == expected


def test_verdicts_are_lazy_and_those_of_one_process(tmp_path: Path) -> None:
    with server() as ecr:
        dataset = layercheck.ray.verdicts(
            ray.data.read_parquet(as_paths(tmp_path)), REPOSITORY, endpoint_url=ecr.endpoint_url, rate=400
        )
        assert ecr.counters.calls <= 1
        assert lines(as_table(dataset)) == of_one_process(ecr, ROWS)


def test_canonical_is_one_value_for_every_spelling() -> None:
    rows = [DIGESTS[0], DIGESTS[0].upper(), DIGESTS[0][7:], "junk", None]
    table = as_table(layercheck.ray.canonical(ray.data.from_arrow(pa.table({"digest": rows}))))
    assert table["canonical"].to_pylist() == [*raw(DIGESTS[:1]) * 3, None, None]


def askers() -> list[int]:
    """The processes of the actors that ask."""
    found = descendants(os.getpid())
    return [number for number, command in found.items() if "ray::_Asker" in command]


def test_an_actor_killed_while_it_asks_costs_its_part(tmp_path: Path) -> None:
    with server() as ecr:
        table = [pa.table({"digest": MANY})]
        keywords: dict[str, Any] = {"path": tmp_path / "verdicts", "endpoint_url": ecr.endpoint_url}
        run = layercheck.ray.submit(table, REPOSITORY, **keywords, rate=100, slices=4)
        wait_for_calls(ecr, 60)
        end(askers()[0])
        run.result()
        asked = ecr.counters.calls
        assert table_at(tmp_path / "verdicts") == of_one_process(ecr, MANY)
    assert asked <= MANY_CALLS + 1 + 8 + 2 * MANY_CALLS // 8


def test_a_part_that_ends_every_worker_is_an_error_that_says_so(tmp_path: Path) -> None:
    with server() as ecr:
        keywords = {"session": "poison:deadly_to_actors", "askers": 1, "slices": 1}
        with pytest.raises(lc.LayercheckError, match=r"ended its worker 3 times") as raised:
            audit(ecr, as_tables(tmp_path), tmp_path, **keywords)
        assert "\n" not in str(raised.value)


def test_the_same_call_goes_on_after_the_driver_is_gone(tmp_path: Path) -> None:
    with server() as ecr, tempfile.TemporaryDirectory(prefix="lc-") as folder:
        keywords = {
            "table": write_parts(tmp_path / "rows", MANY, 3),
            "repository_name": REPOSITORY,
            "path": str(tmp_path / "verdicts"),
            "endpoint_url": ecr.endpoint_url,
            "rate": 100,
            "slices": 4,
        }
        command = [sys.executable, "-m", "on_ray.driver_program", folder, json.dumps(keywords)]
        driver = subprocess.Popen(command)
        wait_for_calls(ecr, 90)
        family = [driver.pid, *descendants(driver.pid)]
        end(driver.pid)
        driver.wait()
        try:
            layercheck.ray.audit(**keywords)
            asked = ecr.counters.calls
        finally:
            for process in family:
                end_all(process)
        assert table_at(tmp_path / "verdicts") == of_one_process(ecr, MANY)
    # The actors of the killed driver go on until Ray ends them.
    assert asked <= MANY_CALLS + 2 + 8 + 4 * MANY_CALLS // 8


def test_a_key_stays_in_the_workers_and_is_not_in_the_object_store(tmp_path: Path) -> None:
    """What is sent is in the memory of who sends it: the driver, the raylet with the objects, the GCS."""
    with server() as ecr:
        run = layercheck.ray.submit(
            pa.table({"digest": MANY}),
            REPOSITORY,
            path=tmp_path / "verdicts",
            endpoint_url=ecr.endpoint_url,
            region_name="us-east-1",
            rate=5,  # so that it goes on while memories are read
            session="poison:marked",
        )
        wait_for_calls(ecr, 5)
        found = descendants(os.getpid())
        has_it = {}
        for number in (*found, os.getpid()):
            with contextlib.suppress(FileNotFoundError):  # an idle worker that ended meanwhile
                has_it[number] = memory_has(number, poison.MARKED)
        run.cancel()
        with pytest.raises(lc.RunCancelled):
            run.result(60)
    names = {number: Path(command.split()[0]).name for number, command in found.items() if command.split()}
    assert {"raylet", "gcs_server"} <= {names.get(number) for number in has_it}
    # So a key is seen where it is. The worker of the first look waits for more work, as "ray::IDLE".
    having = {names.get(number, "the driver") for number, has in has_it.items() if has}
    assert "ray::_Asker.call" in having
    assert having <= {"ray::_Asker.call", "ray::IDLE"}


def test_no_secret_is_in_what_ray_logs_or_the_audit_writes(tmp_path: Path, ray_folder: str) -> None:
    with server(faults=[Fault("access_denied", calls=(8, None))]) as ecr:
        with pytest.raises(lc.AccessDeniedError):
            audit(ecr, as_paths(tmp_path), tmp_path, slices=4, session="poison:plain")
        ecr.set_faults([])
        audit(ecr, as_paths(tmp_path), tmp_path, slices=4, session="poison:plain")
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    logged = [path for path in Path(ray_folder).rglob("*") if path.is_file()]
    assert len(written) > 8
    assert len(logged) > 8
    for path in (*written, *logged):
        content = path.read_bytes()
        assert SECRET.encode() not in content, path
        assert TOKEN.encode() not in content, path
