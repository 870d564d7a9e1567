"""The summaries of a run and of a journal, as rich tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from layercheck.cli.numbers_table import numbers_table
from layercheck.cli.verdict_bar import VerdictBar
from layercheck.display.wording import ENDINGS, VERDICT_NOTES, VERDICT_STYLES, duration, percent
from layercheck.redact import one_line, visible, without_secrets
from layercheck.report.unanswered_causes import unanswered_causes
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    from layercheck._core import Reject
    from layercheck.journal.reader import JournalStatus
    from layercheck.report import Report
    from layercheck.types import RunStats, Target

_RUNS_SHOWN = 5
_ALWAYS_SHOWN = frozenset({"available", "unavailable"})
_EXAMPLES = 5
_REJECTS_SEARCHED = 50_000
_TEXT_WIDTH = 72


def summary(report: Report, *, interrupted: bool = False) -> Group:
    """The result of a run: verdicts, calls, and the first rows that need attention."""
    lines: list[RenderableType] = [_headline(report.target), Text(), *_verdicts(report), Text()]
    lines += [Text(line, style="dim") for line in _effort(report)]
    lines += _bad_rows(report)
    lines += _error_log(report)
    if interrupted:
        lines.append(
            Text(
                "\nInterrupted: these are the answers received before the interruption.", style="bold yellow"
            )
        )
    return Group(*lines)


def journal_summary(report: Report, status: JournalStatus) -> Group:
    """The state of a journal: verdicts, and when the answers came."""
    lines: list[RenderableType] = [_headline(report.target), Text(), *_verdicts(report), Text()]
    written = f"{_count(status.batches, 'batch', 'batches')} written, begun {_minute(status.created_at)}"
    if status.first_answer_at is not None and status.last_answer_at is not None:
        written += f", answers from {_minute(status.first_answer_at)} to {_minute(status.last_answer_at)}"
    state = f"in use by {visible(str(status.owner))}" if status.owner else ""
    if not status.complete:
        state += ", " if state else ""
        state += f"incomplete: {_count(status.unique - status.settled, 'digest')} without a final verdict"
    lines += [Text(line, style="dim") for line in (written, *_runs(status), state or "complete")]
    return Group(*lines)


def _runs(status: JournalStatus) -> Iterator[str]:
    """The last runs, one line each."""
    if len(status.runs) > _RUNS_SHOWN:
        calls = sum(run.stats.calls for run in status.runs)
        yield f"{_count(len(status.runs), 'run')} with {_count(calls, 'call')}, the last ones:"
    for run in status.runs[-_RUNS_SHOWN:]:
        took = duration((run.written_at - run.started_at).total_seconds())
        effort = f"{_count(run.stats.calls, 'call')} in {took}"
        yield f"run of {_minute(run.started_at)}: {effort}, {ENDINGS[run.ended]}"


def _minute(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _headline(target: Target) -> Text:
    line = Text(visible(target.repository_name), style="bold")
    places = ["ECR Public" if target.public else ""]
    places.append(f"registry {visible(target.registry_id)}" if target.registry_id else "")
    places.append(visible(target.region_name) if target.region_name else "")
    where = ", ".join(place for place in places if place)
    if where:
        line.append(f"  {where}", style="dim")
    return line


def _verdicts(report: Report) -> Iterator[RenderableType]:
    table = numbers_table("verdict", "rows", "digests", "share")
    table.add_column("", style="dim", overflow="fold")
    unique = report.unique_counts
    for verdict in (Verdict.from_label(word) for word in VERDICT_STYLES):
        word = verdict.label
        rows = report.counts.get(word, 0)
        if not rows and word not in _ALWAYS_SHOWN:
            continue
        # Rejected rows have no digest, so unique digests cannot be counted.
        digests = "" if verdict is Verdict.INVALID else f"{unique.get(word, 0):,}"
        style = VERDICT_STYLES[word] if rows else "dim"
        table.add_row(
            Text(word, style=style), f"{rows:,}", digests, percent(rows, report.rows), VERDICT_NOTES[word]
        )
    total = sum(count for word, count in unique.items() if word != Verdict.INVALID.label)
    table.add_row("all", f"{report.rows:,}", f"{total:,}", "", "", style="bold")
    yield VerdictBar(report.counts, VERDICT_STYLES)
    yield table


def _effort(report: Report) -> Iterator[str]:
    stats: RunStats = report.stats
    known = f"{_count(stats.restored, 'digest')} known from the journal"
    if not stats.requests:
        yield f"nothing was sent: {known}" if stats.restored else "nothing was sent"
        return
    settled = sum(
        count
        for word, count in report.unique_counts.items()
        if word not in {Verdict.INVALID.label, Verdict.NOT_CHECKED.label}
    )
    asked = settled - stats.restored
    line = f"{_count(stats.calls, 'call')} in {duration(stats.seconds)}"
    if stats.seconds > 0:
        line += f": {stats.calls_per_second:,.0f} calls/s, {asked / stats.seconds:,.0f} digests/s"
    yield line
    events = [
        (stats.throttles, "throttled"),
        (stats.retries, "asked again"),
        (stats.halvings, "split to find a rejected digest"),
        (stats.foreign, "answers for digests that were not asked"),
    ]
    parts = [f"{number:,} {what}" for number, what in events if number]
    if stats.restored:
        parts.insert(0, known)
    if parts:
        yield ", ".join(parts)


def _count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"


def _bad_rows(report: Report) -> list[RenderableType]:
    """Rejected rows by kind with the first row of each, and the first rows that the service refused."""
    lines: list[RenderableType] = []
    kinds = {kind: rows for kind, rows in report.plan.reject_counts.items() if rows}
    if kinds:
        first = _first_of_each(report, len(kinds))
        table = _examples()
        for kind, rows in sorted(kinds.items(), key=lambda item: -item[1]):
            reject = first.get(kind)
            if reject is None:
                table.add_row(f"{rows:,}", kind)
                continue
            # The text after the semicolon repeats what a digest looks like, so the table leaves it out.
            what, _, _ = one_line(without_secrets(reject.message)).partition(";")
            table.add_row(f"{rows:,}", _described(what, reject.text))
        lines += [Text("\ninvalid rows by kind, with the first of each", style="bold"), table]
    for verdict in (Verdict.REFUSED, Verdict.OTHER):
        lines += _answered(report, verdict)
    return lines


def _first_of_each(report: Report, kinds: int) -> dict[str, Reject]:
    first: dict[str, Reject] = {}
    # The search is bounded so that a summary is fast; a kind not found in time has no example.
    for reject in islice(report.plan.rejects, _REJECTS_SEARCHED):
        first.setdefault(reject.kind, reject)
        if len(first) == kinds:
            break
    return first


def _examples() -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=False)
    return table


def _described(what: str, text: str | None) -> Text:
    line = Text(what)
    if text:
        shown = visible(without_secrets(text))
        cut = shown if len(shown) <= _TEXT_WIDTH else shown[: _TEXT_WIDTH - 1] + "…"
        line.append(f"\n{cut}", style="dim")
    return line


def _answered(report: Report, verdict: Verdict) -> list[RenderableType]:
    total = report.counts.get(verdict.label, 0)
    if not total:
        return []
    import numpy as np

    first = np.flatnonzero(report.verdicts == int(verdict))[:_EXAMPLES]
    table = _examples()
    rows = report.table()
    for row in first.tolist():
        entry: dict[str, Any] = rows.lines(row, row + 1)[0]
        what = one_line(": ".join(str(entry[key]) for key in ("code", "reason") if entry.get(key)))
        table.add_row(f"row {row:,}", _described(what[:400], entry.get("digest")))
    return [Text(f"\n{verdict.label} rows, {len(first)} of {total:,}", style="bold"), table]


def _error_log(report: Report) -> list[RenderableType]:
    """Why digests have no answer: the errors of their batches, equal errors in one line."""
    causes = unanswered_causes(report.errors, report.unique_counts["unanswered"])
    if not causes:
        return []
    lines: list[RenderableType] = [Text("\nwithout an answer (digests: cause)", style="bold")]
    return lines + [
        Text(f"{cause.number}: {visible(cause.code)}: {cause.message}") for cause in causes[:_EXAMPLES]
    ]
