"""`RepositoryReport`: the images of one repository and their verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from layercheck.images.tables import check_name, repositories_table, table_of
from layercheck.verdict import ImageVerdict

if TYPE_CHECKING:
    from layercheck._core import ImageGraph, RecordTable
    from layercheck.errors import LayercheckError
    from layercheck.images.listing import Listing
    from layercheck.report import Report

State: TypeAlias = Literal["done", "partial", "denied", "gone", "failed"]
"""How the check of a repository ended. `partial`: it was stopped first. `denied`: the credentials do not
allow it. `gone`: it was deleted meanwhile. `failed`: `code` and `reason` say why."""

INCOMPLETE_LISTING = "IncompleteListing"
"""The code in the table `repositories` of one that was checked and may have more images than were listed."""

_IN_A_ROW = 256


class Image(NamedTuple):
    """One listed image.

    Attributes:
        repository: Its repository.
        digest: Digest of its manifest.
        tags: Its tags when the repository was listed.
        kind: `image`, `index`, `attestation`, `artifact`, `schema1` or `unknown`; None if that is not
            known, because it was not read.
        verdict: Its verdict.
        code: Why, in one word, such as `MissingLayer`; None without one.
        reason: A sentence for people; None without one.
        missing: The parts that a pull cannot have: digests of blobs and children.
    """

    repository: str
    digest: str
    tags: tuple[str, ...]
    kind: str | None
    verdict: ImageVerdict
    code: str | None
    reason: str | None
    missing: tuple[str, ...]


class RepositoryReport:
    """What is known of the images of one repository.

    Attributes:
        account_id: Account of the registry; None if it is not known.
        region_name: Region of the registry.
        repository_name: Name of the repository.
        state: How the check ended.
        listed_at: When the repository was listed, seconds since 1970. Tags are as of then.
        blobs: The report of its blobs: an ordinary `Report`; None if none was asked.
        pull_through: Whether it may be a pull-through cache; None if that is not known.
        encryption: How it is encrypted; None if that was not asked.
        calls: Requests sent for it.
        seconds: How long it took.
        code: Why it was not done, in one word; else empty.
        reason: The same as a sentence; else empty.
        notes: What a reader of the verdicts should know, a line each.
        error: The error that ended it; None for `done` and `partial`.
    """

    def __init__(
        self,
        graph: ImageGraph,
        *,
        account_id: str | None,
        region_name: str | None,
        repository_name: str,
        state: State,
        listing: Listing,
        blobs: Report | None,
        pull_through: bool | None,
        encryption: str | None,
        calls: int,
        seconds: float,
        code: str,
        reason: str,
        notes: tuple[str, ...],
        error: LayercheckError | None = None,
    ) -> None:
        self._graph = graph
        self._listing = listing
        self.account_id = account_id
        self.region_name = region_name
        self.repository_name = repository_name
        self.state: State = state
        self.listed_at = listing.listed_at
        self.blobs = blobs
        self.pull_through = pull_through
        self.encryption = encryption
        self.calls = calls
        self.seconds = seconds
        self.code = code
        self.reason = reason
        self.notes = notes
        self.error = error

    @property
    def images(self) -> int:
        """Listed images."""
        return len(self._graph)

    @property
    def tags(self) -> int:
        """Tags of the listed images."""
        return self._graph.tags

    @property
    def counts(self) -> dict[str, int]:
        """Verdict to number of images; all eight, and their sum is `images`."""
        return self._graph.counts()

    @property
    def complete(self) -> bool:
        """True if the check was done, the listing has all pages, and no image is undecided or not checked."""
        counts = self.counts
        return (
            self.state == "done"
            and self._listing.complete
            and not counts["undecided"] + counts["not_checked"]
        )

    @property
    def archived_listed(self) -> bool:
        """Whether archived images were listed; this boto3 may be too old to ask for them."""
        return self._listing.archived

    def find(self, verdict: str | ImageVerdict) -> Iterator[Image]:
        """Yield the images with a verdict, in the order of the listing.

        Raises:
            ValueError: If there is no such verdict.
        """
        if isinstance(verdict, str):
            verdict = ImageVerdict.from_label(verdict)
        for line in self.lines_with(verdict):
            yield _image(self.repository_name, line)

    def lines_with(self, verdict: ImageVerdict) -> Iterator[dict[str, Any]]:
        """Yield the lines of the table `images` with a verdict, without the columns that say where.

        Each has the key `lacking` too: the digests of the parts that a pull cannot have.
        """
        start: int | None = 0
        while start is not None:
            lines, start = self._graph.images_with(int(verdict), start, _IN_A_ROW)
            yield from lines

    def table(self, name: str, *, all_layers: bool = False) -> RecordTable:
        """Return a table of this repository; see `ImageReport.table`.

        Raises:
            ValueError: If there is no such table.
        """
        check_name(name)
        if name == "repositories":
            return repositories_table([self.line()])
        place = self.account_id, self.region_name, self.repository_name
        return table_of(self._graph, name, *place, all_layers=all_layers)

    def line(self) -> dict[str, Any]:
        """Return this repository's line of the table `repositories`."""
        stored = self._graph.blobs
        said = self.code, self.reason
        if self.state == "done" and self._listing.note:
            # Notes do not cross an engine, and a reader of the tables alone must learn that images may lack.
            said = INCOMPLETE_LISTING, f"the listing is incomplete: {self._listing.note}"
        return {
            "account_id": self.account_id,
            "region": self.region_name,
            "repository": self.repository_name,
            "state": self.state,
            "listed_at": self.listed_at,
            "images": self.images,
            "tags": self.tags,
            **self.counts,
            "blobs": stored,
            "bytes": _bytes(self.blobs),
            "pull_through": self.pull_through,
            "encryption": self.encryption,
            "calls": self.calls,
            "duration_ms": round(self.seconds * 1_000),
            "code": said[0] or None,
            "reason": said[1] or None,
        }

    def __repr__(self) -> str:
        counts = ", ".join(f"{word}={count}" for word, count in self.counts.items() if count)
        return f"RepositoryReport({self.repository_name!r}, {self.state}, {counts or 'no images'})"

    def __reduce__(self) -> Any:
        raise TypeError(
            "a RepositoryReport cannot be pickled or copied; send one of its tables, such as to_arrow()"
        )


def _image(repository: str, found: Mapping[str, Any]) -> Image:
    return Image(
        repository,
        found["digest"],
        tuple(found["tags"]),
        found["kind"],
        ImageVerdict.from_label(found["verdict"]),
        found["code"],
        found["reason"],
        tuple(found["lacking"]),
    )


def _bytes(blobs: Report | None) -> int | None:
    """Bytes of the blobs whose size the service told."""
    if blobs is None:
        return None
    sizes = blobs.sizes
    return int(sizes[sizes > 0].sum())
