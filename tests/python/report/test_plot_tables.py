"""The numbers of the plots of a report are those of the report."""

from __future__ import annotations

import numpy as np
import pytest

import layercheck as lc
from layercheck._core import Ledger
from layercheck.plots.table import MAX_ROWS, PlotTable
from layercheck.report.plot_tables import timeline_of
from layercheck.report.timeline import Interval, Timeline
from layercheck.testing import EvenDigests, LocalEcr, Throttle
from made_report import HOSTILE, report


def by_name(tables: tuple[PlotTable, ...]) -> dict[str, PlotTable]:
    return {table.name: table for table in tables}


def test_the_verdicts_of_a_plot_are_the_rows_of_the_report_and_their_shares_are_all() -> None:
    made = report()
    table = by_name(made.plot.tables())["verdicts"]
    assert {row[0]: row[1] for row in table.rows} == {word: n for word, n in made.counts.items() if n}
    assert sum(float(row[3] or 0) for row in table.rows) == pytest.approx(100)
    expected = "2 of 6 rows available (33.3 %); 1 unavailable, 1 refused, 1 invalid, 1 not checked."
    assert table.summary == expected
    assert table.drawn == (1,)


def test_causes_name_the_kinds_of_invalid_rows_and_the_codes_of_failed_calls() -> None:
    rows = ["sha256:" + "ab" * 32, "junk", HOSTILE, "sha512:" + "ab" * 64]
    errors = [
        lc.BatchError(0, 1, "transient", "Throttling" + HOSTILE, "no", 1),
        lc.BatchError(0, 1, "transient", "FurtherErrors", "9 more", 1),
    ]
    made = lc.Report(
        Ledger(lc.plan(rows)).columns(), target=lc.Target("app"), stats=lc.RunStats(), errors=errors
    )
    table = by_name(made.plot.tables())["causes"]
    assert sum(int(row[1] or 0) for row in table.rows if row[2] == "invalid rows") == 3
    codes = [str(row[0]) for row in table.rows if row[2] == "failed calls"]
    assert codes == ["Throttling<script>alert(1)</script> [2J"]
    assert all(str(row[0]).isprintable() for row in table.rows)


def test_cancelled_calls_are_no_failed_calls_and_one_is_singular() -> None:
    errors = [lc.BatchError(0, 1, "cancelled", "RunCancelled", "cancelled", 1)] * 3
    made = lc.Report(
        Ledger(lc.plan(["sha256:" + "ab" * 32, "junk"])).columns(),
        target=lc.Target("app"),
        stats=lc.RunStats(ended="cancelled"),
        errors=errors,
    )
    table = by_name(made.plot.tables())["causes"]
    assert [row[2] for row in table.rows] == ["invalid rows"]
    assert table.summary.endswith(", of 1 invalid row.")


def test_every_known_size_is_in_one_group_whose_bounds_hold_it() -> None:
    sizes = [0, 1, 1023, 1024, 5_000_000, (5 << 30) - 1, 1 << 40]
    rows = [f"sha256:{number:064x}" for number in range(len(sizes))]
    with LocalEcr({"app": dict(zip(rows, sizes, strict=True))}) as ecr:
        made = lc.check([*rows, "sha256:" + "ff" * 32], "app", client=ecr.client())
    assert np.sort(made.sizes).tolist()[0] == -1
    table = by_name(made.plot.tables())["sizes"]
    found = {row[0]: row[1:] for row in table.rows if row[1]}
    assert found == {
        "0 B": (1, 0),
        "1 B to under 2 B": (1, 1),
        "512 B to under 1024 B": (1, 1023),
        "1 KiB to under 2 KiB": (1, 1024),
        "4 MiB to under 8 MiB": (1, 5_000_000),
        "4 GiB to under 8 GiB": (1, (5 << 30) - 1),
        "1 TiB to under 2 TiB": (1, 1 << 40),
    }
    assert len(table.rows) == 42  # empty groups between them are rows too
    assert table.summary.startswith("7 digests of ")


def test_the_timeline_of_a_plot_has_every_request_of_the_run() -> None:
    rows = [f"sha256:{number:064x}" for number in range(4_000)]
    with LocalEcr({"app": EvenDigests()}, throttle=Throttle(300, 20)) as ecr:
        made = lc.check(lc.plan(rows, batch_size=10), "app", client=ecr.client(), rate=500)
    table = by_name(made.plot.tables())["timeline"]
    assert 3 <= len(table.rows) <= MAX_ROWS
    length = made.timeline.seconds / len(table.rows)
    step = float(table.rows[1][0] or 0)
    assert step >= length * 0.9
    assert round(sum(float(row[1] or 0) for row in table.rows) * step) == made.stats.requests
    assert round(sum(float(row[2] or 0) for row in table.rows) * step) == made.stats.throttles
    assert table.columns[1:4] == ("requests", "throttles", "rate limit")
    assert table.drawn == (1, 2, 3)


def test_a_report_without_rows_has_no_plots() -> None:
    empty = lc.Report(Ledger(lc.plan([])).columns(), target=lc.Target("app"), stats=lc.RunStats())
    assert empty.plot.tables() == ()
    assert empty.plot.verdicts() is None
    assert empty.plot.timeline() is None
    assert repr(empty.plot) == "ReportPlots(nothing to show)"
    assert "<svg" not in empty._repr_html_()


def test_the_summary_of_a_timeline_tells_the_seconds_of_the_run_and_not_of_the_drawn_intervals() -> None:
    whole = Timeline(0.0, 1.0, tuple(Interval(float(at), 1, 0, 1, None) for at in range(65)))
    table = timeline_of(whole)
    assert table is not None
    assert len(table.rows) == 9
    assert table.summary.startswith("65 requests in 1 min 5 s, ")


def test_a_slow_run_is_not_said_to_have_sent_0_requests_a_second() -> None:
    whole = Timeline(0.0, 64.0, tuple(Interval(64.0 * at, 1, 0, 1, None) for at in range(12)))
    table = timeline_of(whole)
    assert table is not None
    assert ", less than 1 a second; 0 throttled." in table.summary
