"""The page of a push plan: what stands on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from layercheck.display.wording import bytes_text, counted, duration
from layercheck.page.content import Bar, Cell, Column, Findings, Mood, Page, Part
from layercheck.page.place import place_of, without_folders
from layercheck.push import plot_tables
from layercheck.push.actions import ACTIONS
from layercheck.push.wording import ACTION_NOTES, TAG_NOTES, range_of_bytes

if TYPE_CHECKING:
    from layercheck.push.actions import PushRow
    from layercheck.push.plan import PushPlan

_ORDER = ("lacking", "undecided", "upload", "compress", "mount", "external", "skip")
"""The actions of the findings, those that need attention first."""

_COLUMNS = (
    Column("action", "word"),
    Column("digest", "code"),
    Column("size", "bytes"),
    Column("role"),
    Column("note"),
    Column("mount from"),
    Column("platforms"),
    Column("images"),
)
_NAMES = 5
_LISTED = 50
HOW = (
    "Everything: add -o FILE.parquet to the command, and no --format, or write it in Python with "
    'plan.write("FILE.parquet").'
)


def page_of(
    plan: PushPlan, *, files: tuple[tuple[str, str], ...] = (), written: datetime | None = None
) -> Page:
    """Return the page of a push plan.

    Args:
        plan: The plan.
        files: Address and name of the files with all rows.
        written: When the page is written; now, if it is None.
    """
    tag = f":{plan.tag}" if plan.tag else ""
    return Page(
        kind="Push plan",
        name=f"{without_folders(plan.source)} to {plan.target.repository_name}{tag}",
        headline=_headline(plan),
        mood=_mood(plan),
        warnings=tuple(_warnings(plan)),
        facts=(
            ("What was planned", tuple(_planned(plan))),
            ("What the push would take", tuple(_effort(plan))),
        ),
        bar=_bar(plan),
        problems=_problems(plan),
        figures=tuple(table for table in plot_tables.all_of(plan) if table.kind != "verdicts"),
        findings=_findings(plan, files),
        notes=_cut(plan.notes),
        written=written or datetime.now(UTC),
    )


def _headline(plan: PushPlan) -> str:
    name = plan.target.repository_name
    sent, counts, blobs = plan.upload_bytes, plan.counts, plan.blobs
    if not plan.rows:
        return "There is nothing to push: the source has no image."
    if not plan.asked:
        return f"A push would upload at most {bytes_text(sent.most)}; {name} was not asked."
    if plan.blocked:
        return f"ECR would refuse this push to {name}: {plan.blocked[0]}."
    if lacking := [row for row in plan.rows if row.action == "lacking"]:
        all_ = counted(blobs, "blob")
        if any(row.is_manifest for row in lacking):
            all_ = f"{len(plan.rows):,} blobs and manifests"
        return (
            f"This push cannot succeed: {len(lacking):,} of {all_} {_are(len(lacking))} "
            f"neither in the source nor in {name}."
        )
    if plan.nothing_to_do:
        return f"Nothing would be uploaded: {name} has everything."
    begin = "" if plan.complete else f"Incomplete: {_undecided(plan)} without an answer; "
    there = f"; {counts['skip']:,} of {counted(blobs, 'blob')} {_are(counts['skip'])} there already"
    if not sent.most:
        return f"{begin}{'no' if begin else 'No'} blob would be uploaded to {name}{there}."
    return f"{begin}{'a' if begin else 'A'} push would upload {range_of_bytes(sent)} to {name}{there}."


def _undecided(plan: PushPlan) -> str:
    """The blobs without an answer, and the manifests that the source does not have either."""
    manifests = sum(row.is_manifest and not row.in_source and row.action == "undecided" for row in plan.rows)
    blobs = plan.counts["undecided"]
    both = [counted(blobs, "blob")] if blobs else []
    return " and ".join([*both, counted(manifests, "manifest")] if manifests else both)


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _mood(plan: PushPlan) -> Mood:
    if plan.blocked or not plan.complete_source:
        return "bad"
    return "good" if plan.complete and plan.asked else "open"


def _warnings(plan: PushPlan) -> Iterator[str]:
    if not plan.asked:
        yield "Only the source was read: what the target has is not known."
    elif not plan.complete:
        undecided = sum(row.action == "undecided" for row in plan.rows)
        yield (
            f"This plan is incomplete: of {undecided:,} of {len(plan.rows):,} blobs and manifests "
            "it is not known whether the target has them."
        )
    if plan.archived:
        yield (
            f"{plan.archived:,} of the blobs and manifests {_are(plan.archived)} archived in the target; "
            "ECR may not need the bytes again."
        )


def _planned(plan: PushPlan) -> Iterator[tuple[str, str]]:
    yield "source", without_folders(plan.source)
    yield from place_of(plan.target)
    if plan.tag is not None:
        yield "tag", f"{plan.tag}: {TAG_NOTES[plan.tag_state]}"
    yield "images", f"{len(plan.images):,}"
    yield "blobs", f"{plan.blobs:,}"
    yield "manifests and indexes", f"{sum(plan.manifest_counts.values()):,}"


def _effort(plan: PushPlan) -> Iterator[tuple[str, str]]:
    yield "bytes to upload", range_of_bytes(plan.upload_bytes)
    for operation, number in plan.calls.items():
        yield operation, str(number)
    least, most = plan.least_seconds
    shown = [duration(seconds) if seconds else "0 s" for seconds in (least, most)]
    yield "least time at the default quotas", shown[0] if least == most else " to ".join(shown)
    if plan.report is not None:
        yield "calls of this plan for layers", f"{plan.report.stats.calls:,}"
        yield "seconds of these calls", duration(plan.report.stats.seconds)


def _bar(plan: PushPlan) -> Bar:
    counts, sizes, manifests = plan.counts, plan.bytes, plan.manifest_counts
    words = [
        action for action in ACTIONS if counts[action] or manifests[action] or action in ("skip", "upload")
    ]
    return Bar(
        "Blobs by action",
        "action",
        "blobs",
        tuple(Part(word, counts[word], ACTION_NOTES[word]) for word in words),
        (
            ("bytes", tuple(bytes_text(sizes[word]) for word in words)),
            ("manifests", tuple(f"{manifests[word]:,}" for word in words)),
        ),
    )


def _problems(plan: PushPlan) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("ECR would refuse the push", _cut(plan.blocked)),) if plan.blocked else ()


def _cut(lines: Sequence[str]) -> tuple[str, ...]:
    shown = tuple(lines[:_LISTED])
    return shown if len(lines) <= _LISTED else (*shown, f"and {len(lines) - _LISTED:,} more")


def _findings(plan: PushPlan, files: tuple[tuple[str, str], ...]) -> Findings:
    rows = sorted(plan.rows, key=lambda row: _ORDER.index(row.action))
    return Findings.of(
        "Blobs and manifests",
        "blobs and manifests",
        _COLUMNS,
        map(_line, rows),
        len(rows),
        none="The source has no blob and no manifest.",
        files=files,
        how=HOW,
    )


def _line(row: PushRow) -> tuple[Cell, ...]:
    return (
        row.action,
        row.digest or row.diff_id or "not known yet",
        row.size,
        row.role,
        row.note,
        row.mount_from,
        _first(row.platforms),
        _first(row.images),
    )


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more
