"""The plots of a push plan, each as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layercheck.display.wording import bytes_text, counted
from layercheck.plots.table import MAX_RANKED, PlotTable
from layercheck.push.wording import headline
from layercheck.redact import visible

if TYPE_CHECKING:
    from layercheck.push.plan import PushPlan


def all_of(plan: PushPlan) -> tuple[PlotTable, ...]:
    """All plots of a push plan that have something to show, in the order of a page."""
    made = actions(plan), sizes(plan), images(plan)
    return tuple(table for table in made if table is not None)


def actions(plan: PushPlan) -> PlotTable | None:
    """The blobs for each action; None without blobs."""
    counts, sums = plan.counts, plan.bytes
    if not plan.blobs:
        return None
    said = ", ".join(f"{count:,} {action}" for action, count in counts.items() if count)
    return PlotTable(
        kind="verdicts",
        name="actions",
        title="Blobs by action",
        summary=f"{counted(plan.blobs, 'blob')}: {said}; {headline(plan)}.",
        columns=("action", "blobs", "bytes"),
        units=("", "blobs", "bytes"),
        rows=tuple((action, count, sums[action]) for action, count in counts.items() if count),
    )


def sizes(plan: PushPlan) -> PlotTable | None:
    """The bytes of blobs for each action; None if no size is known."""
    sums = plan.bytes
    total = sum(sums.values())
    if not total:
        return None
    said = ", ".join(f"{bytes_text(size)} {action}" for action, size in sums.items() if size)
    return PlotTable(
        kind="verdicts",
        name="bytes",
        title="Bytes by action",
        summary=f"{bytes_text(total)}: {said}.",
        columns=("action", "bytes", "blobs"),
        units=("", "bytes", "blobs"),
        rows=tuple((action, size, plan.counts[action]) for action, size in sums.items() if size),
    )


def images(plan: PushPlan) -> PlotTable | None:
    """The images of the source by the bytes that a push of each alone sends; None for a single image."""
    found = sorted(plan.images, key=lambda image: -image.upload_bytes.most)
    if len(found) < 2 or not found[0].upload_bytes.most:
        return None
    first = found[0]
    return PlotTable(
        kind="ranked",
        name="images",
        title="Images by bytes to send, each alone",
        summary=f"{counted(len(found), 'image')}; the most is {bytes_text(first.upload_bytes.most)} "
        f"for {visible(first.name)}.",
        columns=("image", "bytes at most", "bytes at least"),
        units=("", "bytes", "bytes"),
        rows=tuple(
            (visible(image.name), image.upload_bytes.most, image.upload_bytes.least)
            for image in found[:MAX_RANKED]
        ),
        omitted=max(len(found) - MAX_RANKED, 0),
    )
