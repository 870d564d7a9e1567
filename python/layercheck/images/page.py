"""The page of a check of images: what stands on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from layercheck.display.wording import ENDINGS, counted, duration
from layercheck.images import plot_tables
from layercheck.images.wording import IMAGE_VERDICT_NOTES
from layercheck.page.content import MOST_LINES, Bar, Cell, Column, Findings, Mood, Page, Part
from layercheck.page.place import place_of
from layercheck.verdict import ImageVerdict

if TYPE_CHECKING:
    from layercheck.images.image_report import ImageReport

_FOUND = (
    ImageVerdict.INCOMPLETE,
    ImageVerdict.UNREADABLE,
    ImageVerdict.UNDECIDED,
    ImageVerdict.PARTIAL,
    ImageVerdict.ARCHIVED,
    ImageVerdict.GONE,
    ImageVerdict.NOT_CHECKED,
)
"""The verdicts of the findings, the worst first."""

_COLUMNS = (
    Column("verdict", "word"),
    Column("repository"),
    Column("tags"),
    Column("why"),
    Column("missing part", "code"),
    Column("digest", "code"),
    Column("size", "bytes"),
    Column("pushed", "time"),
    Column("last pulled", "time"),
)
_SEARCHED = 5 * MOST_LINES
"""Images of a verdict that are looked at for those with tags, which come first."""
_TAGS = 5
_LISTED = 20
HOW = (
    "Everything: add -o FOLDER/ to the command, and no --format, or write it in Python with "
    'report.write("FILE.parquet").'
)


def page_of(
    report: ImageReport, *, files: tuple[tuple[str, str], ...] = (), written: datetime | None = None
) -> Page:
    """Return the page of a check of images.

    Args:
        report: The report.
        files: Address and name of the files with the tables.
        written: When the page is written; now, if it is None.
    """
    return Page(
        kind="Image audit",
        name=_name(report),
        headline=_headline(report),
        mood=_mood(report),
        warnings=tuple(_warnings(report)),
        facts=(("What was checked", tuple(_checked(report))), ("How it went", tuple(_run(report)))),
        bar=_bar(report),
        problems=_problems(report),
        figures=tuple(table for table in plot_tables.all_of(report) if table.kind != "verdicts"),
        findings=_findings(report, files),
        notes=_cut(report.notes, "notes"),
        written=written or datetime.now(UTC),
    )


def _name(report: ImageReport) -> str:
    number = len(report.repositories)
    return report.repositories[0].repository_name if number == 1 else f"{number:,} repositories"


def _open(report: ImageReport) -> int:
    counts = report.counts
    return counts["undecided"] + counts["not_checked"]


def _headline(report: ImageReport) -> str:
    images, counts, open_ = report.images, report.counts, _open(report)
    if not images and not report.complete:
        return "Not known: no image was listed, and the check is incomplete."
    if not images:
        return "There was nothing to check: no image was listed."
    if open_ == images:
        return f"Not known: none of {counted(images, 'image')} has a verdict."
    broken = [
        (counts["incomplete"], "can no longer be pulled, because parts of {} cannot be had"),
        (counts["unreadable"], "cannot be read"),
    ]
    said = [
        f"{number:,} {words.format('it' if number == 1 else 'them')}" for number, words in broken if number
    ]
    rest = [f"{counts[word]:,} {words}" for word, words in _OTHERS.items() if counts[word]]
    begin, known = _begin(report, open_)
    if not said and not rest:
        number = images - open_
        if begin:
            return (
                f"{begin}{f'the one {known} is' if number == 1 else f'all {number:,} {known}s are'} complete."
            )
        return f"{'The one image is' if images == 1 else f'All {images:,} images are'} complete."
    of = f"of the {counted(images - open_, known)}, " if begin else f"Of {counted(images, known)}, "
    if not said:
        return f"{begin}{of}none is known to be broken: {', '.join(rest)}."
    if len(said) == 1 and not begin:
        number, words = next(pair for pair in broken if pair[0])
        return f"{number:,} of {counted(images, 'image')} {words.format('it' if number == 1 else 'them')}."
    return f"{begin}{of}{' and '.join(said)}."


def _begin(report: ImageReport, open_: int) -> tuple[str, str]:
    """How the headline of an incomplete check begins, and what an image with a verdict is called in it."""
    if open_:
        have = "has" if open_ == 1 else "have"
        return f"Incomplete: {open_:,} of {counted(report.images, 'image')} {have} no verdict; ", "other"
    if not report.complete:
        return "Incomplete: there may be images that are not here; ", "listed image"
    return "", "image"


_OTHERS = {
    "partial": "with children that are not listed",
    "archived": "archived and not pullable now",
    "gone": "deleted meanwhile",
}


def _mood(report: ImageReport) -> Mood:
    counts = report.counts
    if not report.complete or not report.images:
        return "open"
    return "bad" if counts["incomplete"] + counts["unreadable"] else "good"


def _warnings(report: ImageReport) -> Iterator[str]:
    if report.complete:
        return
    open_, ended = _open(report), report.stats.ended
    why = "" if ended == "done" else f" the check ended early ({ENDINGS[ended]});"
    parts = [f"{counted(open_, 'image')} without a verdict may be whole or broken"] if open_ else []
    unfinished = [each for each in report.repositories if each.state not in ("done", "gone")]
    if unfinished:
        were = "repository was" if len(unfinished) == 1 else "repositories were"
        parts.append(
            f"{len(unfinished):,} {were} not checked to the end, and may have images that are not here"
        )
    elif not open_:
        parts.append("a listing is incomplete, so there may be images that are not here")
    yield f"This report is incomplete:{why} {'; '.join(parts)}."


def _checked(report: ImageReport) -> Iterator[tuple[str, str]]:
    repositories = report.repositories
    for name, value in place_of(report.target):
        if name == "repository":
            yield (
                ("repository", _name(report))
                if len(repositories) == 1
                else ("repositories", f"{len(repositories):,}")
            )
        elif name == "registry" and repositories and repositories[0].account_id:
            yield name, repositories[0].account_id
        else:
            yield name, value
    yield "images", f"{report.images:,}"
    yield "tags", f"{sum(each.tags for each in repositories):,}"
    listed = [each.listed_at for each in repositories if each.listed_at]
    if listed:
        yield "listed from", _second(min(listed))
        yield "listed to", _second(max(listed))


def _second(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _run(report: ImageReport) -> Iterator[tuple[str, str]]:
    stats = report.stats
    calls = sum(stats.calls.values())
    yield "ended", ENDINGS[stats.ended]
    yield "seconds", duration(stats.seconds)
    yield "calls", f"{calls:,}"
    if stats.seconds > 0:
        yield "calls a second", f"{calls / stats.seconds:,.0f}"
    yield "throttled", f"{sum(stats.throttles.values()):,}"
    yield "manifests known from the store", f"{stats.manifests_known:,}"
    for operation, number in sorted(stats.calls.items(), key=lambda pair: -pair[1]):
        throttled = stats.throttles.get(operation, 0)
        yield operation, f"{number:,}{f', {throttled:,} throttled' if throttled else ''}"


def _bar(report: ImageReport) -> Bar:
    counts = report.counts
    parts = tuple(
        Part(word, counts[word], note)
        for word, note in IMAGE_VERDICT_NOTES.items()
        if counts[word] or word in ("complete", "incomplete")
    )
    return Bar("Verdicts", "verdict", "images", parts)


def _problems(report: ImageReport) -> tuple[tuple[str, tuple[str, ...]], ...]:
    errors = [each for each in report.errors if each.state != "partial"]
    if not errors:
        return ()
    lines = [f"{each.repository}: {each.state}: {each.reason or each.code}" for each in errors]
    return (("Repositories that could not be checked", _cut(lines, "repositories")),)


def _cut(lines: tuple[str, ...] | list[str], what: str) -> tuple[str, ...]:
    shown = tuple(lines[:_LISTED])
    return shown if len(lines) <= _LISTED else (*shown, f"and {len(lines) - _LISTED:,} more {what}")


def _findings(report: ImageReport, files: tuple[tuple[str, str], ...]) -> Findings:
    counts = report.counts
    return Findings.of(
        "Findings",
        "images with a verdict other than complete",
        _COLUMNS,
        chain.from_iterable(_lines(report, verdict) for verdict in _FOUND),
        sum(counts[verdict.label] for verdict in _FOUND),
        none="No image to list.",
        files=files,
        how=HOW,
    )


def _lines(report: ImageReport, verdict: ImageVerdict) -> Iterator[tuple[Cell, ...]]:
    found = chain.from_iterable(
        ((each.repository_name, line) for line in each.lines_with(verdict))
        for each in report.repositories
        if each.counts[verdict.label]
    )
    # Images with tags come first, because those are the ones that people pull.
    first = list(islice(found, _SEARCHED))
    tagged = [pair for pair in first if pair[1]["tags"]]
    untagged = [pair for pair in first if not pair[1]["tags"]]
    for repository, line in chain(tagged, untagged, found):
        yield _line(verdict, repository, line)


def _line(verdict: ImageVerdict, repository: str, line: dict[str, Any]) -> tuple[Cell, ...]:
    tags = line["tags"]
    more = f" and {len(tags) - _TAGS:,} more" if len(tags) > _TAGS else ""
    return (
        verdict.label,
        repository,
        ", ".join(tags[:_TAGS]) + more,
        line["reason"] or line["code"],
        line["lacking"][0] if len(line["lacking"]) == 1 else None,
        line["digest"],
        line["size"],
        line["pushed_at"],
        line["pulled_at"],
    )
