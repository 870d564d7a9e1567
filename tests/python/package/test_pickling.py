"""Results cross processes: pickle, deep copies, spawned processes, joblib and cloudpickle."""

from __future__ import annotations

import copy
import io
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import cloudpickle  # type: ignore[import-untyped]
import joblib  # type: ignore[import-untyped]
import numpy as np
import pyarrow as pa
import pytest

import layercheck as lc
from layercheck.testing import LocalEcr

THERE, GONE, POISON = ("sha256:" + byte * 32 for byte in ("0a", "0b", "0c"))
ROWS = [THERE, GONE, THERE.upper(), "junk", None, POISON]


@pytest.fixture(scope="module")
def report() -> lc.Report:
    from layercheck.testing import Fault

    poison = Fault("poison", digests=(POISON,))
    with LocalEcr({"app": [THERE]}, faults=[poison]) as ecr:
        return lc.check(ROWS, "app", client=ecr.client())


def by_pickle(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - bytes of this test


def by_cloudpickle(value: Any) -> Any:
    return pickle.loads(cloudpickle.dumps(value))  # noqa: S301 - likewise


Way: TypeAlias = Callable[[Any], Any]
WAYS: list[Way] = [by_pickle, by_cloudpickle, copy.deepcopy, copy.copy]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_report_crosses_with_all_its_rows(report: lc.Report, way: Way) -> None:
    again = way(report)
    assert isinstance(again, lc.Report)
    assert list(again) == list(report)
    assert (again.target, again.stats, again.errors) == (report.target, report.stats, report.errors)
    assert again.counts == report.counts
    assert again.unique_counts == report.unique_counts
    assert again.cancelled == report.cancelled
    assert again.to_arrow().equals(report.to_arrow())
    assert [each.message for each in again.plan.rejects] == [each.message for each in report.plan.rejects]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_plan_crosses_with_its_batches(way: Way) -> None:
    plan = lc.plan([*ROWS, "sha256:" + "ef" * 32], batch_size=2)
    again = way(plan)
    assert isinstance(again, lc.Plan)
    assert list(again) == list(plan)
    assert again.fingerprint() == plan.fingerprint()
    assert again.row_index.tolist() == plan.row_index.tolist()
    assert again.spellings == plan.spellings
    assert again.batch_size == 2


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_smaller_results_cross_as_they_are(report: lc.Report, way: Way) -> None:
    rejects = report.plan.rejects
    values = [rejects[0], lc.Verdict.ARCHIVED, report.stats, report.target, report.row(0), report.counts]
    assert [way(each) for each in values] == values
    assert way(list(rejects)) == list(rejects)
    assert list(way(rejects)) == list(rejects)


def test_changes_cross_with_their_codes(report: lc.Report) -> None:
    changes = lc.diff(report, report)
    for way in WAYS:
        again = way(changes)
        assert isinstance(again, lc.Changes)
        assert again.counts == changes.counts
        assert np.array_equal(again.before, changes.before)
        assert again.targets == changes.targets


ERRORS = [
    getattr(lc, name)
    for name in lc.__all__
    if isinstance(getattr(lc, name), type) and issubclass(getattr(lc, name), lc.LayercheckError)
]


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_an_error_keeps_its_report(report: lc.Report, cls: type[lc.LayercheckError], way: Way) -> None:
    response = {"Error": {"Code": "X"}}
    error = cls("what, where, what to do", report=report, response=response, operation_name="Op")
    again = way(error)
    assert type(again) is cls
    assert (str(again), again.response, again.operation_name) == (str(error), response, "Op")
    assert again.report is not None
    assert again.report.counts == report.counts


def test_an_interrupt_keeps_its_report(report: lc.Report) -> None:
    interrupt = KeyboardInterrupt()
    interrupt.report = report  # type: ignore[attr-defined]
    again = by_pickle(interrupt)
    assert again.report.counts == report.counts


def check_here(endpoint_url: str, rows: list[str]) -> lc.Report:
    """Runs in another process."""
    return lc.check(rows, "app", endpoint_url=endpoint_url, region_name="us-east-1")


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_rejected_row_keeps_its_line_and_its_file(way: Way, tmp_path: Path) -> None:
    path = tmp_path / "digests.txt"
    path.write_text(f"# a comment\n{THERE}\njunk\n")
    planner = lc._core.Planner()
    planner.name_file(str(path))
    planner.read(path)
    (reject,) = planner.finish(100).rejects
    again = way(reject)
    assert again == reject
    assert (again.row, again.line, again.file) == (1, 3, str(path))
    assert again.message == reject.message
    assert again.message.startswith(f"{path}:3 (row 1), ")


def fail_here(report: lc.Report) -> lc.Report:
    """Runs in another process."""
    report.raise_for_failures()
    return report


def test_reports_and_errors_come_back_from_spawned_processes(report: lc.Report) -> None:
    with (
        LocalEcr({"app": [THERE]}) as ecr,
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        there = pool.submit(check_here, ecr.endpoint_url, [THERE, GONE]).result()
        assert [row.verdict for row in there] == [lc.Verdict.AVAILABLE, lc.Verdict.UNAVAILABLE]
        with pytest.raises(lc.InvalidDigestError) as caught:
            pool.submit(fail_here, report).result()
        assert caught.value.report is not None
        assert list(caught.value.report) == list(report)


def test_joblib_sends_reports_to_its_workers_and_to_disk(report: lc.Report, tmp_path: Path) -> None:
    (again,) = joblib.Parallel(n_jobs=2)([joblib.delayed(copy.copy)(report)])
    assert list(again) == list(report)
    joblib.dump(report, tmp_path / "report.joblib")
    assert list(joblib.load(tmp_path / "report.joblib")) == list(report)


def test_what_holds_connections_says_why_it_does_not_cross(tmp_path: Path) -> None:
    with LocalEcr({"app": [THERE]}) as ecr, lc.Checker("app", client=ecr.client()) as checker:
        run = checker.submit([THERE], journal=tmp_path / "audit.journal")
        run.result()
        for value, why in (
            (checker, "a Checker holds connections and threads.*make one in each process"),
            (run, "a Run belongs to its process.*send its report"),
            (ecr, "a LocalEcr is a running server.*send its endpoint_url"),
        ):
            for way in WAYS:
                with pytest.raises(TypeError, match=why):
                    way(value)
        with (
            lc.Journal(tmp_path / "audit.journal") as journal,
            pytest.raises(TypeError, match=r"a Journal is an open file.*send its path, or its report"),
        ):
            by_pickle(journal)


def reduced(value: Any) -> tuple[Any, Any]:
    """What `pickle` stores of a value: a function and its arguments."""
    make, arguments = value.__reduce__()
    return make, arguments


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda parts: [*parts[:1], b"\x09" * len(parts[1]), *parts[2:]], "unknown code"),
        (lambda parts: [*parts[:1], parts[1][1:], *parts[2:]], "not as long as the plan"),
        (lambda parts: [*parts[:2], parts[2][1:], *parts[3:]], "not as long as the plan"),
        (lambda parts: [*parts[:4], b"\x07\x00" * (len(parts[4]) // 2), *parts[5:]], "out of range"),
        (lambda parts: [lc.plan([]), *parts[1:]], "not as long as the plan"),
    ],
)
def test_stored_columns_that_do_not_fit_are_refused(
    report: lc.Report, change: Callable[[list[Any]], list[Any]], problem: str
) -> None:
    make, parts = reduced(report._columns)
    with pytest.raises(ValueError, match=f"not a pickled Columns: .*{problem}.*another version"):
        make(*change(list(parts)))


def test_stored_parts_of_a_plan_that_are_cut_are_refused() -> None:
    make, (parts,) = reduced(lc.plan([THERE, "junk"]))
    for broken in (parts[:-1], parts[1:], [parts[0][:-1], *parts[1:]], [b"", *parts]):
        with pytest.raises(ValueError, match="not a pickled Plan"):
            make(broken)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_table_says_what_to_send_instead(report: lc.Report, way: Way) -> None:
    with pytest.raises(TypeError, match=r"send the report, or report\.to_arrow\(\)"):
        way(report.table())
    with pytest.raises(TypeError, match=r"send the plan, or plan\.to_arrow\(\)"):
        way(report.plan.table())


def test_a_table_of_a_layout_says_what_to_send() -> None:
    layout = lc.read_layout(io.BytesIO(b'{"schemaVersion": 2, "layers": []}'))
    assert by_pickle(layout).images == layout.images
    table = layout.table("blobs")
    with pytest.raises(TypeError, match=r"send pyarrow\.table\(table\)"):
        pickle.dumps(table)
    assert pa.table(table).num_rows == 0
