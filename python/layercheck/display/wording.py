"""Words and colours for the state and the result of a run, in bars, tables and text."""

from __future__ import annotations

from collections.abc import Iterable

VERDICT_STYLES = {
    "available": "green",
    "unavailable": "red",
    "archived": "yellow",
    "refused": "magenta",
    "other": "cyan",
    "invalid": "bright_red",
    "unanswered": "bold yellow",
    "not_checked": "dim",
}
"""Verdict word to its colour in bars and tables."""


def counts_line(counts: dict[str, int], *, order: Iterable[str] = VERDICT_STYLES) -> list[tuple[str, str]]:
    """The verdict counts that are not zero, as (text, style).

    Examples:
        >>> counts_line({"unavailable": 2, "available": 1000, "other": 0})
        [('1,000 available', 'green'), ('2 unavailable', 'red')]
    """
    return [(f"{counts[word]:,} {word}", VERDICT_STYLES[word]) for word in order if counts.get(word)]


def duration(seconds: float) -> str:
    """A number of seconds as text for people.

    Examples:
        >>> [duration(s) for s in (0.004, 0.04, 7.25, 83, 7300)]
        ['under 0.01 s', '0.04 s', '7.2 s', '1 min 23 s', '2 h 1 min']
    """
    if 0 < seconds < 0.01:
        return "under 0.01 s"
    if seconds < 0.1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"
