"""Parts: the digests of one file -> a file of verdicts with the outcome in its metadata.

The functions run in workers. A part that is asked again, because its worker was lost after it had finished or
because the driver was, finds its file and asks nothing.
"""

from __future__ import annotations

import json
import math
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from layercheck._core import MAX_BATCH, Planner
from layercheck.errors import JournalError
from layercheck.parts.files import Files, note_of, slice_folder
from layercheck.parts.prepare_pieces import read_digests, write_parts
from layercheck.shard.ask import ask
from layercheck.shard.fingerprint import Fingerprint
from layercheck.shard.folder import FOLDER
from layercheck.shard.outcome import VERDICTS, Outcome
from layercheck.shard.settings import Settings
from layercheck.shard.share import Share
from layercheck.shard.table import OPEN, arrow, schema

_NOTE = "layercheck.outcome"
_NUMBERS = ("calls", "requests", "retries", "throttles", "milliseconds", "parts")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a slice, as the driver sends it to a worker.

    Attributes:
        path: The folder of the run.
        digests: The name of the file with its digests.
        verdicts: The name of the file that it writes.
        run: What `run_name` returned: another run does not take over its file.
        since: Seconds since 1970; an older file is asked again.
    """

    path: str
    digests: str
    verdicts: str
    run: str
    since: float


@dataclass(frozen=True, slots=True)
class VerdictFile:
    """A file of verdicts of a slice that is done.

    Attributes:
        name: Its name beneath the path of the run.
        run: What `run_name` returned for the run that wrote it.
        attempt: The attempt that wrote it, as the manifest of the slice has it.
        ended: When the slice ended, seconds since 1970.
    """

    name: str
    run: str
    attempt: str
    ended: float


class _LeftError(Exception):
    """Ends the writing of a file that is not whole, or that another asker has written."""


def ask_part(
    part: Part, settings: Settings, share: Share, *, stop: Callable[[], bool] | None = None
) -> Outcome:
    """Ask for the digests of a part and write its verdicts, unless its file is there.

    A part that had a fatal error, or was stopped, leaves no file. The file may come while the part is asked,
    if this asker was given up and another one was faster. The driver may have recorded what that one said, so
    it stays. One that comes between this look and the end of the writing is replaced; `checked_file` tells.

    Args:
        part: What to ask and where to write.
        settings: What `shard.accept` returned.
        share: What this task may do.
        stop: Says whether to stop; called some times a second.

    Returns:
        The outcome, of some 300 bytes when pickled.
    """
    files = Files(part.path)
    known = _outcome_of(files, part)
    if known is not None:
        return known
    began = time.time()
    attempt = uuid.uuid4().hex[:16]
    found: list[Outcome] = []
    asking = ask(read_digests(part.path, part.digests), settings, share, stop=stop)

    def lines() -> Iterator[Any]:
        yield from asking
        other = _outcome_of(files, part)
        own = replace(asking.outcome, began=began, attempts={part.verdicts: attempt})
        found.append(own if other is None else other)
        if found[0] is other or found[0].error is not None:
            raise _LeftError

    with suppress(_LeftError):
        files.write(part.verdicts, lines(), schema(), notes=lambda: {_NOTE: _note(found[0], part)})
    return found[0]


def write_open(path: str, files: Sequence[VerdictFile], folder: str, slice: int, parts: int) -> Fingerprint:
    """Write the digests that have no final verdict, as the digests of one more slice.

    Args:
        path: The folder of the run.
        files: Files of verdicts.
        folder: Where the files of digests are.
        slice: The number of the slice.
        parts: Its parts.

    Returns:
        The fingerprint of the digests.
    """
    planner = Planner(threads=1)
    for file in files:
        for batch in open_lines(path, file):
            planner.extend_arrow(batch.column(0))
    digests = planner.finish(MAX_BATCH).digests
    return write_parts(path, folder, digests, 1, parts, at=slice).get(slice, Fingerprint())


def open_lines(path: str, file: VerdictFile) -> Iterator[Any]:
    """Yield the lines of a file of verdicts that have no final verdict."""
    import pyarrow.compute as pc

    with checked_file(path, file) as table:
        for batch in table.iter_batches(columns=["digest", "verdict"]):
            yield batch.filter(pc.is_in(batch.column(1), value_set=arrow().array(OPEN)))


def parts_of(path: str, digests: str, slice: int, verdicts: str, run: str, since: float) -> list[Part]:
    """Return the parts of a slice, by the files with its digests.

    Args:
        path: The folder of the run.
        digests: The folder of the digests.
        slice: The number of the slice.
        verdicts: The folder of the verdicts.
        run: As in `Part`.
        since: As in `Part`.
    """
    folder, beside = slice_folder(digests, slice), slice_folder(verdicts, slice)
    return [
        Part(path, f"{folder}/{name}", f"{beside}/{name}", run, since) for name in Files(path).names(folder)
    ]


def run_name(target: Mapping[str, str | bool | None], digests: str) -> str:
    """Return who asks where, and about which digests, as text.

    Args:
        target: The target of the manifests.
        digests: The preparation whose digests are asked for.
    """
    return json.dumps([sorted(target.items()), digests])


@contextmanager
def checked_file(path: str, file: VerdictFile) -> Iterator[Any]:
    """Open a file of verdicts, as `Files.table` does, and make sure that it is the one that was recorded.

    It is looked at while it is open, because another one may come into its place at any time. A file that was
    asked after the slice had ended is of a run that asks the slice again, and counts.

    Raises:
        JournalError: Another audit wrote it, or a worker that was given up wrote it after it was recorded.
    """
    files = Files(path)
    with files.table(file.name) as table:
        values = _values_of(note_of(table, _NOTE)) or {}
        if values.get("run") != file.run:
            raise two_audits(files)
        began = values.get("began")
        is_newer = isinstance(began, float) and began >= file.ended
        if values.get("attempt") != file.attempt and not is_newer:
            manifest = files.url(f"{FOLDER}/{file.name.split('/')[-2]}.json")
            raise JournalError(
                f"{files.url(file.name)} was written again after it had been recorded, by a worker that was "
                f"given up; delete {manifest} and run the same audit again"
            )
        yield table


def two_audits(files: Files) -> JournalError:
    """Return what to raise where verdicts of another audit are among those of this one."""
    return JournalError(
        f"two audits wrote into {files.path!r}, and the verdicts of one are among those of the other; "
        "run each again with a path of its own"
    )


def _note(outcome: Outcome, part: Part) -> str:
    values = {name: getattr(outcome, name) for name in _NUMBERS}
    asked = [outcome.asked.digests, outcome.asked.text]
    values |= {"asked": asked, "counts": dict(outcome.counts), "run": part.run, "began": outcome.began}
    return json.dumps({**values, "attempt": outcome.attempts[part.verdicts]})


def _outcome_of(files: Files, part: Part) -> Outcome | None:
    """Return the outcome in the file of a part; None if the file is to be written anew."""
    values = _values_of(files.note(part.verdicts, _NOTE))
    if values is None:
        return None
    try:
        began, attempt = values["began"], values["attempt"]
        if values["run"] != part.run or not part.since <= began < math.inf or not isinstance(attempt, str):
            return None
        digests, text = values["asked"]
        counts = {verdict: _count(values["counts"][verdict]) for verdict in VERDICTS}
        if sum(counts.values()) != digests:
            return None
        numbers: dict[str, Any] = {name: _count(values[name]) for name in _NUMBERS}
        asked, attempts = Fingerprint(digests, int(text, 16)), {part.verdicts: attempt[:100]}
        return Outcome(asked, counts, **numbers, began=float(began), attempts=attempts)
    except (ValueError, KeyError, TypeError):  # the file was changed
        return None


def _values_of(note: bytes | None) -> dict[str, Any] | None:
    """Parse the note of a file that anybody may have changed; None if it is no JSON object."""
    try:
        values = json.loads(note or b"")
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError
    return value
