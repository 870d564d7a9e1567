"""The summary of a check of images, as rich tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from layercheck.cli.numbers_table import numbers_table, shortened
from layercheck.cli.verdict_bar import VerdictBar
from layercheck.display.wording import counted, duration, percent
from layercheck.images.wording import IMAGE_VERDICT_NOTES
from layercheck.redact import one_line, visible

if TYPE_CHECKING:
    from layercheck._core import RecordTable
    from layercheck.images.estimate import ImageCost
    from layercheck.images.image_report import ImageReport
    from layercheck.images.repository_report import Image

STYLES = {
    "complete": "green",
    "incomplete": "red",
    "unreadable": "bright_red",
    "partial": "cyan",
    "archived": "yellow",
    "gone": "dim",
    "undecided": "bold yellow",
    "not_checked": "dim",
}
"""Verdict of an image to its colour on a terminal."""

_ALWAYS_SHOWN = ("complete", "incomplete")
_SHOWN = 20
_REPOSITORIES = 10
_SEARCHED = 5_000
"""Findings that are looked at for those to show."""
_LAYERS = 100_000
"""Lines of the tables `layers` in which a layer that several repositories lack is found: under a second."""
_IN_A_ROW = 4_096
_TAGS = 3
_TAG_WIDTH = 40
_REASON_WIDTH = 160
_REPOSITORY_WIDTH = 60


def summary(report: ImageReport) -> Group:
    """The result of a check: verdicts, the first broken images, and what a reader should know."""
    lines: list[RenderableType] = [
        _headline(report),
        Text(),
        VerdictBar(report.counts, STYLES),
        _verdicts(report),
        Text(),
    ]
    lines.append(Text(_effort(report), style="dim"))
    lines += [*_repositories(report), *_findings(report)]
    # The other notes were on standard error as soon as they were known.
    notes = [note for each in report.repositories for note in each.notes]
    lines += [Text(f"\n{one_line(note)}", style="dim") for note in notes]
    return Group(*lines)


def _headline(report: ImageReport) -> Text:
    number = len(report.repositories)
    if number == 1:
        line = Text(visible(report.repositories[0].repository_name), style="bold")
    else:
        line = Text(f"{number:,} repositories", style="bold")
    target = report.target
    account = report.repositories[0].account_id if report.repositories else target.registry_id
    places = [f"registry {visible(account)}" if account else "", visible(target.region_name or "")]
    where = ", ".join(each for each in places if each)
    if where:
        line.append(f"  {where}", style="dim")
    return line


def _verdicts(report: ImageReport) -> Table:
    table = numbers_table("verdict", "images", "share")
    table.add_column("", style="dim", overflow="fold")
    counts, images = report.counts, report.images
    for word, style in STYLES.items():
        count = counts[word]
        if count or word in _ALWAYS_SHOWN:
            shown = style if count else "dim"
            table.add_row(
                Text(word, style=shown), f"{count:,}", percent(count, images), IMAGE_VERDICT_NOTES[word]
            )
    table.add_row("all", f"{images:,}", "", "", style="bold")
    return table


def _effort(report: ImageReport) -> str:
    calls = report.stats.calls
    parts = [f"{sum(calls.values()):,} calls in {duration(report.stats.seconds)}"]
    read = calls.get("BatchGetImage", 0)
    parts.append(f"{read:,} of them read manifests")
    if report.stats.manifests_known:
        parts.append(f"{report.stats.manifests_known:,} manifests were known")
    throttled = sum(report.stats.throttles.values())
    if throttled:
        parts.append(f"{throttled:,} throttled")
    return ", ".join(parts)


def _repositories(report: ImageReport) -> list[RenderableType]:
    """Where the broken images are, if several repositories were checked."""
    broken = [(_broken(each.counts), each) for each in report.repositories if _broken(each.counts)]
    if len(report.repositories) < 2 or not broken:
        return []
    table = numbers_table("repository", "broken", "of images")
    table.columns[0].no_wrap = False
    table.columns[0].overflow = "fold"
    for number, each in sorted(broken, key=lambda pair: -pair[0])[:_REPOSITORIES]:
        name = shortened(each.repository_name, _REPOSITORY_WIDTH)
        table.add_row(name, f"{number:,}", f"{sum(each.counts.values()):,}")
    title = f"\nrepositories with broken images: {len(broken):,} of {len(report.repositories):,}"
    lines: list[RenderableType] = [Text(title, style="bold"), table]
    if len(broken) > _REPOSITORIES:
        lines.append(Text(f"and {len(broken) - _REPOSITORIES:,} more: --table repositories", style="dim"))
    return lines


def _broken(counts: Mapping[str, int]) -> int:
    return counts["incomplete"] + counts["unreadable"]


def _findings(report: ImageReport) -> list[RenderableType]:
    total = _broken(report.counts)
    if not total:
        return []
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    several = len(report.repositories) > 1
    if several:
        table.add_column("repository", overflow="fold")
    table.add_column("image", overflow="fold")
    table.add_column("what", overflow="fold")
    for image in _first(report):
        cells = [shortened(image.repository, _REPOSITORY_WIDTH)] if several else []
        table.add_row(*cells, Text(_name(image)), Text(_what(image)))
    lines: list[RenderableType] = [
        Text(f"\nbroken images, {min(total, _SHOWN)} of {total:,}", style="bold"),
        table,
    ]
    if total > _SHOWN:
        lines.append(Text("all of them: --format jsonl, or -o images.parquet", style="dim"))
    return lines + _parts(report)


def _first(report: ImageReport) -> list[Image]:
    """The first broken images, those with tags before those without."""
    found = list(islice(chain(report.find("incomplete"), report.find("unreadable")), _SEARCHED))
    return sorted(found, key=lambda image: not image.tags)[:_SHOWN]


def _parts(report: ImageReport) -> list[RenderableType]:
    """How many layers are not available, and the one that most images need.

    The table `layers` has a line for each repository that lacks a layer. Here a layer counts once, because it
    is one thing to look for.
    """
    tables = [each.table("layers") for each in report.repositories if each.counts["incomplete"]]
    lines = sum(map(len, tables))
    if not lines:
        return []
    images: Counter[str] = Counter()
    repositories: Counter[str] = Counter()
    for line in islice(_lines(tables), _LAYERS):
        images[line["digest"]] += line["images"] or 0
        repositories[line["digest"]] += 1
    number = f"{len(images):,}" if lines <= _LAYERS else f"at most {lines:,}"
    ((worst, most),) = images.most_common(1)
    needed = f"; {worst[:19]}… is needed by {most:,} images" if most > 1 else ""
    if repositories[worst] > 1:
        needed += f" of {repositories[worst]:,} repositories"
    what = f"\nlayers and configs that are not available: {number}{needed} (--table layers)"
    return [Text(what, style="dim")]


def _lines(tables: Iterable[RecordTable]) -> Iterator[dict[str, Any]]:
    for table in tables:
        for start in range(0, len(table), _IN_A_ROW):
            yield from table.lines(start, start + _IN_A_ROW)


def _name(image: Image) -> str:
    """The tags of an image, or its short digest."""
    if not image.tags:
        return f"{image.digest[:19]}…"
    shown = [shortened(tag, _TAG_WIDTH).plain for tag in image.tags[:_TAGS]]
    more = len(image.tags) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def _what(image: Image) -> str:
    text = shortened(one_line(image.reason or image.code or image.verdict.label), _REASON_WIDTH).plain
    return f"{text}: {image.missing[0][:19]}…" if len(image.missing) == 1 else text


_BOUNDS = {"exact": "", "at_least": "≥ ", "at_most": "≤ ", "about": "≈ "}


def cost_table(cost: ImageCost) -> Group:
    """What a check would cost."""
    table = numbers_table("step", "calls", "at least")
    table.add_column("", style="dim", overflow="fold")
    for line in cost.lines:
        table.add_row(
            line.step, f"{_BOUNDS[line.bound]}{line.calls:,}", duration(line.seconds), line.operation
        )
    return Group(*_cost_lines(cost), Text(), table)


def _cost_lines(cost: ImageCost) -> Iterator[RenderableType]:
    repositories = f"{cost.repositories:,} repositor{'y' if cost.repositories == 1 else 'ies'}"
    yield Text(f"{repositories}, {counted(cost.images, 'image')}", style="bold")
    if cost.known:
        known = f"{counted(cost.known, 'manifest')} {'is' if cost.known == 1 else 'are'} known"
        yield Text(f"{known} and would not be read", style="dim")
    read = cost.images - cost.known
    number = counted(read, "image") if cost.exact else f"at least {counted(read, 'image')}"
    pulls = "a pull" if read == 1 and cost.exact else "pulls"
    yield Text(f"nothing was read; a check would read {number}, which ECR counts as {pulls}", style="dim")
    if not cost.exact:
        yield Text("an index needs more images, which only its manifest names", style="dim")
