"""`Waves`: which slices are still to be asked, and what the driver does after each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from layercheck._core import MAX_BATCH
from layercheck.display.callback import as_callback
from layercheck.errors import InvalidParameterError, JournalError, LayercheckError
from layercheck.shard.arguments import real_number
from layercheck.shard.fingerprint import Fingerprint
from layercheck.shard.folder import Folder
from layercheck.shard.look import Look
from layercheck.shard.manifest import (
    FORMAT,
    Fields,
    Manifest,
    last_that_counts,
    moment,
    name_of,
    numbers,
    version,
)
from layercheck.shard.outcome import Outcome
from layercheck.shard.preparation import Preparation
from layercheck.shard.run_record import RunRecord, differences, refuse_another
from layercheck.shard.settings import Settings
from layercheck.shard.table import OPEN
from layercheck.types import Progress, ProgressCallback

_AGAIN = "again.json"
"""The record of a run with `max_age_s` that found old slices."""


class Waves:
    """The slices of one run: those that are done, those that are open, and the last one.

    A slice is done when its manifest is there, which `finish` writes after the engine has written its table.
    A driver that dies leaves at most one slice without a manifest, and a rerun asks that one again.

    Args:
        folder: Where the manifests are.
        settings: What `accept` returned.
        seen: What the first worker found.
        preparation: The digests of each slice.
        max_age_s: Ask slices again of which a part was asked longer ago, seconds. Later runs go on with
            that, also without an age, because the tables of such slices may be new in part.
        progress: As for `layercheck.check`: called after each slice.
        clock: Seconds since 1970.

    Attributes:
        last: The number of the slice that asks once more what has no final verdict.
        since: What was asked before is asked again, seconds since 1970; 0 if everything counts.

    Raises:
        JournalError: A record is broken, or belongs to another run; the message says what differs.
        InvalidParameterError: `max_age_s` is not a number of seconds.
        TypeError: `progress` is not a callable, a bool or None.
    """

    def __init__(
        self,
        folder: Folder,
        settings: Settings,
        seen: Look,
        preparation: Preparation,
        *,
        max_age_s: float | None = None,
        progress: ProgressCallback | bool | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._target = _target(settings, seen)
        self._preparation = preparation
        self._rate = settings.rate if isinstance(settings.rate, float) else None
        self._callback = as_callback(progress)
        self._clock = clock
        self._began = clock()
        self._asked_s = 0.0
        self._asked_digests = 0
        self.last = preparation.slices
        self._done: dict[int, Manifest] = {}
        age = checked_age(max_age_s)
        self.since = max(_read_since(folder), 0.0 if age is None else clock() - age)
        is_any_old = False
        for number in numbers(folder):
            found = Manifest.read(folder, number)
            if found is not None and self._fits(number, found):
                if found.oldest >= self.since:
                    self._done[number] = found
                else:
                    is_any_old = True
        self._record = RunRecord(folder, self._target)
        if self.open or self.needs_last:
            self.begin()
        if is_any_old and age is not None:
            text = json.dumps({"format": FORMAT, "since": moment(self.since)})
            folder.write(_AGAIN, f"{text}\n".encode())

    def begin(self, slice: int | None = None) -> None:
        """Say in the folder that this run asks. Call it before the table of a slice is written.

        A run with open slices has said so already.

        Args:
            slice: Its number, if its table is written over what is there. If it was done before, it is open
                from now on, so that no manifest vouches for a table that is not whole.
        """
        self._record.begin()
        if slice is not None and slice in numbers(self._folder):
            Manifest.reopen(self._folder, slice)
            self._done.pop(slice, None)

    @property
    def open(self) -> list[int]:
        """The slices to ask, in order; without slices that have no digests, and without the last one."""
        return [number for number in sorted(self._preparation.fingerprints) if number not in self._done]

    @property
    def target(self) -> Mapping[str, str | bool | None]:
        """What the manifests say of where is asked: account, registry, region, endpoint, repository."""
        return dict(self._target)

    @property
    def done(self) -> Mapping[int, Manifest]:
        """The manifests of the slices that are done, in order, the last one among them."""
        return dict(sorted(self._done.items()))

    @property
    def needs_last(self) -> bool:
        """Whether the last slice is to be asked: all others are done, and digests have no final verdict."""
        if self.open or not self._left():
            return False
        found = last_that_counts(self._done, self.last)
        return found is None or not found.outcome.is_final

    @property
    def has_last(self) -> bool:
        """Whether the verdict table takes the digests that other slices left open from the last slice."""
        return last_that_counts(self._done, self.last) is not None

    def finish(
        self, slice: int, outcome: Outcome, *, began: float, expected: Fingerprint | None = None
    ) -> Manifest:
        """Write the manifest of a slice whose table is written, and call the progress callback.

        Args:
            slice: A number of `open`, or `last`.
            outcome: The sum of the outcomes of its parts.
            began: When it began, seconds since 1970.
            expected: The digests of the last slice; the others are known.

        Raises:
            LayercheckError: The error of a part, as the class that `layercheck.check` would raise; or lines
                were lost or doubled on their way. The slice stays open.
            JournalError: Another audit has recorded this slice meanwhile.
        """
        outcome.raise_error()
        wanted = expected if slice == self.last else self._preparation.fingerprints.get(slice, Fingerprint())
        if wanted is not None and outcome.asked != wanted:
            raise LayercheckError(
                f"slice {slice} asked {outcome.asked.digests:,} digests (hash {outcome.asked.text}) and "
                f"should have asked {wanted.digests:,} (hash {wanted.text}); run the same again, and with "
                "another path if that does not help"
            )
        self._record.check()
        found = Manifest.read(self._folder, slice)
        oldest = began if outcome.began is None else min(began, outcome.began)
        manifest = Manifest(
            slice, self._preparation.slices, self._target, version(), outcome, began, self._clock(), oldest
        )
        manifest.write(self._folder)  # even if another audit wrote one, so that this one notices too
        if found is not None:
            self._check_own(slice, found)
        self._done[slice] = manifest
        self._asked_s += max(0.0, manifest.ended - began)
        self._asked_digests += outcome.asked.digests
        if self._callback is not None:
            self._callback(self.progress())
        return manifest

    def check(self) -> None:
        """Make sure that no other audit used the same path meanwhile. Call it before the table is read.

        Raises:
            JournalError: A manifest is of another audit, whose verdicts may be among those of this one.
        """
        self._record.check()
        for number in self._done:
            found = Manifest.read(self._folder, number)
            if found is not None:
                self._check_own(number, found)

    def progress(self) -> Progress:
        """Return how far the run is, the slices of earlier runs included."""
        total = Outcome()
        for number, manifest in self._done.items():
            if number != self.last:
                total += manifest.outcome.numbers
        unique = self._preparation.unique
        settled = total.asked.digests
        batches = -(-unique // MAX_BATCH)
        rows = self._preparation.counts.rows
        share = settled / unique if unique else 1.0
        speed = self._asked_digests / self._asked_s if self._asked_s else 0.0
        return Progress(
            unique=unique,
            settled=settled,
            counts={**total.counts, "invalid": 0},
            calls=total.calls,
            requests=total.requests,
            throttles=total.throttles,
            in_flight=0,
            seconds=self._clock() - self._began,
            rate=self._rate,
            done=not self.open and not self.needs_last,
            rows=rows,
            rows_done=rows if settled == unique else int(rows * share),
            batches=batches,
            batches_done=batches if settled == unique else int(batches * share),
            seconds_left=(unique - settled) / speed if speed else None,
        )

    def _left(self) -> int:
        """Digests of the slices that are done which have no final verdict."""
        others = (each.outcome.counts for number, each in self._done.items() if number != self.last)
        return sum(counts[verdict] for counts in others for verdict in OPEN)

    def _check_own(self, number: int, found: Manifest) -> None:
        differing = self._other_target(found)
        if differing:
            raise JournalError(
                f"another audit used {self._folder!r} at the same time: {name_of(number)} has "
                f"{', '.join(differing)}; run each again with a path of its own"
            )

    def _other_target(self, found: Manifest) -> list[str]:
        return differences(found.target, self._target)

    def _fits(self, number: int, found: Manifest) -> bool:
        """Whether a manifest says that its slice is done.

        Raises:
            JournalError: It is of another run.
        """
        differing = self._other_target(found)
        if found.slices != self._preparation.slices:
            differing.append(f"{found.slices:,} slices instead of {self._preparation.slices:,}")
        if found.slice != number:
            differing.append(f"number {found.slice}")
        wanted = self._preparation.fingerprints.get(number, Fingerprint())
        if number != self.last and not differing and found.outcome.asked != wanted:
            asked = found.outcome.asked
            differing.append(
                f"{asked.digests:,} digests (hash {asked.text}) instead of {wanted.digests:,} "
                f"(hash {wanted.text})"
            )
        if differing:
            raise JournalError(
                f"{self._folder!r}/{name_of(number)} belongs to another run: it has {', '.join(differing)}; "
                "pass what that run had to go on, or another path to begin anew"
            )
        return True


def refuse_other_run(folder: Folder, settings: Settings, seen: Look) -> None:
    """Check that no audit of another target began at a path. Call it before the input is prepared.

    Args:
        folder: Where the manifests are.
        settings: What `accept` returned.
        seen: What the first worker found.

    Raises:
        JournalError: One did; the message says what differs.
    """
    refuse_another(folder, _target(settings, seen))


def checked_age(max_age_s: object) -> float | None:
    """Return an age in seconds, or None for any.

    Raises:
        InvalidParameterError: It is not a number of seconds.
    """
    if max_age_s is None:
        return None
    seconds = real_number(max_age_s)
    if seconds is None or not seconds >= 0:
        raise InvalidParameterError(f"max_age_s is {max_age_s!r}; expected seconds, from 0 on, or None")
    return seconds


def _read_since(folder: Folder) -> float:
    content = folder.read(_AGAIN)
    return 0.0 if content is None else Fields.of_json(content, f"{folder!r}/{_AGAIN}").moment("since")


def _target(settings: Settings, seen: Look) -> dict[str, Any]:
    return {
        "account": seen.account,
        "registry_id": settings.registry_id,
        "region_name": seen.region_name,
        "endpoint_url": seen.endpoint_url,
        "repository_name": settings.repository_name,
        "public": settings.public,
    }
