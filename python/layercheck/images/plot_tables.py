"""The plots of a check of images, each as a table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from layercheck.display.wording import bytes_text, counted, percent
from layercheck.plots.table import MAX_RANKED, PlotTable
from layercheck.redact import visible
from layercheck.report.plot_tables import timeline_of

if TYPE_CHECKING:
    from layercheck._core import ImageGraph
    from layercheck.images.image_report import ImageReport

_DAY_S = 86_400
_AGES = {"under 1 day": 1, "1 to 7 days": 7, "7 to 30 days": 30, "30 to 90 days": 90}
_AGES |= {"90 to 365 days": 365, "1 to 2 years": 730, "2 to 5 years": 1_826}
_OLDER, _UNKNOWN = "over 5 years", "not known"

WORDS = ("complete", "incomplete", "unreadable", "partial", "archived", "gone", "undecided", "not_checked")
"""The verdicts in the order of a bar."""


def all_of(report: ImageReport) -> tuple[PlotTable, ...]:
    """All plots of a check of images that have something to show, in the order of a page."""
    made = (
        verdicts(report),
        repositories(report),
        missing_layers(report),
        ages(report, "pushed"),
        ages(report, "pulled"),
        bytes_by_repository(report),
        sharing(report),
        timeline(report),
    )
    return tuple(table for table in made if table is not None)


def verdicts(report: ImageReport) -> PlotTable | None:
    """The images for each verdict; None without images."""
    counts, total = report.counts, report.images
    if not total:
        return None
    found = [word for word in WORDS if counts[word]]
    others = ", ".join(f"{counts[word]:,} {word.replace('_', ' ')}" for word in found if word != "complete")
    complete = f"{counts['complete']:,} of {counted(total, 'image')} complete"
    return PlotTable(
        kind="verdicts",
        name="verdicts",
        title="Images by verdict",
        summary=f"{complete} ({percent(counts['complete'], total)}){'; ' if others else ''}{others}.",
        columns=("verdict", "images", "share"),
        units=("", "images", "%"),
        rows=tuple((word, counts[word], 100 * counts[word] / total) for word in found),
    )


def repositories(report: ImageReport) -> PlotTable | None:
    """The repositories with the largest shares of broken images; None if no image is broken."""
    found = []
    for each in report.repositories:
        counts = each.counts
        broken = counts["incomplete"] + counts["unreadable"]
        if broken:
            found.append((broken / each.images, broken, each.repository_name, each.images))
    if not found:
        return None
    found.sort(key=lambda line: (-line[0], -line[1], line[2]))
    _, broken, name, images = found[0]
    number = len(report.repositories)
    are = "is" if broken == 1 else "are"
    return PlotTable(
        kind="ranked",
        name="repositories",
        title="Repositories by share of broken images",
        summary=f"{len(found):,} of {_repositories(number)} with broken images; first {visible(name)}, "
        f"where {broken:,} of {counted(images, 'image')} {are} broken ({percent(broken, images)}).",
        columns=("repository", "share of broken images", "broken images", "images"),
        units=("", "%", "images", "images"),
        rows=tuple(
            (visible(name), 100 * share, broken, images) for share, broken, name, images in found[:MAX_RANKED]
        ),
        omitted=max(len(found) - MAX_RANKED, 0),
    )


def missing_layers(report: ImageReport) -> PlotTable | None:
    """The missing layers and configs that the most images need; None if none is missing.

    Only those of images that are called incomplete, because those of deleted images are of no interest. An
    index that needs a layer by way of its children does not count.
    """
    total = 0
    found: list[tuple[int, str, str]] = []
    for each in report.repositories:
        missing, leading = _missing_of_incomplete(each._graph)
        total += missing
        found += [(-images, digest, visible(each.repository_name)) for digest, images in leading]
        found = sorted(found)[:MAX_RANKED]
    if not found:
        return None
    most, digest, repository = found[0]
    return PlotTable(
        kind="ranked",
        name="missing-layers",
        title="Missing layers by images that need them",
        summary=f"{counted(total, 'layer')} missing; {_short(digest)} is needed by {counted(-most, 'image')} "
        f"of {repository}.",
        columns=("layer", "images", "repository", "digest"),
        units=("", "images", "", ""),
        rows=tuple((_short(digest), -images, name, digest) for images, digest, name in found),
        omitted=total - len(found),
    )


def ages(report: ImageReport, event: str, now_s: float | None = None) -> PlotTable | None:
    """The images by the time since they were pushed or last pulled; None if no such time is known.

    Args:
        report: The check.
        event: `pushed` or `pulled`.
        now_s: The time that ages end at, seconds since 1970; by default the present.
    """
    now_s = time.time() if now_s is None else now_s
    names = [*_AGES, _OLDER, _UNKNOWN]
    since = [now_s - days * _DAY_S for days in _AGES.values()]
    numbers = [0] * len(names)
    for each in report.repositories:
        groups = each._graph.ages(since)[event == "pulled"]
        numbers = [number + more for number, more in zip(numbers, groups, strict=True)]
    total = sum(numbers)
    unknown = numbers[-1]
    if unknown == total:
        return None
    recent = sum(numbers[: list(_AGES).index("30 to 90 days") + 1])
    what = "Images by the time since their push" if event == "pushed" else "Images by their last pull"
    said = "pushed" if event == "pushed" else "pulled"
    return PlotTable(
        kind="histogram",
        name=event,
        title=what,
        summary=f"{recent:,} of {counted(total, 'image')} {said} within 90 days ({percent(recent, total)})"
        + (f"; the time is not known of {unknown:,}." if unknown else "."),
        columns=("age", "images"),
        units=("", "images"),
        rows=tuple(zip(names, numbers, strict=True))[: None if unknown else -1],
    )


def bytes_by_repository(report: ImageReport) -> PlotTable | None:
    """The repositories with the most bytes of blobs, each blob once; None if no size is known."""
    lines = [
        (each.line()["bytes"] or 0, each.repository_name, each._graph.blobs) for each in report.repositories
    ]
    found = sorted((-size, name, blobs) for size, name, blobs in lines if size)
    if not found:
        return None
    total = -sum(size for size, _, _ in found)
    size, name, _ = found[0]
    return PlotTable(
        kind="ranked",
        name="bytes",
        title="Bytes by repository",
        summary=f"{bytes_text(total)} in {_repositories(len(found))}; "
        f"the largest is {visible(name)} with {bytes_text(-size)}.",
        columns=("repository", "bytes", "layers"),
        units=("", "bytes", "layers"),
        rows=tuple((visible(name), -size, blobs) for size, name, blobs in found[:MAX_RANKED]),
        omitted=max(len(found) - MAX_RANKED, 0),
    )


def sharing(report: ImageReport) -> PlotTable | None:
    """The layers by the number of images of their repository that need them; None without layers."""
    groups = [[0, 0, 0] for _ in range(32)]
    for each in report.repositories:
        for group, more in zip(groups, each._graph.sharing(), strict=True):
            group[:] = [number + other for number, other in zip(group, more, strict=True)]
    used = max((at for at, group in enumerate(groups) if group[0]), default=-1) + 1
    if not used:
        return None
    layers, stored, named = (sum(group[at] for group in groups) for at in range(3))
    shared = layers - groups[0][0]
    saved = f"; sharing saves {bytes_text(named - stored)} of {bytes_text(named)}" if named > stored else ""
    return PlotTable(
        kind="histogram",
        name="sharing",
        title="Layers by images that share them",
        summary=f"{shared:,} of {counted(layers, 'layer')} shared by two images or more{saved}.",
        columns=("images", "layers", "bytes", "bytes without sharing"),
        units=("", "layers", "bytes", "bytes"),
        rows=tuple((_images(at), *groups[at]) for at in range(used)),
    )


def timeline(report: ImageReport) -> PlotTable | None:
    """The requests for blobs over time, of all repositories; None for a check of a moment."""
    return timeline_of(report.timeline)


def _missing_of_incomplete(graph: ImageGraph) -> tuple[int, list[tuple[str, int]]]:
    """How many blobs the incomplete images lack, and the most needed of them with the number of images."""
    images, lacking, *_ = graph.suspects()
    if not images:
        return 0, []
    total, leading = graph.missing_blobs(MAX_RANKED)
    if total == len(lacking):
        return total, leading
    # The images that need some of them were deleted.
    wanted = set(lacking)
    kept = [each for each in graph.missing_blobs(total)[1] if each[0] in wanted]
    return len(kept), kept[:MAX_RANKED]


def _images(group: int) -> str:
    least, most = 1 << group, (2 << group) - 1
    return "1 image" if group == 0 else f"{least:,} to {most:,} images"


def _repositories(count: int) -> str:
    return "1 repository" if count == 1 else f"{count:,} repositories"


def _short(digest: str) -> str:
    return digest[: len("sha256:") + 12]
