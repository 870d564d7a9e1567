"""Where `layercheck images` writes: standard output, tables, a page, or a folder with all tables."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from layercheck.cli import output as outputs
from layercheck.cli import output_list
from layercheck.cli.exit_codes import CommandError
from layercheck.images.tables import TABLES, TableName

if TYPE_CHECKING:
    from layercheck.images.image_report import ImageReport


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One file: a table, or a page.

    Attributes:
        table: The table; a page has what matters of all.
        path: The file.
        format: Its format.
    """

    table: TableName
    path: Path
    format: outputs.Format


@dataclass(frozen=True, slots=True)
class ImageOutput:
    """All destinations.

    Attributes:
        files: The files, the tables before the pages, because a page links to the tables.
        table: The table on standard output; None for none.
        format: The format of standard output; `table` means the summary and no table.
        all_layers: Write layers that are available too.
    """

    files: tuple[ImageFile, ...]
    table: TableName | None
    format: outputs.Format
    all_layers: bool

    @property
    def to_stdout(self) -> bool:
        """Whether a table goes to standard output, so that the summary goes to standard error."""
        return self.table is not None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return tuple(file.path for file in self.files)


def prepare(
    names: Sequence[str],
    format_: outputs.Format | None,
    table: TableName,
    *,
    all_layers: bool,
    make_folders: bool = True,
) -> ImageOutput:
    """Chooses formats and destinations and tests that they work, before anything is asked.

    Args:
        names: Every `--output`; `-` is standard output; a folder, or a name with `/` at its end, takes all
            tables.
        format_: `--format`.
        table: `--table`.
        all_layers: `--all-layers`.
        make_folders: Make folders that do not exist; False for a dry run, which writes nothing.

    Raises:
        click.UsageError: The options contradict each other.
        CommandError: The folder of a file or pyarrow is missing, or a folder cannot be made or written to.
    """
    output_list.refuse_contradictions(names, format_)
    made: list[outputs.Output] = []
    table_of: dict[Path | None, TableName] = {}
    for name in names or (None,):
        if name is not None and name != "-" and (name.endswith("/") or Path(name).is_dir()):
            for each, output in _in_folder(name, format_, make_folders):
                made.append(output)
                table_of[output.path] = each
        else:
            made.append(outputs.prepare(name, format_, page=True))
    ordered = output_list.in_order(made)
    files = tuple(
        ImageFile(table_of.get(output.path, table), output.path, output.format)
        for output in ordered
        if output.path is not None
    )
    streamed = [output.format for output in ordered if output.to_stdout]
    return ImageOutput(files, table if streamed else None, streamed[0] if streamed else "table", all_layers)


def _in_folder(
    name: str, format_: outputs.Format | None, make: bool
) -> list[tuple[TableName, outputs.Output]]:
    chosen = format_ or "parquet"
    if chosen == "table":
        raise click.UsageError("--format table is the summary itself; -o takes jsonl, csv, parquet or arrow")
    if chosen == "html":
        raise click.UsageError(f"-o {name}: a page is one file, not a folder; add -o FILE.html")
    folder = Path(name)
    if not folder.is_dir():
        if not make:
            return []
        _make(folder, name)
    return [(each, outputs.prepare(str(folder / f"{each}.{chosen}"), chosen)) for each in TABLES]


def _make(folder: Path, name: str) -> None:
    for each in (folder, *folder.parents):
        if each.is_file():
            raise CommandError(f"-o {name!r}: {str(each)!r} is a file, not a folder; choose another name")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise CommandError(f"-o {name!r}: the folder cannot be made: {reason}; choose another") from error


def write(report: ImageReport, output: ImageOutput) -> None:
    """Writes the tables and the page as `output` says. A page links to the tables that have images.

    Raises:
        CommandError: The disk or standard output is full or fails: the first failure, after everything else
            was written.
    """
    failure: CommandError | None = None
    tables: list[ImageFile] = []
    for file in output.files:
        try:
            _write_file(report, output, file, tables)
        except CommandError as error:
            failure = failure or error
        else:
            tables.append(file)
    if output.table is not None:
        try:
            _write_stdout(report, output, output.table)
        except CommandError as error:
            failure = failure or error
    if failure is not None:
        raise failure


def _write_file(
    report: ImageReport, output: ImageOutput, file: ImageFile, tables: Sequence[ImageFile]
) -> None:
    written = [each for each in tables if each.format != "html"]
    # A page says that its files have everything that it lists, which is images.
    full = [each.path for each in written] if any(each.table == "images" for each in written) else []
    try:
        report.write(file.path, table=file.table, format=file.format, all_layers=output.all_layers, full=full)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandError(
            f"cannot write {str(file.path)!r}: {reason}; make room or choose another folder"
        ) from error


def _write_stdout(report: ImageReport, output: ImageOutput, table: TableName) -> None:
    with outputs.stdout_failures(), tempfile.TemporaryDirectory(prefix="layercheck-") as folder:
        sys.stdout.flush()
        path = Path(folder) / f"table.{output.format}"
        report.write(path, table=table, format=output.format, all_layers=output.all_layers)
        with path.open("rb") as opened:
            shutil.copyfileobj(opened, sys.stdout.buffer, 1 << 20)
            sys.stdout.buffer.flush()
