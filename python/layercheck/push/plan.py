"""`PushPlan`: what a push would do, blob by blob."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from layercheck.errors import PushBlockedError, UnansweredError
from layercheck.push import notebook, table, totals
from layercheck.push.actions import PushRow
from layercheck.push.obstacles import TagState
from layercheck.push.totals import Range
from layercheck.report import files

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from layercheck.page.link import Files
    from layercheck.push.plot import PushPlots
    from layercheck.report import Report
    from layercheck.types import Target


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """The part of a plan that is about one image of the source. Shared blobs count for each image.

    Attributes:
        name: Its first name in the source, or else its digest.
        names: All its names in the source.
        digest: The digest of its manifest or index; None if the client writes it during the push.
        platforms: Its platforms.
        counts: Action to number of blobs, for all seven actions.
        bytes: Action to bytes of blobs, likewise.
        upload_bytes: The bytes that a push of this image alone sends.
    """

    name: str
    names: tuple[str, ...]
    digest: str | None
    platforms: tuple[str, ...]
    counts: dict[str, int]
    bytes: dict[str, int]
    upload_bytes: Range


@dataclass(frozen=True, repr=False, eq=False)
class PushPlan:
    """What a push of a source to a repository would do; made by `layercheck.push_plan`. Immutable.

    A plan is a forecast: others may push or delete meanwhile, and clients differ. It can be pickled.

    Table columns, wherever a plan becomes a table: `action`, `digest` (null if it is not known before the
    push), `size` (int64, bytes), `media_type`, `role`, `images` and `platforms` (lists of text), `in_source`
    (bool), `mount_from`, `diff_id`, `archived` (bool), `note`.

    Attributes:
        source: What was planned: a path, or the name of another source.
        target: The repository.
        tag: The tag of the push, or None.
        tag_state: What the tag is in the target: `none` (no tag was given), `free`, `same`, `moves`, or
            `unknown`.
        rows: The blobs and manifests, each once, in the order of a push: blobs, manifests, indexes.
        images: The images of the source, each with its own numbers.
        blocked: Why ECR would refuse the push; empty if nothing is in the way.
        notes: What could not be asked, and what else is to be known.
        asked: Whether the target was asked at all; False for `dry_run=True`.
        report: The verdicts of the blobs in the target; None if they were not asked.
    """

    source: str
    target: Target
    tag: str | None
    tag_state: TagState
    rows: tuple[PushRow, ...]
    images: tuple[ImagePlan, ...]
    blocked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    asked: bool = True
    report: Report | None = None

    @property
    def blobs(self) -> int:
        """The number of blobs, each counted once; `sum(counts.values())`."""
        return sum(self.counts.values())

    @property
    def counts(self) -> dict[str, int]:
        """Action to number of blobs, for all seven actions. Manifests are counted in `manifest_counts`."""
        return totals.counts_of(row for row in self.rows if not row.is_manifest)

    @property
    def manifest_counts(self) -> dict[str, int]:
        """Action to number of manifests and indexes, for all seven actions."""
        return totals.counts_of(row for row in self.rows if row.is_manifest)

    @property
    def bytes(self) -> dict[str, int]:
        """Action to bytes of blobs, for all seven actions.

        The bytes of `compress` are those of the plain tars, and so an upper bound. An unknown size counts as
        nothing.
        """
        return totals.bytes_of(row for row in self.rows if not row.is_manifest)

    @property
    def plot(self) -> PushPlots:
        """The plots of this plan: `plot.actions()`, `bytes()`, `images()`; `plot.tables()`.

        A plot is a chart of Altair, or None if there is nothing to show. A notebook shows it as SVG. The
        tables have the numbers of the plots, and need no extra.

        Raises:
            ImportError: A plot is asked for, and the extra `plots` is not installed.
        """
        from layercheck.push.plot import PushPlots

        return PushPlots(self)

    @property
    def upload_bytes(self) -> Range:
        """The bytes of blobs that the push sends.

        The lower bound is `bytes["upload"]` without archived blobs. The upper bound adds archived blobs,
        blobs that are compressed or undecided, and mounts, which the registry may refuse.
        """
        return totals.upload_bytes(self.rows)

    @property
    def archived(self) -> int:
        """The number of blobs and manifests that the target has archived."""
        return sum(row.archived for row in self.rows)

    @property
    def calls(self) -> dict[str, Range]:
        """Calls of the push: `InitiateLayerUpload`, `UploadLayerPart`, `CompleteLayerUpload`, `PutImage`.

        A part is 10 MiB. A client may send smaller ones, and then makes more calls.
        """
        return totals.calls_of(self.rows, self.tag_state)

    @property
    def parts(self) -> Range:
        """The `UploadLayerPart` calls."""
        return self.calls["UploadLayerPart"]

    @property
    def least_seconds(self) -> tuple[float, float]:
        """The least time at the default quotas of the four calls: with the fewest calls, and with the most.

        No push is faster, and the bytes take time of their own.
        """
        return totals.seconds_of(self.calls)

    @property
    def complete_source(self) -> bool:
        """True if nothing is lacking: what the target does not have, the source has."""
        return not any(row.action == "lacking" for row in self.rows)

    @property
    def complete(self) -> bool:
        """True if no blob is undecided, nor a manifest that the source lacks.

        A manifest that the source has is sent or skipped, and both end well.
        """
        return not any(
            row.action == "undecided" and not (row.is_manifest and row.in_source) for row in self.rows
        )

    @property
    def nothing_to_do(self) -> bool:
        """True if the target has everything, and the tag, if there is one, names this image."""
        return (
            self.asked
            and all(row.action in ("skip", "external") for row in self.rows)
            and self.tag_state in ("none", "same")
        )

    def digests(self, action: str) -> list[str]:
        """Return the known digests of the rows with an action, in the order of a push.

        Raises:
            ValueError: If there is no such action.
        """
        if action not in self.counts:
            raise ValueError(f"unknown action {action!r}; expected one of: {', '.join(self.counts)}")
        return [row.digest for row in self.rows if row.action == action and row.digest is not None]

    def to_arrow(self) -> pa.Table:
        """Return the rows as a `pyarrow.Table`.

        Raises:
            ImportError: If pyarrow is not installed; the message says how to install it.
        """
        return table.to_arrow(self.rows)

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a pandas DataFrame.

        Raises:
            ImportError: If pandas or pyarrow is not installed.
        """
        return table.to_pandas(self.rows)

    def to_polars(self) -> pl.DataFrame:
        """Return the rows as a polars DataFrame.

        Raises:
            ImportError: If polars is not installed.
        """
        return table.to_polars(self.rows)

    def write(self, path: str | os.PathLike[str], *, format: str | None = None, full: Files = ()) -> None:
        """Write the rows, or a page for people, to a file atomically, as `Report.write` does.

        Args:
            path: The file. Its suffix selects the format, unless `format` is given. With `.gz` behind it,
                CSV and JSON Lines are compressed. `.html` is a page: one file with the actions, plots, and
                the first 2,000 rows.
            format: `"parquet"`, `"csv"`, `"jsonl"`, `"arrow"` or `"html"`.
            full: The file with all rows, or several, to which a page links. Without effect on a table.

        Raises:
            ValueError: If neither suffix nor `format` is one of these.
            ImportError: If Parquet or Arrow is asked for and pyarrow is not installed.
            OSError: If the file cannot be written; an existing file at `path` is left untouched.
        """
        if files.format_of(path, format, page=True) == "html":
            from layercheck.page.link import links
            from layercheck.push.page import page_of

            files.save_page(page_of(self, files=links(path, full)), path)
            return
        table.save(self.rows, path, format)

    def raise_for_failures(self) -> None:
        """Raise if the push cannot succeed, or if that is not known.

        Raises:
            PushBlockedError: If ECR would refuse the push, or something is lacking.
            UnansweredError: If blobs or manifests are undecided.
        """
        if self.blocked:
            more = f"; {len(self.blocked) - 1} more reasons" if len(self.blocked) > 1 else ""
            raise PushBlockedError(f"ECR would refuse the push: {self.blocked[0]}{more}")
        lacking = [row for row in self.rows if row.action == "lacking"]
        if lacking:
            first = lacking[0].digest or lacking[0].diff_id or lacking[0].role
            what = "blob is" if len(lacking) == 1 else "blobs are"
            raise PushBlockedError(
                f"{len(lacking):,} {what} neither in the source nor in the target; first: {first}"
            )
        if not self.complete:
            undecided = sum(row.action == "undecided" for row in self.rows)
            raise UnansweredError(
                f"{undecided:,} of {len(self.rows):,} blobs and manifests undecided", report=self.report
            )

    def __repr__(self) -> str:
        counts = ", ".join(f"{action}={count}" for action, count in self.counts.items() if count)
        state = ", blocked" if self.blocked else ""
        return f"PushPlan({self.source!r} to {self.target.repository_name!r}, {counts or 'no blobs'}{state})"

    def _repr_html_(self) -> str:
        return notebook.render(self)
