"""The runs of a journal: when each one was, how it went, and how it ended."""

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
    """How a run stands.

    Attributes:
        stats: Its effort.
        errors: What went wrong with which batches; written down at the end of the run only.
    """

    stats: RunStats = field(default_factory=RunStats)
    errors: tuple[BatchError, ...] = ()


@dataclass(frozen=True, slots=True)
class JournalRun:
    """A run that wrote to a journal.

    Attributes:
        started_at: When it began.
        written_at: When it last wrote something.
        ended: How it ended: `running` while it goes on, `killed` if its process ended first.
        stats: Its effort, as far as it was written down.
        errors: What went wrong with which batches; nothing for a run that was killed.
    """

    started_at: datetime
    written_at: datetime
    ended: Ending
    stats: RunStats
    errors: tuple[BatchError, ...]


def row_of(number: int, started_at: float, written_at: float, standing: RunSnapshot) -> RunRow:
    """A run as it stands in the file."""
    stats, errors = standing.stats, standing.errors
    over = stats.ended != "running"
    kept = [list(asdict(error).values()) for error in errors] if over else []
    return RunRow(number, started_at, written_at, stats.ended, json.dumps(asdict(stats)), json.dumps(kept))


def read(rows: Iterable[RunRow], *, in_use: bool) -> tuple[list[JournalRun], int]:
    """The runs of a journal, and how many of them cannot be read."""
    runs: list[JournalRun] = []
    unreadable = 0
    for row in rows:
        try:
            runs.append(_run_of(row))
        except (ValueError, TypeError, OverflowError, OSError, RecursionError):
            unreadable += 1
    # What is still running is the last one, if anything is. All others ended without a word.
    for at, run in enumerate(runs):
        if run.ended == "running" and not (in_use and at == len(runs) - 1):
            runs[at] = replace(run, ended="killed", stats=replace(run.stats, ended="killed"))
    return runs, unreadable


def total(runs: Iterable[JournalRun], ended: Ending) -> RunStats:
    """The effort of all of them together."""
    stats = [run.stats for run in runs]
    added = {
        name: sum(getattr(each, name) for each in stats)
        for name in ("calls", "requests", "retries", "throttles", "halvings", "foreign", "seconds")
    }
    most = max((each.max_in_flight for each in stats), default=0)
    rate = stats[-1].rate if stats else None
    return RunStats(**added, rate=rate, max_in_flight=most, transport="journal", ended=ended)


def _run_of(row: RunRow) -> JournalRun:
    stats = _typed(RunStats, json.loads(row.stats))
    if row.ended not in get_args(Ending) or row.ended != stats.ended:
        raise ValueError("it does not tell how it ended")
    names = [each.name for each in fields(BatchError)]
    errors = [dict(zip(names, each, strict=True)) for each in json.loads(row.errors)]
    return JournalRun(
        started_at=_time(row.started_at),
        written_at=_time(row.written_at),
        ended=stats.ended,
        stats=stats,
        errors=tuple(_typed(BatchError, each) for each in errors),
    )


_hints = cache(get_type_hints)  # of a class it takes longer than a run to be read


def _typed(kind: Any, values: Any) -> Any:
    """A small dataclass of values out of a file: each is there, and of its type."""
    hints = _hints(kind)
    if not isinstance(values, dict) or set(values) != set(hints):
        raise ValueError("something is missing")
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
            raise ValueError(f"{name} is not what it should be")
    return kind(**values)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
