"""`ImageReport`: the images of one or many repositories and their verdicts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from layercheck.errors import IncompleteImagesError, UnansweredError
from layercheck.images.repository_report import Image, RepositoryReport, State
from layercheck.images.tables import TABLES, TableName, check_name, joined, repositories_table
from layercheck.report import dataframes, files
from layercheck.report.timeline import Timeline, merged
from layercheck.types import Ending, Target
from layercheck.verdict import ImageVerdict

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from layercheck._core import RecordTable
    from layercheck.images.plot import ImagePlots
    from layercheck.page.link import Files


class RepositoryError(NamedTuple):
    """Why a repository could not be checked.

    Attributes:
        repository: Its name.
        state: `denied`, `gone`, `failed` or `partial`.
        code: Code of the service, or name of the exception.
        reason: What happened, for a person.
    """

    repository: str
    state: State
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImageStats:
    """How a check of images went.

    Attributes:
        calls: Requests sent, by operation.
        throttles: Requests that the service throttled, by operation.
        manifests_known: Manifests that the manifest store had, so that they were not read.
        seconds: How long it took.
        ended: How it ended.
    """

    calls: dict[str, int] = field(default_factory=dict)
    throttles: dict[str, int] = field(default_factory=dict)
    manifests_known: int = 0
    seconds: float = 0.0
    ended: Ending = "running"


class ImageReport:
    """The images of one or many repositories, each with exactly one of eight verdicts.

    So `sum(report.counts.values()) == report.images`, even if the check ended early.

    Attributes:
        target: The registry; its repository name is `*`.
        repositories: A report for each repository, in the order of their names.
        notes: What a reader of the verdicts should know, a line each.
        stats: How the check went.
    """

    tables: tuple[TableName, ...] = TABLES
    """The names of the four tables."""

    def __init__(
        self,
        repositories: Sequence[RepositoryReport],
        *,
        target: Target,
        notes: Sequence[str] = (),
        stats: ImageStats | None = None,
    ) -> None:
        self.target = target
        self.repositories = tuple(sorted(repositories, key=lambda each: each.repository_name))
        self.notes = (*notes, *(note for each in self.repositories for note in each.notes))
        self.stats = stats or ImageStats()

    @property
    def images(self) -> int:
        """Listed images."""
        return sum(each.images for each in self.repositories)

    @property
    def counts(self) -> dict[str, int]:
        """Verdict to number of images; all eight, and their sum is `images`."""
        counts = dict.fromkeys((verdict.label for verdict in ImageVerdict), 0)
        for repository in self.repositories:
            for word, count in repository.counts.items():
                counts[word] += count
        return counts

    @property
    def plot(self) -> ImagePlots:
        """The plots of this check.

        They are `plot.verdicts()`, `repositories()`, `missing_layers()`, `pushed()`, `pulled()`, `bytes()`,
        `sharing()` and `timeline()`; `plot.tables()` has the numbers of all.

        A plot is a chart of Altair, or None if there is nothing to show. A notebook shows it as SVG. The
        tables have the numbers of the plots, and need no extra.

        Raises:
            ImportError: A plot is asked for, and the extra `plots` is not installed.
        """
        from layercheck.images.plot import ImagePlots

        return ImagePlots(self)

    @property
    def timeline(self) -> Timeline:
        """The requests for layers over time, of all repositories, on the clock of the machine.

        Other operations, such as reading manifests, are not in it.
        """
        return merged(each.blobs.timeline for each in self.repositories if each.blobs is not None)

    @property
    def complete(self) -> bool:
        """True if every repository was checked to the end, and no image is undecided or not checked."""
        return self.stats.ended == "done" and all(
            each.complete or each.state == "gone" for each in self.repositories
        )

    @property
    def errors(self) -> tuple[RepositoryError, ...]:
        """The repositories that could not be checked."""
        return tuple(
            RepositoryError(each.repository_name, each.state, each.code, each.reason)
            for each in self.repositories
            if each.state != "done"
        )

    def find(self, verdict: str | ImageVerdict) -> Iterator[Image]:
        """Yield the images with a verdict, repository by repository.

        Raises:
            ValueError: If there is no such verdict.
        """
        if isinstance(verdict, str):
            verdict = ImageVerdict.from_label(verdict)
        for repository in self.repositories:
            yield from repository.find(verdict)

    def repository(self, name: str) -> RepositoryReport:
        """Return the report of one repository.

        Raises:
            KeyError: It was not checked.
        """
        for each in self.repositories:
            if each.repository_name == name:
                return each
        raise KeyError(f"the repository {name!r} was not checked")

    def table(self, name: str = "images", *, all_layers: bool = False) -> RecordTable:
        """Return a table, which other tools read in chunks through `__arrow_c_stream__`.

        Args:
            name: `images`, `platforms`, `layers` or `repositories`.
            all_layers: In `layers`, the layers that are available too.

        Raises:
            ValueError: If there is no such table.
        """
        check_name(name)
        if name == "repositories":
            return repositories_table([each.line() for each in self.repositories])
        return joined(name, [each.table(name, all_layers=all_layers) for each in self.repositories])

    def to_arrow(self, table: str = "images") -> pa.Table:
        """Return a table as a `pyarrow.Table`.

        Raises:
            ImportError: If pyarrow is not installed.
            ValueError: If there is no such table.
        """
        return dataframes.to_arrow(self.table(table))

    def to_pandas(self, table: str = "images") -> pd.DataFrame:
        """Return a table as a pandas DataFrame.

        Raises:
            ImportError: If pandas or pyarrow is not installed.
            ValueError: If there is no such table.
        """
        return dataframes.to_pandas(self.table(table))

    def to_polars(self, table: str = "images") -> pl.DataFrame:
        """Return a table as a polars DataFrame.

        Raises:
            ImportError: If polars is not installed.
            ValueError: If there is no such table.
        """
        return dataframes.to_polars(self.table(table))

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        table: str = "images",
        format: str | None = None,
        all_layers: bool = False,
        full: Files = (),
    ) -> None:
        """Write a table, or a page for people, to a file atomically, as `Report.write` does.

        Args:
            path: The file. Its suffix selects the format, unless `format` is given. `.html` is a page: one
                file with the verdicts, plots, and the first 2,000 images with a verdict other than complete.
            table: `images`, `platforms`, `layers` or `repositories`. Without effect on a page.
            format: `"parquet"`, `"csv"`, `"jsonl"`, `"arrow"` or `"html"`.
            all_layers: In `layers`, the layers that are available too.
            full: The file with all images, or several, to which a page links. Without effect on a table.

        Raises:
            ValueError: If there is no such table or format.
            ImportError: If Parquet or Arrow is asked for and pyarrow is not installed.
            OSError: If the file cannot be written; an existing file is left untouched.
        """
        if files.format_of(path, format, page=True) == "html":
            from layercheck.images.page import page_of
            from layercheck.page.link import links

            check_name(table)
            files.save_page(page_of(self, files=links(path, full)), path)
            return
        files.save(self.table(table, all_layers=all_layers), path, format)

    def raise_for_failures(self) -> None:
        """Raise if images are incomplete or unreadable, or if something was not checked.

        Raises:
            IncompleteImagesError: Images are incomplete or unreadable.
            UnansweredError: Images are undecided or not checked, or a repository could not be checked.
        """
        counts = self.counts
        broken = counts["incomplete"] + counts["unreadable"]
        if broken:
            first = next(iter((*self.find("incomplete"), *self.find("unreadable"))))
            name = first.tags[0] if first.tags else first.digest
            raise IncompleteImagesError(
                f"{counts['incomplete']:,} images are incomplete and {counts['unreadable']:,} unreadable; "
                f"first: {first.repository} {name}: {first.reason or first.code}"
            )
        if not self.complete:
            errors = self.errors
            first_error = f"; first: {errors[0].repository}: {errors[0].reason}" if errors else ""
            raise UnansweredError(
                f"{counts['undecided'] + counts['not_checked']:,} images are undecided or not checked, and "
                f"{len(errors):,} repositories could not be checked to the end{first_error}"
            )

    def __repr__(self) -> str:
        counts = ", ".join(f"{word}={count}" for word, count in self.counts.items() if count)
        state = "complete" if self.complete else "incomplete"
        number = len(self.repositories)
        return f"ImageReport(repositories={number}, {counts or 'no images'}, {state})"

    def _repr_html_(self) -> str:
        from layercheck.images.notebook import render

        return render(self)

    def __reduce__(self) -> Any:
        raise TypeError(
            "an ImageReport cannot be pickled or copied; send one of its tables, such as to_arrow()"
        )
