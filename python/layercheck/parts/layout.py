"""`Layout`: which files of a run hold what; and which of them make up its verdict table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from layercheck.errors import JournalError
from layercheck.parts.files import Files
from layercheck.shard.folder import Folder
from layercheck.shard.manifest import Fields, Manifest, last_that_counts, numbers
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

    def regular(self, files: Files, slices: Iterable[int]) -> list[str]:
        """Return the files with the verdicts of slices, without the last one."""
        return _of_slices(files, verdict_folder(), slices)


@dataclass(frozen=True, slots=True)
class VerdictFiles:
    """The files that make up a verdict table.

    Attributes:
        slices: Files of the slices that are done.
        last: Files of the last slice, which asked once more what had no final verdict. If there are any, the
            lines without a final verdict in `slices` do not count.
    """

    slices: list[str]
    last: list[str]


def verdict_files(files: Files) -> VerdictFiles:
    """Return the files with the verdicts of a run, as far as it is done.

    Raises:
        JournalError: No run began there, or a record is broken.
    """
    records = files.records
    preparation = Preparation.read(records)
    if preparation is None:
        raise JournalError(f"no run began in {files.path!r}; expected a path that was given to audit")
    layout = Layout.read(records)
    found = {number: Manifest.read(records, number) for number in numbers(records)}
    done = {number: each for number, each in found.items() if each is not None}
    in_last: list[str] = []
    if layout.last and last_that_counts(done, preparation.slices) is not None:
        in_last = _of_slices(files, verdict_folder(layout.last), [preparation.slices])
    done.pop(preparation.slices, None)
    return VerdictFiles(layout.regular(files, sorted(done)), in_last)


def read_verdicts(url: str, *, final_only: bool) -> pa.Table:
    """Return the lines of one file of verdicts.

    Args:
        url: The path or the URL of the file.
        final_only: Leave out the lines that the last slice asked once more.
    """
    import pyarrow.compute as pc

    folder, _, name = url.rpartition("/")
    with Files(folder).table(name) as file:
        found: pa.Table = file.read().replace_schema_metadata()
    if final_only:
        found = found.filter(pc.invert(pc.is_in(found.column("verdict"), value_set=arrow().array(OPEN))))
    return found


def verdict_folder(last: str = "") -> str:
    """Return where verdicts are: beside the records, or in a folder of one last slice."""
    return f"last-{last}/" if last else ""


def _of_slices(files: Files, folder: str, slices: Iterable[int]) -> list[str]:
    found: list[str] = []
    for number in slices:
        inner = f"{folder}slice={number:04d}"
        found += [f"{inner}/{name}" for name in files.names(inner) if not name.startswith(".")]
    return found


def _name(fields: Fields, name: str) -> str:
    text = fields.text(name)
    if not all(character in "0123456789abcdef" for character in text):
        raise fields.wrong(f"{name!r} is not the name of a folder")
    return text
