"""`Layout`: which files of a run hold what; and which of them make up its verdict table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from layercheck.errors import JournalError
from layercheck.parts.ask_parts import VerdictFile, checked_file, run_name, two_audits
from layercheck.parts.files import Files, digest_folder, slice_folder
from layercheck.shard.folder import FOLDER, Folder
from layercheck.shard.manifest import Fields, Manifest, last_that_counts, name_of, numbers
from layercheck.shard.preparation import Preparation
from layercheck.shard.table import OPEN, arrow

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "layout.json"


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of folders that a run made up.

    Attributes:
        digests: The preparation whose digests the parts are.
        last: The last slice; empty if there is none.
    """

    digests: str
    last: str = ""

    def write(self, records: Folder) -> None:
        """Write the record.

        Raises:
            JournalError: It cannot be written.
        """
        records.write(NAME, (json.dumps({"format": 1, **asdict(self)}) + "\n").encode())

    @classmethod
    def read(cls, records: Folder) -> Layout:
        """Return the layout of a run.

        Raises:
            JournalError: There is none, or it is broken.
        """
        content = records.read(NAME)
        if content is None:
            raise JournalError(
                f"{records!r} has no {NAME}: another engine made the run, or a file was lost; "
                "pass another path to begin anew"
            )
        fields = Fields.of_json(content, f"{records!r}/{NAME}")
        return cls(_name(fields, "digests"), _name(fields, "last"))

    def regular(self, files: Files, done: Mapping[int, Manifest]) -> list[VerdictFile]:
        """Return the files with the verdicts of slices that are done, without the last one.

        Raises:
            JournalError: A file is gone.
        """
        return _of_slices(files, self.digests, self, verdict_folder(), done)


@dataclass(frozen=True, slots=True)
class VerdictFiles:
    """The files that make up a verdict table.

    Attributes:
        slices: Files of the slices that are done.
        last: Files of the last slice, which asked once more what had no final verdict. If there are any, the
            lines without a final verdict in `slices` do not count.
    """

    slices: list[VerdictFile]
    last: list[VerdictFile]


def verdict_files(files: Files) -> VerdictFiles:
    """Return the files with the verdicts of a run, as far as it is done.

    Raises:
        JournalError: No run began there, a record is broken, a file is gone, or two audits had this path.
    """
    records = files.records
    preparation = Preparation.read(records)
    if preparation is None:
        raise JournalError(f"no run began in {files.path!r}; expected a path that was given to audit")
    layout = Layout.read(records)
    found = {number: Manifest.read(records, number) for number in numbers(records)}
    done = {number: each for number, each in found.items() if each is not None}
    targets = [each.target for each in done.values()]
    if any(each != targets[0] for each in targets):
        raise two_audits(files)
    in_last: list[VerdictFile] = []
    last = last_that_counts(done, preparation.slices)
    if layout.last and last is not None:
        folder = verdict_folder(layout.last)
        in_last = _of_slices(files, layout.last, layout, folder, {preparation.slices: last})
    done.pop(preparation.slices, None)
    return VerdictFiles(layout.regular(files, done), in_last)


def read_verdicts(path: str, file: VerdictFile, *, final_only: bool) -> pa.Table:
    """Return the lines of one file of verdicts.

    Args:
        path: The folder of the run.
        file: The file.
        final_only: Leave out the lines that the last slice asked once more.

    Raises:
        JournalError: The file is not the one that was recorded.
    """
    import pyarrow.compute as pc

    with checked_file(path, file) as table:
        found: pa.Table = table.read().replace_schema_metadata()
    if final_only:
        found = found.filter(pc.invert(pc.is_in(found.column("verdict"), value_set=arrow().array(OPEN))))
    return found


def verdict_folder(last: str = "") -> str:
    """Return where verdicts are: beside the records, or in a folder of one last slice."""
    return f"last-{last}/" if last else ""


def _of_slices(
    files: Files, digests: str, layout: Layout, folder: str, done: Mapping[int, Manifest]
) -> list[VerdictFile]:
    """Return the files of verdicts of slices, one for each file with their digests.

    Other files in these folders do not count: they are of an older preparation, or of somebody else.
    """
    found: list[VerdictFile] = []
    for number, manifest in sorted(done.items()):
        run, attempts = run_name(manifest.target, layout.digests), manifest.outcome.attempts
        inner = slice_folder(folder, number)
        there = set(files.names(inner))
        for name in files.names(slice_folder(digest_folder(digests), number)):
            if name not in there:
                raise JournalError(
                    f"{files.url(f'{inner}/{name}')} is gone; delete "
                    f"{files.url(f'{FOLDER}/{name_of(number)}')} and run the same audit again"
                )
            file = f"{inner}/{name}"
            found.append(VerdictFile(file, run, attempts.get(file, ""), manifest.ended))
    return found


def _name(fields: Fields, name: str) -> str:
    text = fields.text(name)
    if not all(character in "0123456789abcdef" for character in text):
        raise fields.wrong(f"{name!r} is not the name of a folder")
    return text
