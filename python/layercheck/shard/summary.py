"""`summary`: adds up what the manifests of a run say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from layercheck.errors import JournalError
from layercheck.shard.folder import FOLDER, Folder, beneath, checked_path, open_folder
from layercheck.shard.manifest import Manifest, last_that_counts, numbers
from layercheck.shard.outcome import Outcome
from layercheck.shard.preparation import Preparation
from layercheck.shard.table import OPEN


@dataclass(frozen=True, slots=True)
class Summary:
    """A run on an engine, as its manifests tell it.

    Attributes:
        rows: Input rows.
        invalid: Rows without a digest.
        digests: Different digests of the input.
        settled: Digests of the slices that are done.
        counts: Digests of these for each verdict, without `invalid`. What the last slice asked once more
            counts as the last slice found it.
        calls: Calls, those of the last slice included, as are the next three.
        requests: Requests.
        retries: Requests beyond the first of a call.
        throttles: Requests that the service throttled.
        seconds: Seconds from the begin of each slice to its end, added up.
        slices: How many slices have digests.
        open: The numbers of the slices that are not done.
        target: Account, registry, region, endpoint, repository.
    """

    rows: int
    invalid: int
    digests: int
    settled: int
    counts: Mapping[str, int]
    calls: int
    requests: int
    retries: int
    throttles: int
    seconds: float
    slices: int
    open: tuple[int, ...]
    target: Mapping[str, str | bool | None]

    @property
    def complete(self) -> bool:
        """Whether every digest has a final verdict."""
        return not self.open and not any(self.counts[verdict] for verdict in OPEN)

    def __str__(self) -> str:
        counts = ", ".join(f"{number:,} {verdict}" for verdict, number in self.counts.items() if number)
        state = (
            "complete" if self.complete else f"incomplete: {len(self.open):,} of {self.slices:,} slices open"
        )
        return (
            f"{self.rows:,} rows, {self.invalid:,} invalid, {self.digests:,} digests: "
            f"{counts or 'none asked'}; {self.calls:,} calls, {self.throttles:,} throttled, "
            f"{self.seconds:,.1f} s; {state}"
        )


def summary(path: str | os.PathLike[str], *, folder: Folder | None = None) -> Summary:
    """Add up the manifests of a run.

    Args:
        path: The path of the run, as given to `audit`.
        folder: The folder of the manifests itself, for a file system that pyarrow does not reach.

    Raises:
        JournalError: No run began there, or a file is broken.
    """
    if folder is None:
        folder = open_folder(beneath(checked_path(path), FOLDER))
    preparation = Preparation.read(folder)
    if preparation is None:
        raise JournalError(f"no run began in {os.fspath(path)!r}; expected a path that was given to audit")
    found = {number: Manifest.read(folder, number) for number in numbers(folder)}
    done = {number: each for number, each in found.items() if each is not None}
    last = last_that_counts(done, preparation.slices)
    done.pop(preparation.slices, None)
    total = sum((each.outcome.numbers for each in done.values()), Outcome())
    counts = dict(total.counts)
    if last is not None:
        for verdict in OPEN:
            counts[verdict] = 0
        counts = {verdict: number + last.outcome.counts[verdict] for verdict, number in counts.items()}
        total += last.outcome
    every = [*done.values(), *([last] if last is not None else [])]
    return Summary(
        rows=preparation.counts.rows,
        invalid=preparation.counts.invalid,
        digests=preparation.unique,
        settled=sum(each.outcome.asked.digests for each in done.values()),
        counts=counts,
        calls=total.calls,
        requests=total.requests,
        retries=total.retries,
        throttles=total.throttles,
        seconds=sum(each.ended - each.began for each in every),
        slices=len(preparation.fingerprints),
        open=tuple(number for number in sorted(preparation.fingerprints) if number not in done),
        target=every[0].target if every else {},
    )
