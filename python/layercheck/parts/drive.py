"""What the driver of a distributed check does: look first, prepare, ask part by part, record each slice."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

from layercheck.display.callback import as_callback
from layercheck.errors import JournalError, LayercheckError
from layercheck.parts.ask_parts import Part, ask_part, parts_of, run_name, two_audits, write_open
from layercheck.parts.files import Files, digest_folder, piece_folder
from layercheck.parts.layout import Layout, VerdictFiles, verdict_files, verdict_folder
from layercheck.parts.prepare_pieces import Piece, Rows, write_slices
from layercheck.shard.fingerprint import Fingerprint
from layercheck.shard.look import Look, accept, look
from layercheck.shard.outcome import Outcome
from layercheck.shard.preparation import Preparation
from layercheck.shard.prepare import Counts
from layercheck.shard.settings import Settings
from layercheck.shard.share import Share, share_of
from layercheck.shard.slices import check_slices, slice_count
from layercheck.shard.waves import Waves, checked_age, refuse_other_run
from layercheck.types import ProgressCallback

_PART_S = 60.0
"""Seconds that a part should take: what the death of a worker costs. A part costs some 0.2 s of its own."""
_MOST_PARTS = 4
"""Most parts of a slice for each asker."""
_AT_ONCE = 4_000_000
"""Most digests that one task of the second pass brings together, unless the caller chose larger slices: some
400 MB."""


@dataclass(frozen=True, slots=True)
class Task:
    """A function with its arguments, for an engine to run in a worker.

    Attributes:
        what: What it does, for messages: "slice 3, part 1 of 2".
        function: A function of a module that the workers have.
        arguments: Plain values, or what the engine turns into values before it calls the function.
        mark: What the driver knows it by; it is not sent.
        asks: Whether it asks the service; the engine then passes a `stop=` that says whether to stop.
    """

    what: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    mark: Any = None
    asks: bool = False


def lacks_layercheck(error: BaseException) -> LayercheckError | None:
    """Return what to raise if a process of the cluster has no layercheck; None if that is not the error."""
    # The scheduler of Dask does not say which module it lacks, only that it cannot unpickle a task.
    if not re.search(r"No module named '?layercheck\b|deserialization of the task graph", str(error)):
        return None
    return LayercheckError(
        "a process of the cluster cannot import layercheck; install the same version on all of them"
    )


class Engine(Protocol):
    """What the driver needs from an engine."""

    @property
    def slots(self) -> int:
        """How many tasks the engine can run at once."""

    def run(self, tasks: Iterable[Task], at_once: int) -> Generator[tuple[Task, Any], None, None]:
        """Run tasks, never more than `at_once`, and yield each with its result as soon as it is there.

        The next task is taken when one is done. Closing the iterator cancels what is under way.

        Raises:
            LayercheckError: A task ended its worker again and again, or the engine is gone.
            RunCancelled: The audit was cancelled.
        """

    def run_lanes(
        self, lanes: Iterable[Iterable[Task]], at_once: int
    ) -> Generator[tuple[Task, Any], None, None]:
        """Run the tasks of several lanes, never more than `at_once` of each; otherwise as `run`."""


class Source(Protocol):
    """The input of a run, in pieces."""

    def pieces(self, engine: Engine, rows: Rows, path: str, folder: str) -> Iterator[Piece]:
        """Read all pieces in workers, and yield what each has.

        Args:
            engine: Runs the tasks.
            rows: How rows are read.
            path: The path of the run.
            folder: The folder for the digests; empty if the rows are only counted.
        """


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit, as the driver sees it.

    Attributes:
        engine: Runs functions in workers.
        source: The input.
        settings: Where and how fast.
        files: The folder of the run.
        rows: How rows are read.
        askers: How many tasks ask at once; None for as many as `share_of` says.
        slices: How many slices; None for as many as take some minutes each.
        max_age_s: Ask again about slices of which a part is older, seconds.
        progress: As for `layercheck.check`.
    """

    engine: Engine
    source: Source
    settings: Settings
    files: Files
    rows: Rows
    askers: int | None = None
    slices: int | None = None
    max_age_s: float | None = None
    progress: ProgressCallback | bool | None = None

    def run(self) -> VerdictFiles:
        """Carry it out, and return the files that hold the verdicts.

        Raises:
            LayercheckError: What a worker or the engine came to; the message says how to go on.
        """
        wanted = None if self.slices is None else check_slices(self.slices)
        checked_age(self.max_age_s)
        if self.progress is not True:
            as_callback(self.progress)
        self.files.check_own()
        (seen,) = self._results([Task("the first look", look, (self.settings,))], 1)
        settings = accept(self.settings, seen)
        assert isinstance(settings.rate, float)  # noqa: S101 (for the type checker)
        share = share_of(settings.rate, slots=self.engine.slots, askers=self.askers)
        try:
            refuse_other_run(self.files.records, settings, seen)
            preparation = self._prepare(settings.rate, share, wanted)
            return self._ask(settings, seen, share, preparation)
        except (LayercheckError, KeyboardInterrupt) as error:
            if isinstance(error, JournalError):
                raise  # its message says what to do
            error.add_note(f"what is finished stays in {self.files.path}; run the same again to go on")
            raise

    def _prepare(self, rate: float, share: Share, wanted: int | None) -> Preparation:
        """Write the digests of all parts, or check that they are those of this input."""
        records = self.files.records
        known = Preparation.read(records)
        if known is not None:
            if wanted not in (None, known.slices):
                raise JournalError(
                    f"the run that began in {self.files.path!r} has {known.slices:,} slices and slices is "
                    f"{wanted!r}; leave it out to go on, or pass another path to begin anew"
                )
            known.check_input(sum((each.counts for each in self._pieces("")), Counts()))
            return known
        run = uuid.uuid4().hex[:12]
        pieces = list(self._pieces(piece_folder(run)))
        most = sum(piece.digests for piece in pieces)
        slices = wanted or slice_count(most, rate, most=_AT_ONCE)
        seconds = most / slices / (rate * 100)
        parts = share.askers * max(1, min(_MOST_PARTS, round(seconds / _PART_S)))
        found = [piece.file for piece in pieces if piece.file is not None]
        fingerprints: dict[int, Fingerprint] = {}
        for written in self._results(self._second_pass(run, found, most, slices, parts), self.engine.slots):
            fingerprints.update(written)
        preparation = Preparation(sum((each.counts for each in pieces), Counts()), slices, fingerprints)
        Layout(digests=run).write(records)
        preparation.write(records)  # after all else, because it vouches for the digests
        self.files.remove(piece_folder(run))
        return preparation

    def _pieces(self, folder: str) -> Iterator[Piece]:
        return self.source.pieces(self.engine, self.rows, self.files.path, folder)

    def _second_pass(self, run: str, files: list[str], most: int, slices: int, parts: int) -> Iterator[Task]:
        groups = min(slices, 1 << max(0, -(-most // _AT_ONCE) - 1).bit_length())
        width = slices // groups
        for first in range(0, slices if files else 0, width):
            arguments = (self.files.path, files, digest_folder(run), first, first + width, slices, parts)
            yield Task(f"the digests of slice {first} and on", write_slices, arguments)

    def _ask(self, settings: Settings, seen: Look, share: Share, preparation: Preparation) -> VerdictFiles:
        records = self.files.records
        waves = Waves(records, settings, seen, preparation, max_age_s=self.max_age_s, progress=self.progress)
        layout = Layout.read(records)
        who = run_name(waves.target, layout.digests)
        if waves.open and layout.last:
            # What the last slice said is older than what is asked now, and may be about other digests.
            layout = Layout(layout.digests)
            layout.write(records)

        def parts(number: int) -> list[Part]:
            return parts_of(
                self.files.path, digest_folder(layout.digests), number, verdict_folder(), who, waves.since
            )

        self._ask_slices(waves, {number: parts(number) for number in waves.open}, settings, share)
        if waves.needs_last or (waves.has_last and not layout.last):
            waves.begin()
            run = uuid.uuid4().hex[:12]
            began = time.time()
            arguments = (
                self.files.path,
                layout.regular(self.files, {n: each for n, each in waves.done.items() if n != waves.last}),
                digest_folder(run),
                waves.last,
                share.askers,
            )
            (expected,) = self._results([Task("what is still open", write_open, arguments)], 1)
            asked = parts_of(self.files.path, digest_folder(run), waves.last, verdict_folder(run), who, began)
            self._ask_slices(
                waves, {waves.last: asked}, settings, share, expected, Layout(layout.digests, run)
            )
        found = verdict_files(self.files)
        if any(file.run != who for file in found.slices):
            raise two_audits(self.files)
        return found

    def _ask_slices(
        self,
        waves: Waves,
        slices: dict[int, list[Part]],
        settings: Settings,
        share: Share,
        expected: Fingerprint | None = None,
        layout: Layout | None = None,
    ) -> None:
        """Ask the parts of all slices, k at once; as soon as all parts of a slice are done, record it.

        The next slice begins while the last parts of one are under way, so that no asker waits.
        """
        outcomes = {number: Outcome() for number in slices}
        left = {number: len(parts) for number, parts in slices.items()}
        began: dict[int, float] = {}

        def tasks() -> Iterator[Task]:
            for number, parts in slices.items():
                for at, part in enumerate(parts, 1):
                    began.setdefault(number, time.time())
                    what = f"slice {number}, part {at} of {len(parts)}"
                    yield Task(what, ask_part, (part, settings, share), mark=number, asks=True)

        for number, count in left.items():
            if not count:
                raise JournalError(
                    f"the digests of slice {number} are gone from {self.files.path!r}; "
                    "pass another path to begin anew"
                )
        with closing(self.engine.run(tasks(), share.askers)) as done:
            for task, outcome in done:
                number = task.mark
                outcome.raise_error()
                outcomes[number] += outcome
                left[number] -= 1
                if not left[number]:
                    if layout is not None:
                        layout.write(self.files.records)
                    waves.finish(number, outcomes[number], began=began[number], expected=expected)

    def _results(self, tasks: Iterable[Task], at_once: int) -> Iterator[Any]:
        with closing(self.engine.run(tasks, at_once)) as done:
            for _, result in done:
                yield result
