"""The summary of a push plan: actions, what is in the way, effort, and the rows that need attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO, TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from layercheck.cli.numbers_table import NumbersTable, numbers_table, shortened
from layercheck.cli.verdict_bar import VerdictBar
from layercheck.display.terminal import Terminal
from layercheck.display.wording import bytes_text, duration
from layercheck.push.actions import ACTIONS
from layercheck.push.wording import ACTION_NOTES, ACTION_STYLES, TAG_NOTES, headline, range_of_bytes
from layercheck.redact import visible

if TYPE_CHECKING:
    from layercheck.push.actions import PushRow
    from layercheck.push.plan import PushPlan

_ROWS = 10
_LINES = 10
_NAME_WIDTH = 100
_PLATFORMS = 3
_PLATFORM_WIDTH = 32
_WIDE = 140
"""Columns from which a digest is shown whole beside its notes."""

_ORDER = ("lacking", "undecided", "upload", "compress", "mount")


def push_summary(plan: PushPlan, out: IO[str]) -> Group:
    """The plan for a terminal or a file."""
    lines: list[RenderableType] = [
        _headline(plan),
        Text(),
        VerdictBar(plan.counts, ACTION_STYLES),
        _actions(plan),
    ]
    if plan.archived:
        verb = "is" if plan.archived == 1 else "are"
        text = f"{plan.archived:,} of these {verb} archived in the target; ECR may not need the bytes again"
        lines.append(Text(text, style="yellow"))
    lines += [Text(), Text(headline(plan), style="bold")]
    lines += [Text(line, style="dim") for line in _effort(plan)]
    lines += _listed("blocked: ECR would refuse the push", plan.blocked, "bold red")
    if len(plan.images) > 1:
        lines += [Text(), _images(plan)]
    lines += _rows(plan, Terminal(out).width >= _WIDE)
    lines += _listed("notes", plan.notes, "bold")
    return Group(*lines)


def _headline(plan: PushPlan) -> Text:
    target = plan.target
    line = Text(visible(plan.source), overflow="fold")
    line.append(" to ", style="dim")
    line.append(visible(target.repository_name) + (f":{plan.tag}" if plan.tag else ""), style="bold")
    places = [f"registry {visible(target.registry_id)}" if target.registry_id else ""]
    places.append(visible(target.region_name) if target.region_name else "")
    where = ", ".join(place for place in places if place)
    if where:
        line.append(f"  {where}", style="dim")
    return line


def _actions(plan: PushPlan) -> Table:
    counts, sizes, manifests = plan.counts, plan.bytes, plan.manifest_counts
    table = numbers_table("action", "blobs", "size", "manifests")
    table.add_column("", style="dim", overflow="fold")
    for action in ACTIONS:
        if not counts[action] and not manifests[action] and action not in ("skip", "upload"):
            continue
        some = counts[action] or manifests[action]
        table.add_row(
            Text(action, style=ACTION_STYLES[action] if some else "dim"),
            f"{counts[action]:,}",
            bytes_text(sizes[action]) if counts[action] else "",
            f"{manifests[action]:,}",
            ACTION_NOTES[action],
        )
    return table


def _effort(plan: PushPlan) -> Iterator[str]:
    calls = ", ".join(f"{operation} {number}" for operation, number in plan.calls.items() if number.most)
    if calls:
        least, most = plan.least_seconds
        time = duration(most) if least == most else f"{duration(least) if least else 0} to {duration(most)}"
        yield f"calls: {calls}"
        yield f"least time at the default quotas of these calls: {time}"
    if plan.tag is not None:
        yield f"tag {visible(plan.tag)}: {TAG_NOTES[plan.tag_state]}"


def _images(plan: PushPlan) -> Table:
    table = numbers_table("image", "blobs", "to upload")
    table.columns[0].no_wrap = False
    table.columns[0].overflow = "fold"
    for image in islice(plan.images, _LINES):
        blobs = sum(image.counts.values())
        table.add_row(shortened(image.name, _NAME_WIDTH), f"{blobs:,}", range_of_bytes(image.upload_bytes))
    if len(plan.images) > _LINES:
        table.add_row(Text(f"and {len(plan.images) - _LINES:,} more", style="dim"), "", "")
    return table


def _rows(plan: PushPlan, wide: bool) -> list[RenderableType]:
    moving = sorted(
        (row for row in plan.rows if row.action in _ORDER), key=lambda row: _ORDER.index(row.action)
    )
    if not moving:
        return []
    table = NumbersTable(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for name in ("", "size", "digest", "role"):
        table.add_column(name, no_wrap=True, justify="right" if name == "size" else "left")
    # One platform for all rows would only take room.
    with_platforms = len({row.platforms for row in plan.rows if not row.is_manifest}) > 1
    if with_platforms:
        table.add_column("platforms", overflow="fold")
    table.add_column("", overflow="fold", style="dim")
    for row in moving[:_ROWS]:
        table.add_row(
            Text(row.action, style=ACTION_STYLES[row.action]),
            bytes_text(row.size) if row.size is not None else "",
            _digest(row, wide),
            row.role,
            *((_platforms(row),) if with_platforms else ()),
            Text(visible(row.note)),
        )
    lines: list[RenderableType] = [Text(), table]
    if len(moving) > _ROWS:
        lines.append(Text(f"{_ROWS} of {len(moving):,}; all: --format jsonl, or -o FILE", style="dim"))
    return lines


def _platforms(row: PushRow) -> Text:
    """The first platforms of a row: a layer of a base image may be in all of them."""
    shown = [shortened(each, _PLATFORM_WIDTH).plain for each in row.platforms[:_PLATFORMS]]
    more = len(row.platforms) - len(shown)
    return Text(", ".join(shown) + (f" and {more:,} more" if more else ""))


def _digest(row: PushRow, wide: bool) -> str:
    digest = row.digest or row.diff_id
    if digest is None:
        return "not known yet"
    return digest if wide else digest[: len("sha256:") + 12]


def _listed(title: str, lines: Sequence[str], style: str) -> list[RenderableType]:
    if not lines:
        return []
    shown: list[RenderableType] = [Text(f"\n{title}", style=style)]
    shown += [Padding(Text(visible(line), overflow="fold"), (0, 0, 0, 2)) for line in lines[:_LINES]]
    if len(lines) > _LINES:
        shown.append(Text(f"  and {len(lines) - _LINES:,} more", style="dim"))
    return shown
