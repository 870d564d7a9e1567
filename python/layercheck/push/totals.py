"""The numbers of a push: blobs and bytes for each action, parts, calls, and the least time at the quotas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from layercheck.push.actions import ACTIONS, PushRow
from layercheck.push.obstacles import TagState

PART_BYTES = 10 << 20
"""Bytes of one UploadLayerPart call: what InitiateLayerUpload offers, and the most by the quota page."""

QUOTAS: dict[str, int] = {
    "InitiateLayerUpload": 100,
    "UploadLayerPart": 500,
    "CompleteLayerUpload": 100,
    "PutImage": 10,
}
"""Default calls per second of an account and region
(https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html)."""


class Range(NamedTuple):
    """A number of which only the bounds are known before the push.

    Attributes:
        least: The lower bound.
        most: The upper bound.
    """

    least: int
    most: int

    @property
    def is_exact(self) -> bool:
        """Whether the bounds are equal."""
        return self.least == self.most

    def __str__(self) -> str:
        return f"{self.least:,}" if self.is_exact else f"{self.least:,} to {self.most:,}"


def counts_of(rows: Iterable[PushRow]) -> dict[str, int]:
    """Action to number of rows, for all seven actions."""
    counts = dict.fromkeys(map(str, ACTIONS), 0)
    for row in rows:
        counts[row.action] += 1
    return counts


def bytes_of(rows: Iterable[PushRow]) -> dict[str, int]:
    """Action to bytes, for all seven actions; unknown sizes count as nothing."""
    sums = dict.fromkeys(map(str, ACTIONS), 0)
    for row in rows:
        sums[row.action] += row.size or 0
    return sums


def upload_bytes(rows: Iterable[PushRow]) -> Range:
    """The bytes of blobs that a push sends."""
    return _sum((row for row in rows if not row.is_manifest), lambda row: row.size or 0)


def calls_of(rows: Sequence[PushRow], state: TagState) -> dict[str, Range]:
    """Operation to number of calls, for the four operations of a push."""
    blobs = [row for row in rows if not row.is_manifest]
    uploads, parts = _sum(blobs, lambda _: 1), _sum(blobs, _parts)
    return {
        "InitiateLayerUpload": uploads,
        "UploadLayerPart": parts,
        "CompleteLayerUpload": uploads,
        "PutImage": _puts([row for row in rows if row.is_manifest], state),
    }


def seconds_of(calls: dict[str, Range]) -> tuple[float, float]:
    """The least time at the default quotas, with the least and with the most calls."""
    return (
        max(number.least / QUOTAS[operation] for operation, number in calls.items()),
        max(number.most / QUOTAS[operation] for operation, number in calls.items()),
    )


def _sum(rows: Iterable[PushRow], number: Callable[[PushRow], int]) -> Range:
    """The sum over the rows that are sent for certain, and over those that may be."""
    least = most = 0
    for row in rows:
        if not row.in_source or row.action not in ("upload", "compress", "mount", "undecided"):
            continue
        most += number(row)
        if row.action == "upload" and not row.archived:
            least += number(row)
    return Range(least, most)


def _parts(row: PushRow) -> int:
    # An upload without a part cannot be completed, so an empty blob is one part too.
    return max(-(-(row.size or 0) // PART_BYTES), 1)


def _puts(manifests: Sequence[PushRow], state: TagState) -> Range:
    """PutImage calls: one a manifest, and one for a tag of an image that is there already."""
    least = sum(row.action == "upload" for row in manifests)
    most = least + sum(row.action == "undecided" and row.in_source for row in manifests)
    # The document of the image comes last, and the tag goes with it.
    root_is_there = bool(manifests) and manifests[-1].action == "skip"
    if root_is_there and state in ("free", "moves"):
        return Range(least + 1, most + 1)
    return Range(least, most + (root_is_there and state == "unknown"))
