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
"""Verdict word to its colour in bars and tables on a terminal."""

VERDICT_NOTES = {
    "available": "in the repository",
    "unavailable": "not in the repository",
    "archived": "exists, not readable now",
    "refused": "the service refused to look them up",
    "other": "an answer this version does not know",
    "invalid": "not a digest; never sent",
    "unanswered": "asked, no usable answer",
    "not_checked": "never asked",
}
"""Verdict word to what it means."""

ENDINGS = {
    "running": "not ended yet",
    "done": "done",
    "cancelled": "cancelled",
    "timeout": "the time limit was reached",
    "stalled": "the service stopped answering",
    "fatal": "stopped by an error that a retry cannot fix",
    "journal": "the journal could not be written",
    "killed": "killed",
}
"""How a run ended, in words."""


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
        >>> [duration(s) for s in (0.004, 0.04, 7.25, 59.97, 83, 7300)]
        ['under 0.01 s', '0.04 s', '7.2 s', '1 min 0 s', '1 min 23 s', '2 h 1 min']
    """
    if 0 < seconds < 0.01:
        return "under 0.01 s"
    if seconds < 0.1:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def settled(counts: dict[str, int]) -> dict[str, int]:
    """The counts without `not_checked`, which is only what is left to do."""
    return {word: count for word, count in counts.items() if word != "not_checked"}


def percent(part: int, whole: int) -> str:
    """A part as a percentage, which is 0 % and 100 % only for nothing and all.

    Examples:
        >>> [percent(*pair) for pair in ((0, 10), (1, 10_000), (9_999, 10_000), (10, 10), (1, 3))]
        ['0 %', '<0.1 %', '>99.9 %', '100 %', '33.3 %']
    """
    return share_text(100 * part / whole if whole else 0.0)


def share_text(share: float) -> str:
    """A percentage as text, which is 0 % and 100 % only for nothing and all.

    Examples:
        >>> [share_text(share) for share in (0, 0.02, 33.333, 99.96, 100.0)]
        ['0 %', '<0.1 %', '33.3 %', '>99.9 %', '100 %']
    """
    if share in (0, 100):
        return f"{share:.0f} %"
    if 0 < share < 0.1:
        return "<0.1 %"
    return ">99.9 %" if 99.9 < share < 100 else f"{share:.1f} %"


def time_left(seconds: float | None) -> str:
    """The time left as text without tenths, because it is an estimate; empty if it is unknown or nothing.

    Examples:
        >>> [time_left(seconds) for seconds in (None, 0.0, 7.25, 83)]
        ['', '', '7 s left', '1 min 23 s left']
    """
    if not seconds:
        return ""
    return f"{f'{seconds:.0f} s' if seconds < 59.5 else duration(seconds)} left"


def bytes_text(count: float) -> str:
    """A number of bytes as text for people.

    Examples:
        >>> [bytes_text(count) for count in (12, 4_200, 999_999, 12_340_000_000)]
        ['12 B', '4 kB', '1 MB', '12.3 GB']
    """
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def counted(count: int, noun: str) -> str:
    """A number with its noun, which gets an s unless it is one.

    Examples:
        >>> counted(1, "digest"), counted(1_200, "image")
        ('1 digest', '1,200 images')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
