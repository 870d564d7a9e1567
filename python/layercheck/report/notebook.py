"""The view of a report in a notebook: a summary, and the first rows that are not available."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from layercheck.display import fragment
from layercheck.plots.figure import figure
from layercheck.report.plot_tables import timeline
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    from layercheck.report.report import Report

_SEARCHED = 100_000
"""The number of rows searched for examples, so that a notebook does not wait for ten million rows."""


def render(report: Report) -> str:
    """The report as an HTML fragment."""
    target = report.target
    state = "complete" if report.complete else "<b>incomplete</b>"
    return fragment.view(
        fragment.target(target),
        fragment.line(f"{report.rows:,} rows, {report.plan.unique:,} digests, {state}"),
        fragment.hint(report.hint),
        fragment.bar(report.counts),
        fragment.verdicts(report.counts, report.unique_counts),
        fragment.note(_effort(report)),
        figure(timeline(report)),
        _rows(report),
    )


def _effort(report: Report) -> str:
    stats = report.stats
    parts = [f"{stats.requests:,} calls in {stats.seconds:,.1f} s ({stats.calls_per_second:,.0f} a second)"]
    if stats.retries:
        parts.append(f"{stats.retries:,} repeated")
    if stats.throttles:
        parts.append(f"{stats.throttles:,} throttled")
    if report.errors:
        first = fragment.text(report.errors[0].message)
        parts.append(f"{len(report.errors):,} errors, first: {first}")
    return " · ".join(parts)


def _rows(report: Report) -> str:
    lines = _first_not_available(report)
    total = report.rows - report.counts["available"]
    note = f"{len(lines):,} of the {total:,} rows that are not available" if len(lines) < total else ""
    head = ("row", "verdict", "digest or input", "why")
    return fragment.table(head, map(_row, lines), numbers=(0,)) + fragment.note(note)


def _row(line: dict[str, Any]) -> tuple[str, ...]:
    # A digest stays on one line. Text from outside may wrap anywhere.
    what = fragment.code(line["digest"] or line["input"])
    return (
        f"{line['row']:,}",
        fragment.word(line["verdict"]),
        f'<span class="w">{what}</span>' if line["digest"] else what,
        fragment.text(line["reason"] or line["code"]),
    )


def _first_not_available(report: Report) -> list[dict[str, Any]]:
    found = (report.verdicts[:_SEARCHED] != Verdict.AVAILABLE).nonzero()[0][: fragment.MAX_ROWS]
    table = report.table()
    return [line for row in found for line in table.lines(int(row), int(row) + 1)]
