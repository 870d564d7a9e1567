"""The page of a report of digests: what stands on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from layercheck.display.wording import ENDINGS, VERDICT_NOTES, VERDICT_STYLES, counted, duration
from layercheck.page.content import Bar, Cell, Column, Findings, Mood, Page, Part
from layercheck.page.place import place_of
from layercheck.report import plot_tables
from layercheck.report.unanswered_causes import unanswered_causes
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    from layercheck.report.report import Report

_WRONG = (Verdict.UNAVAILABLE, Verdict.ARCHIVED, Verdict.REFUSED, Verdict.OTHER, Verdict.INVALID)
_FOUND = (*_WRONG, Verdict.UNANSWERED, Verdict.NOT_CHECKED)
"""The verdicts of the findings, the worst first."""

_COLUMNS = (
    Column("verdict", "word"),
    Column("digest or input", "code"),
    Column("why"),
    Column("size", "bytes"),
    Column("row", "number"),
)
_WHY_OPEN = {"done": "some digests got no usable answer", "running": "the run has not ended yet"}
_CHUNK = 500
_CAUSES = 20
HOW = (
    "Everything: add -o FILE.parquet to the command, and no --format, or write it in Python with "
    'report.write("FILE.parquet").'
)


def page_of(
    report: Report,
    *,
    only: Iterable[Verdict] | None = None,
    unique: bool = False,
    files: tuple[tuple[str, str], ...] = (),
    written: datetime | None = None,
) -> Page:
    """Return the page of a report.

    Args:
        report: The report.
        only: The verdicts whose lines are listed; None for all that are not `available`.
        unique: List one line for each digest instead of one for each row.
        files: Address and name of the files with all rows.
        written: When the page is written; now, if it is None.
    """
    return Page(
        kind="Layer check",
        name=report.target.repository_name,
        headline=_headline(report),
        mood=_mood(report),
        warnings=tuple(_warnings(report)),
        facts=(("What was checked", tuple(_checked(report))), ("How it went", tuple(_run(report)))),
        bar=_bar(report),
        problems=_problems(report),
        figures=tuple(table for table in plot_tables.all_of(report) if table.kind != "verdicts"),
        findings=_findings(report, only, unique, files),
        written=written or datetime.now(UTC),
    )


def _open(report: Report) -> int:
    return report.counts["unanswered"] + report.counts["not_checked"]


def _headline(report: Report) -> str:
    rows, open_, name = report.rows, _open(report), report.target.repository_name
    if not rows:
        return "There was nothing to check: the input has no rows."
    if open_ == rows:
        return f"Not known: none of {counted(rows, 'row')} has an answer from {name}."
    wrong = {verdict.label: report.counts[verdict] for verdict in _WRONG if report.counts[verdict]}
    bad = sum(wrong.values())
    words = ", ".join(f"{count:,} {word}" for word, count in wrong.items())
    # No answer says that a row is not there if it was refused, not understood, or never sent.
    known = "" if wrong.keys() <= {"unavailable", "archived"} else "known to be "
    are = f"{'is' if bad == 1 else 'are'} not {known}available in {name}: {words}"
    if open_:
        begin = f"Incomplete: {open_:,} of {rows:,} rows {'has' if open_ == 1 else 'have'} no answer;"
        if not bad and rows - open_ == 1:
            return f"{begin} the one other is available in {name}."
        found = f"{bad:,} {are}" if bad else f"all are available in {name}"
        return f"{begin} of the {counted(rows - open_, 'other')}, {found}."
    if not bad:
        return f"{'The one row is' if rows == 1 else f'All {rows:,} rows are'} available in {name}."
    return f"{bad:,} of {counted(rows, 'row')} {are}."


def _mood(report: Report) -> Mood:
    if _open(report) or not report.rows:
        return "open"
    return "good" if report.counts["available"] == report.rows else "bad"


def _warnings(report: Report) -> Iterator[str]:
    open_, ended = _open(report), report.stats.ended
    if open_:
        why = _WHY_OPEN.get(ended) or f"the run ended early ({ENDINGS[ended]})"
        rows = counted(open_, "row")
        yield f"This report is incomplete: {why}. {rows} without an answer may be available or not."
    # The headline says that there are no rows.
    if report.rows and report.hint is not None:
        yield f"{report.hint[0].upper()}{report.hint[1:]}."


def _checked(report: Report) -> Iterator[tuple[str, str]]:
    yield from place_of(report.target)
    plan = report.plan
    yield "rows", f"{plan.rows:,}"
    yield "different digests", f"{plan.unique:,}"
    yield "repeated rows", f"{plan.duplicates:,}"


def _run(report: Report) -> Iterator[tuple[str, str]]:
    stats = report.stats
    if report.timeline.started_at:
        started = datetime.fromtimestamp(report.timeline.started_at, UTC)
        yield "first call", f"{started:%Y-%m-%d %H:%M:%S} UTC"
    yield "ended", ENDINGS[stats.ended]
    yield "calls", f"{stats.calls:,}"
    yield "requests, with retries", f"{stats.requests:,}"
    yield "retries", f"{stats.retries:,}"
    yield "throttled", f"{stats.throttles:,}"
    yield "seconds", duration(stats.seconds)
    yield "requests a second", f"{stats.calls_per_second:,.0f}"
    yield "rate limit at the end", "none" if stats.rate is None else f"{stats.rate:,.0f} calls/s"
    yield "calls at once, at most", f"{stats.max_in_flight:,}"
    yield "transport", stats.transport
    if stats.restored:
        yield "digests known from the journal", f"{stats.restored:,}"
    if stats.halvings:
        yield "batches split to find a refused digest", f"{stats.halvings:,}"
    if stats.foreign:
        yield "answers for digests that were not asked", f"{stats.foreign:,}"


def _bar(report: Report) -> Bar:
    counts, unique = report.counts, report.unique_counts
    words = [word for word in VERDICT_STYLES if counts[word] or word in ("available", "unavailable")]
    digests = tuple("" if word == "invalid" else f"{unique[word]:,}" for word in words)
    parts = tuple(Part(word, counts[word], VERDICT_NOTES[word]) for word in words)
    return Bar("Verdicts", "verdict", "rows", parts, (("digests", digests),))


def _problems(report: Report) -> tuple[tuple[str, tuple[str, ...]], ...]:
    causes = unanswered_causes(report.errors, report.unique_counts["unanswered"])
    if not causes:
        return ()
    lines = [
        f"{cause.number} {'digest' if cause.digests == 1 else 'digests'}: {cause.code}: {cause.message}"
        for cause in causes[:_CAUSES]
    ]
    if len(causes) > _CAUSES:
        lines.append(f"and {len(causes) - _CAUSES:,} more causes")
    return (("Failed calls", tuple(lines)),)


def _findings(
    report: Report, only: Iterable[Verdict] | None, unique: bool, files: tuple[tuple[str, str], ...]
) -> Findings:
    chosen = set(_FOUND if only is None else only)
    words = [verdict for verdict in (*_FOUND, Verdict.AVAILABLE) if verdict in chosen]
    noun = "digests" if unique else "rows"
    unit = f"{noun} with a verdict other than available" if only is None else f"chosen {noun}"
    return Findings.of(
        "Findings",
        unit,
        _COLUMNS,
        chain.from_iterable(_lines(report, verdict, unique) for verdict in words),
        len(report.table(unique=unique, only=words)),
        none="No line has one of the chosen verdicts." if only is not None else f"No {noun} to list.",
        files=files,
        how=HOW,
        held="Everything" if only is None else f"The chosen {noun}",
    )


def _lines(report: Report, verdict: Verdict, unique: bool) -> Iterator[tuple[Cell, ...]]:
    table = report.table(unique=unique, only=verdict)
    for start in range(0, len(table), _CHUNK):
        for line in table.lines(start, start + _CHUNK):
            why = ": ".join(filter(None, (line["code"], line["reason"])))
            if verdict is Verdict.INVALID:
                why = line["reason"] or line["code"]
            yield verdict.label, line["digest"] or line["input"], why, line["size"], line["row"]
