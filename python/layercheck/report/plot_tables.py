"""The plots of a report of digests, each as a table."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from layercheck.display.wording import VERDICT_STYLES, bytes_text, counted, duration, percent
from layercheck.plots.table import MAX_RANKED, MAX_ROWS, PlotTable
from layercheck.redact import clean

if TYPE_CHECKING:
    from layercheck.report.report import Report
    from layercheck.report.timeline import Timeline

LEAST_INTERVALS = 3
"""The fewest intervals of a timeline that is drawn."""

_FEWEST_POINTS = 12
_REQUESTS_A_POINT = 10


def all_of(report: Report) -> tuple[PlotTable, ...]:
    """All plots of a report that have something to show, in the order of a page."""
    made = verdicts(report), causes(report), sizes(report), timeline(report)
    return tuple(table for table in made if table is not None)


def verdicts(report: Report) -> PlotTable | None:
    """The rows for each verdict; None without rows."""
    counts, unique = report.counts, report.unique_counts
    total = report.rows
    if not total:
        return None
    found = [word for word in VERDICT_STYLES if counts[word]]
    others = ", ".join(f"{counts[word]:,} {_spoken(word)}" for word in found if word != "available")
    available = f"{counts['available']:,} of {counted(total, 'row')} available"
    return PlotTable(
        kind="verdicts",
        name="verdicts",
        title="Rows by verdict",
        summary=f"{available} ({percent(counts['available'], total)}){'; ' if others else ''}{others}.",
        columns=("verdict", "rows", "digests", "share"),
        units=("", "rows", "digests", "%"),
        rows=tuple((word, counts[word], unique[word], 100 * counts[word] / total) for word in found),
    )


def causes(report: Report) -> PlotTable | None:
    """Why rows and digests have no usable answer, by code; None if all have one.

    Invalid rows count by their kind. Digests count by the code of their call. Of a run with very many errors,
    the errors that were kept one by one are counted. A call that was cancelled did not fail.
    """
    found: Counter[tuple[str, str]] = Counter()
    for kind, rows in report.plan.reject_counts.items():
        if rows:
            found[kind, "invalid row"] += rows
    for error in report.errors:
        if error.code != "FurtherErrors" and error.kind != "cancelled":
            found[clean(error.code, 80), "failed call"] += 1
    if not found:
        return None
    leading = found.most_common(MAX_RANKED)
    (code, what), number = leading[0]
    return PlotTable(
        kind="ranked",
        name="causes",
        title="Invalid rows and failed calls by cause",
        summary=f"{counted(len(found), 'cause')}; the most frequent is {code}, of {counted(number, what)}.",
        columns=("cause", "count", "of"),
        units=("", "", ""),
        rows=tuple((code, number, f"{what}s") for (code, what), number in leading),
        omitted=len(found) - len(leading),
    )


def sizes(report: Report) -> PlotTable | None:
    """The digests by the size of their layer; None if the service told no size."""
    import numpy as np

    known = report.sizes[report.sizes >= 0]
    if not len(known):
        return None
    # A layer of 2^k to 2^(k+1) - 1 bytes is in group k + 1; an empty layer is in group 0.
    groups = np.frexp(known.astype(np.float64))[1]
    numbers = np.bincount(groups)
    weights = np.bincount(groups, weights=known)
    present = np.flatnonzero(numbers)
    first, last = int(present[0]), int(present[-1])
    rows = tuple(
        (_size_range(group), int(numbers[group]), int(weights[group])) for group in range(first, last + 1)
    )
    middle = bytes_text(float(np.median(known)))
    return PlotTable(
        kind="histogram",
        name="sizes",
        title="Digests by size",
        summary=f"{counted(len(known), 'digest')} of {bytes_text(int(known.sum()))} together; "
        f"the median is {middle}.",
        columns=("size", "digests", "bytes"),
        units=("", "digests", "bytes"),
        rows=rows,
    )


def timeline(report: Report) -> PlotTable | None:
    """Requests, throttles and rate over the time of the run; None for a run of a moment."""
    return timeline_of(report.timeline)


def timeline_of(whole: Timeline) -> PlotTable | None:
    """A timeline as the table of a plot; None if it has too few intervals to show a course."""
    # An interval with a request or two would show the chance of its bounds, not a rate.
    requests = sum(interval.requests for interval in whole)
    shown = whole.within(min(MAX_ROWS, max(_FEWEST_POINTS, requests // _REQUESTS_A_POINT)))
    if len(shown) < LEAST_INTERVALS:
        return None
    length = shown.interval_s
    throttles = sum(interval.throttles for interval in shown)
    most = max(interval.requests for interval in shown) / length
    pace = f"at most {most:,.0f} a second" if most >= 1 else "less than 1 a second"
    return PlotTable(
        kind="timeline",
        name="timeline",
        title="Requests over time",
        summary=f"{counted(requests, 'request')} in {duration(whole.seconds)}, {pace}; "
        f"{throttles:,} throttled.",
        columns=("second", "requests", "throttles", "rate limit", "digests"),
        units=("s", "requests/s", "requests/s", "requests/s", "digests/s"),
        rows=tuple(
            (
                interval.second,
                interval.requests / length,
                interval.throttles / length,
                interval.rate,
                interval.digests / length,
            )
            for interval in shown
        ),
    )


def _spoken(word: str) -> str:
    return word.replace("_", " ")


def _size_range(group: int) -> str:
    """The sizes of a group: from a power of two to the next."""
    if group == 0:
        return "0 B"
    names = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    exponent = group - 1
    unit = exponent // 10
    return f"{1 << exponent % 10} {names[unit]} to under {1 << (exponent % 10 + 1)} {names[unit]}"
