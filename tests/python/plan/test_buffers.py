"""Columns are views of Rust memory: shape, strides, read-only flag, lifetime."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import layercheck as lc
from layercheck._core import Ledger

ROWS = [f"sha256:{number:064x}" for number in (5, 6, 5)]


def test_digests_are_a_read_only_view_of_two_dimensions() -> None:
    digests: Any = lc.plan(ROWS).digests
    view = memoryview(digests)
    assert (view.shape, view.strides, view.itemsize, view.format) == ((2, 32), (32, 1), 1, "B")
    assert view.readonly
    assert view.c_contiguous


def test_the_row_index_is_a_read_only_view_of_int64() -> None:
    index: Any = lc.plan(ROWS).row_index
    view = memoryview(index)
    assert (view.shape, view.strides, view.itemsize) == ((3,), (8,), 8)
    assert view.readonly
    assert index.dtype == np.int64


def test_two_views_share_the_same_memory() -> None:
    plan = lc.plan(ROWS)
    assert np.shares_memory(plan.digests, plan.digests)
    assert np.shares_memory(plan.row_index, plan.row_index)
    columns = Ledger(plan).columns()
    assert np.shares_memory(columns.unique_verdicts, columns.unique_verdicts)
    assert np.shares_memory(columns.sizes, columns.sizes)
    assert np.shares_memory(columns.verdicts, columns.verdicts)


@pytest.mark.parametrize(
    ("name", "shape", "item", "kind"),
    [("verdicts", 3, 1, "B"), ("unique_verdicts", 2, 1, "B"), ("sizes", 2, 8, "l")],
)
def test_columns_of_a_report_are_read_only_views(name: str, shape: int, item: int, kind: str) -> None:
    report = lc.Report(Ledger(lc.plan(ROWS)).columns(), target=lc.Target("app"), stats=lc.RunStats())
    column: Any = getattr(report, name)
    view = memoryview(column)
    assert (view.shape, view.strides, view.itemsize, view.format) == ((shape,), (item,), item, kind)
    assert view.readonly
    with pytest.raises(ValueError):
        column.flags.writeable = True
    assert np.shares_memory(column, getattr(report, name))
    kept = column.tolist()
    del report
    gc.collect()
    assert column.tolist() == view.tolist() == kept


def test_a_view_outlives_its_owner() -> None:
    digests, index = lc.plan(ROWS).digests, lc.plan(ROWS).row_index
    verdicts = Ledger(lc.plan(ROWS)).columns().verdicts
    gc.collect()
    assert digests[0].tolist() == [0] * 31 + [5]
    assert index.tolist() == [0, 1, 0]
    assert verdicts.tolist() == [0, 0, 0]


def test_a_view_cannot_be_written() -> None:
    digests = lc.plan(ROWS).digests
    with pytest.raises(ValueError, match="read-only"):
        digests[0, 0] = 1
    with pytest.raises(ValueError):
        digests.flags.writeable = True
