"""The HTML of a report in a notebook: a summary, and the first rows that are not available.

The HTML is built from plain strings. Every text from outside is escaped, and the number of rows is limited.
Text takes its colour from the page, so that it reads in light and dark themes.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from layercheck.verdict import Verdict

if TYPE_CHECKING:
    from layercheck.report.report import Report

MAX_ROWS = 20
"""The largest number of rows shown that are not available."""

_SEARCHED = 100_000
"""The number of rows searched for them, so that a notebook does not wait for ten million rows."""

_MAX_TEXT = 120
"""The largest number of characters shown of a text from outside."""

_COLOURS = {
    "available": "#2e9e5b",
    "unavailable": "#d9483b",
    "archived": "#b07c1f",
    "refused": "#c2528b",
    "other": "#8a63d2",
    "invalid": "#7a7f87",
    "unanswered": "#d9822b",
    "not_checked": "#9aa0a6",
}
"""One hue for each verdict, with enough contrast on white and on near black. The word stands beside it."""

_STYLE = """<style>
.layercheck{font-family:system-ui,sans-serif;font-size:13px;line-height:1.45;color:inherit;max-width:80em}
.layercheck table{border-collapse:collapse;font:inherit;margin:.4em 0;color:inherit;background:transparent}
.layercheck td,.layercheck th{padding:.15em .9em .15em 0;text-align:left;border:0;background:transparent;
vertical-align:baseline;color:inherit}
.layercheck .w{white-space:nowrap}
.layercheck th{font-weight:600;opacity:.7}
.layercheck td.n,.layercheck th.n{text-align:right;font-variant-numeric:tabular-nums}
.layercheck code{font-family:ui-monospace,monospace;font-size:12px;background:transparent;color:inherit;
overflow-wrap:anywhere}
.layercheck .bar{display:flex;height:8px;border-radius:4px;overflow:hidden;margin:.5em 0;
background:rgba(128,128,128,.25)}
.layercheck .dot{display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.5em}
.layercheck .note{opacity:.75}
</style>"""


def render(report: Report) -> str:
    """The report as an HTML fragment."""
    target = report.target
    place = " · ".join(
        part
        for part in (target.registry_id, target.region_name, "ECR Public" if target.public else None)
        if part
    )
    state = "complete" if report.complete else "<b>incomplete</b>"
    return (
        f'{_STYLE}<div class="layercheck">'
        f"<div><b>{_text(target.repository_name)}</b> <span class='note'>{_text(place)}</span></div>"
        f"<div>{report.rows:,} rows, {report.plan.unique:,} digests, {state}</div>"
        f"{_hint(report)}{_bar(report)}{_summary(report)}{_run(report)}{_rows(report)}</div>"
    )


def _text(value: object) -> str:
    text = "" if value is None else str(value)
    shown = text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
    # Replace control characters and direction marks, which could make a row read as something else.
    return escape(
        "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in shown)
    )


def _hint(report: Report) -> str:
    return "" if report.hint is None else f"<div><b>Note:</b> {escape(report.hint)}</div>"


def _bar(report: Report) -> str:
    parts = [
        f'<span title="{word}" style="flex:{rows};background:{_COLOURS[word]}"></span>'
        for word, rows in report.counts.items()
        if rows
    ]
    return f'<div class="bar">{"".join(parts)}</div>'


def _summary(report: Report) -> str:
    unique = report.unique_counts
    lines = [
        f"<tr><td>{_word(word)}</td>"
        f'<td class="n">{rows:,}</td><td class="n">{unique[word]:,}</td>'
        f'<td class="n">{rows / report.rows:.1%}</td></tr>'
        for word, rows in report.counts.items()
        if rows
    ]
    head = (
        '<tr><th>verdict</th><th class="n">rows</th><th class="n">digests</th><th class="n">share</th></tr>'
    )
    return f"<table>{head}{''.join(lines)}</table>" if lines else ""


def _run(report: Report) -> str:
    stats = report.stats
    parts = [f"{stats.requests:,} calls in {stats.seconds:,.1f} s ({stats.calls_per_second:,.0f} a second)"]
    if stats.retries:
        parts.append(f"{stats.retries:,} repeated")
    if stats.throttles:
        parts.append(f"{stats.throttles:,} throttled")
    if report.errors:
        parts.append(f"{len(report.errors):,} errors, first: {_text(report.errors[0].message)}")
    return f"<div class='note'>{' · '.join(parts)}</div>"


def _rows(report: Report) -> str:
    lines = _first_not_available(report)
    if not lines:
        return ""
    cells = "".join(_row(line) for line in lines)
    total = report.rows - report.counts["available"]
    note = f"{len(lines):,} of the {total:,} rows that are not available" if len(lines) < total else ""
    head = '<tr><th class="n">row</th><th>verdict</th><th>digest or input</th><th>why</th></tr>'
    return f"<table>{head}{cells}</table><div class='note'>{note}</div>"


def _row(line: dict[str, Any]) -> str:
    # A digest stays on one line. Text from outside may wrap anywhere.
    what = (
        f'<td class="w"><code>{line["digest"]}</code></td>'
        if line["digest"]
        else f"<td><code>{_text(line['input'])}</code></td>"
    )
    return (
        f'<tr><td class="n">{line["row"]:,}</td><td class="w">{_word(line["verdict"])}</td>'
        f"{what}<td>{_text(line['reason'] or line['code'])}</td></tr>"
    )


def _word(verdict: str) -> str:
    return f'<span class="dot" style="background:{_COLOURS[verdict]}"></span>{verdict}'


def _first_not_available(report: Report) -> list[dict[str, Any]]:
    """The first rows that are not available."""
    found = (report.verdicts[:_SEARCHED] != Verdict.AVAILABLE).nonzero()[0][:MAX_ROWS]
    table = report.table()
    return [line for row in found for line in table.lines(int(row), int(row) + 1)]
