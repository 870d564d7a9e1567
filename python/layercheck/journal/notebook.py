"""The view of a journal in a notebook: its verdicts, and the runs that wrote to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layercheck.display import fragment
from layercheck.display.wording import duration

if TYPE_CHECKING:
    from layercheck.journal.history import JournalRun
    from layercheck.journal.reader import Journal


def render(journal: Journal) -> str:
    """The journal as an HTML fragment."""
    status = journal.status()
    report = journal.report()
    target = status.target
    left = status.unique - status.settled
    state = "complete" if status.complete else f"<b>incomplete</b>: {left:,} digests without a final verdict"
    runs = status.runs[-fragment.MAX_ROWS :]
    return fragment.view(
        fragment.target(target),
        fragment.line(f"{status.rows:,} rows, {status.unique:,} digests, {state}"),
        fragment.bar(report.counts),
        fragment.verdicts(report.counts, report.unique_counts),
        fragment.table(("run of", "calls", "took", "ended"), map(_run, runs), numbers=(1,)),
        fragment.note(f"in use by {fragment.text(status.owner)}" if status.owner else ""),
        fragment.note(fragment.text(status.path)),
    )


def _run(run: JournalRun) -> tuple[str, ...]:
    took = duration((run.written_at - run.started_at).total_seconds())
    return (
        run.started_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        f"{run.stats.calls:,}",
        took,
        fragment.text(run.ended),
    )
