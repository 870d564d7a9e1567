"""The runs of a journal: when each started, how it went, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, get_args, get_type_hints

from layercheck.journal.store import RunRow
from layercheck.types import BatchError, Ending, RunStats


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """The state of a run at one instant.

    Attributes:
        stats: Its statistics.
        errors: What went wrong with which batches; the journal keeps them at the end of the run only.
    """

    stats: RunStats = field(default_factory=RunStats)
    errors: tuple[BatchError, ...] = ()


@dataclass(frozen=True, slots=True)
class JournalRun:
    """A run that wrote to a journal.

    Attributes:
        started_at: When it started.
        written_at: When it last wrote something.
        ended: How it ended: `running` if it has not, `killed` if its process ended first.
        stats: Its statistics when it last wrote.
        errors: What went wrong with which batches; empty for a killed run.
    """

    started_at: datetime
    written_at: datetime
    ended: Ending
    stats: RunStats
    errors: tuple[BatchError, ...]


def run_row(number: int, started_at: float, written_at: float, snapshot: RunSnapshot) -> RunRow:
    """The row of the table `runs` for a run."""
    stats, errors = snapshot.stats, snapshot.errors
    has_ended = stats.ended != "running"
    kept = [list(asdict(error).values()) for error in errors] if has_ended else []
    return RunRow(number, started_at, written_at, stats.ended, json.dumps(asdict(stats)), json.dumps(kept))


def read_runs(rows: Iterable[RunRow], *, in_use: bool) -> tuple[list[JournalRun], int]:
    """The runs of a journal, and the number of those that cannot be read."""
    runs: list[JournalRun] = []
    unreadable = 0
    for row in rows:
        try:
            runs.append(_parse_run(row))
        except (ValueError, TypeError, OverflowError, OSError, RecursionError):
            unreadable += 1
    # Only the last run can still be running. Every other run marked so was killed.
    for at, run in enumerate(runs):
        if run.ended == "running" and not (in_use and at == len(runs) - 1):
            runs[at] = replace(run, ended="killed", stats=replace(run.stats, ended="killed"))
    return runs, unreadable


def total_stats(runs: Iterable[JournalRun], ended: Ending) -> RunStats:
    """The statistics of all runs together."""
    stats = [run.stats for run in runs]
    sums = {
        name: sum(getattr(each, name) for each in stats)
        for name in ("calls", "requests", "retries", "throttles", "halvings", "foreign", "seconds")
    }
    most = max((each.max_in_flight for each in stats), default=0)
    rate = stats[-1].rate if stats else None
    return RunStats(**sums, rate=rate, max_in_flight=most, transport="journal", ended=ended)


def _parse_run(row: RunRow) -> JournalRun:
    stats = _build(RunStats, json.loads(row.stats))
    if row.ended not in get_args(Ending) or row.ended != stats.ended:
        raise ValueError("how it ended is missing or unknown")
    names = [each.name for each in fields(BatchError)]
    errors = [dict(zip(names, each, strict=True)) for each in json.loads(row.errors)]
    return JournalRun(
        started_at=_time(row.started_at),
        written_at=_time(row.written_at),
        ended=stats.ended,
        stats=stats,
        errors=tuple(_build(BatchError, each) for each in errors),
    )


_hints = cache(get_type_hints)  # cached, because it takes longer than to read a run


def _build(kind: Any, values: Any) -> Any:
    """A dataclass made of values from a file, after a check that each is there and of its type."""
    hints = _hints(kind)
    if not isinstance(values, dict) or set(values) != set(hints):
        raise ValueError("a value is missing")
    for name, hint in hints.items():
        value = values[name]
        choices = get_args(hint)
        if hint is int or hint is str:
            fits = type(value) is hint
        elif hint is float:
            fits = type(value) in (int, float)
        elif choices == (float, type(None)):
            fits = value is None or type(value) in (int, float)
        else:
            fits = value in choices
        if not fits:
            raise ValueError(f"{name} is of the wrong type")
    return kind(**values)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
