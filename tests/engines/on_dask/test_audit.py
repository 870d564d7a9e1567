"""An audit on a cluster: its inputs, its verdicts, its errors, its rate, and what crosses to the workers."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import dask
import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pds
import pyarrow.parquet as pq
import pytest
from distributed import Client, LocalCluster
from distributed.diagnostics.plugin import SchedulerPlugin

import layercheck as lc
import layercheck.dask
from audited import (
    REPOSITORY,
    SECRET,
    TOKEN,
    as_table,
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
from on_dask.conftest import Cluster, start
from processes import until

DIGESTS = digests(1_000)
ROWS = [*DIGESTS, *DIGESTS[:50], "junk", "", None]


def audit(ecr: LocalEcr, table: Any, tmp_path: Path, **more: Any) -> Any:
    """Audit a table quickly; returns the verdict table."""
    keywords = {
        "endpoint_url": ecr.endpoint_url,
        "region_name": "us-east-1",
        "rate": 400,
        "slices": 2,
        **more,
    }
    layercheck.dask.audit(table, REPOSITORY, path=tmp_path / "verdicts", **keywords)
    return as_table(layercheck.dask.read(tmp_path / "verdicts").compute())


def as_paths(folder: Path) -> Any:
    return write_parts(folder / "rows", ROWS, 3)


def as_path_objects(folder: Path) -> Any:
    return [Path(path) for path in as_paths(folder)]


def as_a_dataset(folder: Path) -> Any:
    return pds.dataset(as_paths(folder))


def as_a_frame(folder: Path) -> Any:
    return dd.read_parquet(as_paths(folder))


def as_tables(_: Path) -> list[pa.Table]:
    return [pa.table({"digest": ROWS[:600]}), pa.table({"digest": ROWS[600:]})]


def as_delayed(folder: Path) -> Any:
    return [dask.delayed(table) for table in as_tables(folder)]


def as_futures(folder: Path) -> Any:
    return Client.current().scatter(as_tables(folder))


def as_a_pandas_frame(_: Path) -> Any:
    return pd.DataFrame({"digest": ROWS})


def as_pandas_series(_: Path) -> Any:
    return [pd.Series(ROWS[:600]), pd.Series(ROWS[600:])]


@pytest.mark.parametrize(
    "make",
    [
        as_paths,
        as_path_objects,
        as_a_dataset,
        as_a_frame,
        as_tables,
        as_delayed,
        as_futures,
        as_a_pandas_frame,
        as_pandas_series,
    ],
    ids=lambda make: make.__name__,
)
def test_every_form_of_input_gives_the_verdicts_of_one_process(
    client: Client, tmp_path: Path, make: Any
) -> None:
    with server() as ecr:
        table = audit(ecr, make(tmp_path), tmp_path)
        assert table.schema == shard.schema()
        assert lines(table) == of_one_process(ecr, ROWS)


RAW = [*raw(DIGESTS), None, b"", b"short", bytes(32)]


@pytest.mark.parametrize(
    ("rows", "kind", "is_raw"),
    [
        pytest.param(ROWS, pa.string(), False, id="string"),
        pytest.param(ROWS, pa.large_string(), False, id="large_string"),
        pytest.param(ROWS, pa.string_view(), False, id="string_view"),
        pytest.param(RAW, pa.binary(), True, id="binary"),
        pytest.param(RAW, pa.large_binary(), True, id="large_binary"),
        pytest.param([row for row in RAW if row is None or len(row) == 32], pa.binary(32), True, id="fixed"),
        pytest.param([None] * 5, pa.string(), False, id="nulls"),
        pytest.param([], pa.string(), False, id="empty"),
    ],
)
@pytest.mark.parametrize("form", ["paths", "frame"])
def test_every_type_gives_the_verdicts_of_one_process(
    client: Client, tmp_path: Path, rows: list[Any], kind: pa.DataType, is_raw: bool, form: str
) -> None:
    table: Any = write_parts(tmp_path / "rows", rows, 2, type=kind)
    if form == "frame":
        table = dd.read_parquet(table)
    with server() as ecr:
        verdicts = audit(ecr, table, tmp_path, raw=is_raw)
        assert lines(verdicts) == of_one_process(ecr, rows, raw=is_raw)


def test_the_returned_frame_is_the_verdict_table(client: Client, tmp_path: Path) -> None:
    with server() as ecr:
        frame = layercheck.dask.audit(
            as_paths(tmp_path), REPOSITORY, path=tmp_path / "verdicts", endpoint_url=ecr.endpoint_url
        )
        assert isinstance(frame, dd.DataFrame)
        computed = frame.compute()
        assert sorted(computed["digest"]) == sorted(DIGESTS)


def test_a_second_audit_asks_nothing(client: Client, tmp_path: Path) -> None:
    with server() as ecr:
        audit(ecr, as_paths(tmp_path), tmp_path)
        before = ecr.counters.calls
        audit(ecr, as_paths(tmp_path), tmp_path)
        assert ecr.counters.calls - before <= 1  # it may look first


def test_another_input_is_refused(client: Client, tmp_path: Path) -> None:
    with server() as ecr:
        audit(ecr, [pa.table({"digest": DIGESTS})], tmp_path)
        with pytest.raises(lc.LayercheckError, match="the input is not that"):
            audit(ecr, [pa.table({"digest": DIGESTS[1:]})], tmp_path)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param("access_denied", lc.AccessDeniedError, id="access denied"),
        pytest.param("expired_token", lc.CredentialsError, id="expired token"),
    ],
)
def test_a_dead_end_is_raised_here_as_the_class_of_layercheck_and_tried_once(
    client: Client, tmp_path: Path, fault: Any, error: type[lc.LayercheckError]
) -> None:
    with server(faults=[Fault(fault)]) as ecr:
        with pytest.raises(error):
            audit(ecr, as_paths(tmp_path), tmp_path)
        assert ecr.counters.requests <= 4


def test_a_repository_that_does_not_exist_is_told_before_anything_is_prepared(
    client: Client, tmp_path: Path
) -> None:
    with LocalEcr() as ecr, pytest.raises(lc.RepositoryNotFoundError):
        audit(ecr, ["/nowhere.parquet"], tmp_path)


def test_a_dead_end_in_the_middle_is_raised_and_the_same_call_goes_on(client: Client, tmp_path: Path) -> None:
    with server(faults=[Fault("access_denied", calls=(8, None))]) as ecr:
        with pytest.raises(lc.AccessDeniedError):
            audit(ecr, as_paths(tmp_path), tmp_path, slices=4, rate=50)
        assert 8 <= ecr.counters.calls <= 20
        ecr.set_faults([])
        table = audit(ecr, as_paths(tmp_path), tmp_path, slices=4)
        assert lines(table) == of_one_process(ecr, ROWS)


def test_a_file_that_is_not_there_is_the_error_of_its_reader(client: Client, tmp_path: Path) -> None:
    with server() as ecr, pytest.raises(FileNotFoundError):
        audit(ecr, [str(tmp_path / "nothing.parquet")], tmp_path)


def test_a_column_that_is_not_there_is_named(client: Client, tmp_path: Path) -> None:
    with server() as ecr, pytest.raises(ValueError, match="'sum'"):
        audit(ecr, as_tables(tmp_path), tmp_path, column="sum")


@pytest.fixture(scope="module")
def local_cluster() -> Iterator[LocalCluster]:
    """A cluster as notebooks make one, without workers."""
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as started:
        yield started


@pytest.mark.parametrize(
    ("choose", "message"),
    [
        (lambda _: "tcp://127.0.0.1:1", "client is an address; pass distributed.Client(address)"),
        (lambda it: it, "client is a distributed LocalCluster; pass its client: cluster.get_client()"),
        (lambda _: 5, "client is a int; expected a distributed.Client"),
    ],
    ids=["address", "cluster", "number"],
)
def test_an_address_or_a_cluster_in_the_place_of_a_client_is_said(
    local_cluster: LocalCluster, tmp_path: Path, choose: Any, message: str
) -> None:
    client = choose(local_cluster)
    with pytest.raises(TypeError) as refused:
        layercheck.dask.audit(as_tables(tmp_path), REPOSITORY, path=tmp_path, client=client)
    assert str(refused.value) == message
    with pytest.raises(TypeError) as refused:
        layercheck.dask.audit_images(rows(), path=tmp_path, client=client)
    assert str(refused.value) == message


def test_images_are_not_begun_without_workers(local_cluster: LocalCluster, tmp_path: Path) -> None:
    with (
        Client(local_cluster) as client,
        pytest.raises(lc.LayercheckError, match="the Dask cluster has no workers; start some"),
    ):
        layercheck.dask.audit_images(rows(), path=tmp_path, client=client)


@pytest.mark.parametrize("calls", [0, 20], ids=["at the start", "in mid-run"])
def test_a_run_without_workers_says_so_once_and_goes_on_with_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, calls: int
) -> None:
    monkeypatch.setattr("layercheck.dask.cluster._LOOK_S", 0.05)
    many = digests(10_000)
    cluster = start(tmp_path / "cluster", workers=2 if calls else 0)
    try:
        with server() as ecr, Client(cluster.address):
            run = layercheck.dask.submit(
                [pa.table({"digest": many})],
                REPOSITORY,
                path=tmp_path / "verdicts",
                endpoint_url=ecr.endpoint_url,
                rate=50,
                slices=2,
            )
            wait_for_calls(ecr, calls)
            cluster.scale(0)
            for _ in until("the lack of workers is said"):
                if said(caplog):
                    break
            cluster.scale(2)
            run.result()
            found = lines(as_table(layercheck.dask.read(tmp_path / "verdicts").compute()))
            assert found == of_one_process(ecr, many)
    finally:
        cluster.end()
    assert said(caplog) == ["the Dask cluster has no workers; the run waits until there are some"]


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What layercheck logged."""
    return [each.getMessage() for each in caplog.records if each.name == "layercheck"]


HELD = boto3.Session("AKIDEXAMPLE", "MARKER", region_name="us-east-1")


@pytest.mark.parametrize(
    "session",
    [
        pytest.param(lambda: HELD, id="session"),
        pytest.param(lambda: HELD.client("ecr"), id="client"),
        pytest.param(lambda: HELD.get_credentials(), id="credentials"),
        pytest.param(lambda: lambda: HELD, id="closure"),
    ],
)
def test_what_holds_credentials_is_refused_before_anything_is_sent(tmp_path: Path, session: Any) -> None:
    class Nothing:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"the client was used: {name}")

    with pytest.raises(TypeError, match="session is"):
        layercheck.dask.audit(
            ["rows.parquet"], REPOSITORY, path=tmp_path, session=session(), client=Nothing()
        )


def test_a_session_comes_from_a_function_by_name(client: Client, tmp_path: Path) -> None:
    with server() as ecr:
        table = audit(ecr, as_tables(tmp_path), tmp_path, session="poison:plain")
        assert lines(table) == of_one_process(ecr, ROWS)


def test_cancelling_stops_the_calls_and_the_same_call_goes_on(client: Client, tmp_path: Path) -> None:
    many = digests(20_000)
    with server() as ecr:
        table = [pa.table({"digest": many})]
        keywords: dict[str, Any] = {"path": tmp_path / "verdicts", "endpoint_url": ecr.endpoint_url}
        run = layercheck.dask.submit(table, REPOSITORY, **keywords, rate=100, slices=4)
        wait_for_calls(ecr, 80)
        assert run.cancel()
        with pytest.raises(lc.RunCancelled):
            run.result()
        audit(ecr, table, tmp_path, slices=4, rate=100)
        assert ecr.counters.calls <= 200 + 2 + 8 + 50
        assert lines(as_table(layercheck.dask.read(tmp_path / "verdicts").compute())) == of_one_process(
            ecr, many
        )


def test_a_cancelled_part_stops_asking(client: Client, tmp_path: Path) -> None:
    with server() as ecr:
        table = [pa.table({"digest": digests(20_000)})]
        keywords: dict[str, Any] = {"path": tmp_path / "verdicts", "endpoint_url": ecr.endpoint_url}
        run = layercheck.dask.submit(table, REPOSITORY, **keywords, rate=50, askers=1, slices=1)
        wait_for_calls(ecr, 20)
        run.cancel()
        with pytest.raises(lc.RunCancelled):
            run.result()
        for _ in until("no worker has a task"):
            if not any(client.run(lambda dask_worker: list(dask_worker.state.executing)).values()):
                break
        assert ecr.counters.calls < 120  # of 200
        assert not any(Path(tmp_path / "verdicts").glob("slice=*/*"))


def test_progress_comes_after_each_slice(client: Client, tmp_path: Path) -> None:
    seen: list[lc.Progress] = []
    with server() as ecr:
        audit(ecr, as_paths(tmp_path), tmp_path, slices=4, progress=seen.append)
    assert [progress.settled for progress in seen] == sorted(progress.settled for progress in seen)
    assert len(seen) >= 4
    assert seen[-1].done
    assert seen[-1].settled == seen[-1].unique == len(DIGESTS)
    assert sum(seen[-1].counts.values()) >= len(DIGESTS)


@pytest.mark.parametrize("askers", [1, 2, 4])
def test_all_askers_together_keep_to_the_rate(client: Client, tmp_path: Path, askers: int) -> None:
    with server() as ecr:
        audit(ecr, [pa.table({"digest": digests(20_000)})], tmp_path, rate=100, askers=askers, slices=1)
        assert most_calls_in_a_second(ecr) <= 102 + 2 * askers
        assert ecr.counters.throttled == 0


def test_attach_gives_every_row_one_of_the_eight_words(client: Client, tmp_path: Path) -> None:
    with server() as ecr:
        frame = dd.from_pandas(
            dd.read_parquet(as_paths(tmp_path)).compute().assign(row=range(len(ROWS))), npartitions=3
        )
        verdicts = layercheck.dask.audit(
            frame[frame["row"] != 700],
            REPOSITORY,
            path=tmp_path / "verdicts",
            endpoint_url=ecr.endpoint_url,
        )
        twice = dd.concat([verdicts, verdicts])  # one line of a digest counts
        whole = layercheck.dask.attach(frame, twice).compute().sort_values("row")
        report = lc.check(ROWS, REPOSITORY, session=ecr.session(), endpoint_url=ecr.endpoint_url)
    expected = [lc.Verdict(code).label for code in report.verdicts]
    expected[700] = "not_checked"
    assert list(whole["row"]) == list(range(len(ROWS)))
    assert list(whole["verdict"]) == expected


@pytest.mark.parametrize("rows", [[], ["junk"], [DIGESTS[0]]], ids=["none", "junk", "one"])
def test_attach_to_few_rows_keeps_words_and_types(client: Client, tmp_path: Path, rows: list[str]) -> None:
    frame = dd.from_pandas(pd.DataFrame({"digest": pd.Series(rows, dtype="str")}), npartitions=1)
    with server() as ecr:
        verdicts = layercheck.dask.audit(
            [pa.table({"digest": DIGESTS})],
            REPOSITORY,
            path=tmp_path / "verdicts",
            endpoint_url=ecr.endpoint_url,
        )
        attached = layercheck.dask.attach(frame, verdicts)
        whole = attached.compute()
        report = lc.check(rows, REPOSITORY, session=ecr.session(), endpoint_url=ecr.endpoint_url)
    assert list(whole["verdict"]) == [lc.Verdict(code).label for code in report.verdicts]
    added = verdicts.dtypes.drop("digest")
    assert whole.dtypes[list(added.index)].to_dict() == added.to_dict()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"frame": pd.DataFrame({"digest": DIGESTS})}, "frame is a pandas DataFrame; expected a Dask DataFr"),
        ({"verdicts": shard.empty_table().to_pandas()}, "verdicts is a pandas DataFrame; expected a Dask Da"),
        ({"verdicts": shard.empty_table()}, "verdicts is a pyarrow Table; expected a Dask DataFrame"),
    ],
)
def test_attach_says_what_is_not_a_frame_of_dask(given: dict[str, Any], message: str) -> None:
    frame = dd.from_pandas(pd.DataFrame({"digest": DIGESTS}), npartitions=1)
    verdicts = dd.from_pandas(shard.empty_table().to_pandas(), npartitions=1)
    with pytest.raises(TypeError, match=message):
        layercheck.dask.attach(**{"frame": frame, "verdicts": verdicts, **given})


def test_canonical_says_what_is_not_a_series_of_dask() -> None:
    frame = pd.DataFrame({"digest": DIGESTS})
    for given, kind in ((frame["digest"], "pandas Series"), (dd.from_pandas(frame), "dask DataFrame")):
        with pytest.raises(TypeError, match=f"column is a {kind}; expected a Dask Series"):
            layercheck.dask.canonical(given)


def test_a_table_that_is_none_is_said(client: Client, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="table is a set; expected a Dask or pandas DataFrame, paths of"):
        layercheck.dask.audit(set(DIGESTS), REPOSITORY, path=tmp_path)
    with pytest.raises(TypeError, match="table holds digests, and texts are taken for paths"):
        layercheck.dask.audit(DIGESTS, REPOSITORY, path=tmp_path)


def test_a_series_is_a_column_of_digests(client: Client, tmp_path: Path) -> None:
    frame = dd.from_pandas(pd.DataFrame({"other": DIGESTS}), npartitions=2)
    with server() as ecr:
        table = audit(ecr, frame["other"], tmp_path)
        assert lines(table) == of_one_process(ecr, DIGESTS)


def test_verdicts_are_lazy_and_those_of_one_process(client: Client, tmp_path: Path) -> None:
    with server() as ecr:
        frame = layercheck.dask.verdicts(
            dd.read_parquet(as_paths(tmp_path)), REPOSITORY, endpoint_url=ecr.endpoint_url, rate=400
        )
        assert ecr.counters.calls == 0
        assert lines(as_table(frame.compute())) == of_one_process(ecr, ROWS)


def test_canonical_is_one_value_for_every_spelling(client: Client, tmp_path: Path) -> None:
    paths = write_parts(tmp_path / "rows", [DIGESTS[0], DIGESTS[0].upper(), DIGESTS[0][7:], "junk", None], 2)
    frame = dd.read_parquet(paths)
    values = layercheck.dask.canonical(frame["digest"]).compute()
    assert pa.array(values).to_pylist() == [*raw(DIGESTS[:1]) * 3, None, None]


class Recorded(SchedulerPlugin):
    """Keeps what the scheduler is sent and what it stores about tasks, as bytes."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def update_graph(self, scheduler: Any, **what: Any) -> None:
        """Called for each graph that a client sends."""
        self.seen.append(pickle.dumps({name: repr(value) for name, value in what.items()}))

    def transition(self, key: Any, start: str, finish: str, *_: Any, **what: Any) -> None:
        """Called for each change of a task."""
        task = self.scheduler.tasks.get(key)
        self.seen.append(pickle.dumps((repr(what), task and task.run_spec)))

    async def start(self, scheduler: Any) -> None:
        """Called when the plugin is registered."""
        self.scheduler = scheduler


def recorded(dask_scheduler: Any) -> bytes:
    """What `Recorded` kept."""
    return b"\n".join(dask_scheduler.plugins["recorded"].seen)


def test_no_secret_is_in_what_is_sent_logged_or_written(cluster: Cluster, tmp_path: Path) -> None:
    with server() as ecr, Client(cluster.address) as client:
        client.register_plugin(Recorded(), name="recorded")
        audit(ecr, as_paths(tmp_path), tmp_path, session="poison:plain")
        ecr.set_faults([Fault("access_denied")])
        with pytest.raises(lc.AccessDeniedError):
            audit(ecr, as_paths(tmp_path), tmp_path / "denied")
        sent = client.run_on_scheduler(recorded)
        logs = repr((client.get_worker_logs(), client.get_scheduler_logs())).encode()
    assert b"poison:plain" in sent  # so the settings were among what was recorded
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (SECRET, TOKEN):
        assert [secret.encode() in where for where in (sent, logs, files)] == [False, False, False]


def test_what_a_part_sends_back_is_small(client: Client, tmp_path: Path) -> None:
    with server() as ecr:
        audit(ecr, as_paths(tmp_path), tmp_path)
        parts = list((tmp_path / "verdicts").glob("slice=*/*.parquet"))
        note = pq.read_metadata(parts[0]).metadata[b"layercheck.outcome"]
    assert len(note) < 600
    assert len(parts) == 4
