"""Where `layercheck images` writes its tables: standard output, one file, or a folder with all four."""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from layercheck.cli import output as outputs
from layercheck.cli.exit_codes import CommandError
from layercheck.images.tables import TABLES, TableName

if TYPE_CHECKING:
    from layercheck.images.image_report import ImageReport


@dataclass(frozen=True, slots=True)
class ImageOutput:
    """Destination, format and table.

    Attributes:
        format: The format; `table` means the summary and no table.
        files: The file of each table that is written to one.
        table: The table on standard output; None for none.
        all_layers: Write layers that are available too.
    """

    format: outputs.Format
    files: tuple[tuple[TableName, Path], ...]
    table: TableName | None
    all_layers: bool

    @property
    def to_stdout(self) -> bool:
        """Whether a table goes to standard output, so that the summary goes to standard error."""
        return self.table is not None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return tuple(path for _, path in self.files)


def prepare(
    output: str | None, format_: outputs.Format | None, table: TableName, *, all_layers: bool
) -> ImageOutput:
    """Chooses format and destination and tests that they work, before anything is asked.

    Args:
        output: `--output`; `-` is standard output; a folder, or a name with `/` at its end, takes all tables.
        format_: `--format`.
        table: `--table`.
        all_layers: `--all-layers`.

    Raises:
        click.UsageError: The options contradict each other.
        CommandError: The folder or pyarrow is missing, or the folder cannot be written to.
    """
    if output is not None and output != "-" and (output.endswith("/") or Path(output).is_dir()):
        chosen = format_ or "parquet"
        if chosen == "table":
            raise click.UsageError(
                "--format table is the summary itself; -o takes jsonl, csv, parquet or arrow"
            )
        folder = Path(output)
        if not folder.is_dir():
            raise CommandError(f"-o {output!r}: the folder does not exist; make it first: mkdir -p {output}")
        files = []
        for name in TABLES:
            prepared = outputs.prepare(str(folder / f"{name}.{chosen}"), chosen)
            assert prepared.path is not None  # noqa: S101 (for the type checker)
            files.append((name, prepared.path))
        return ImageOutput(chosen, tuple(files), None, all_layers)
    one = outputs.prepare(output, format_)
    if one.path is not None:
        return ImageOutput(one.format, ((table, one.path),), None, all_layers)
    return ImageOutput(one.format, (), table if one.to_stdout else None, all_layers)


def write(report: ImageReport, output: ImageOutput) -> None:
    """Writes the tables as `output` says.

    Raises:
        CommandError: The disk or standard output is full or fails.
    """
    for name, path in output.files:
        try:
            report.write(path, table=name, format=output.format, all_layers=output.all_layers)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CommandError(
                f"cannot write {str(path)!r}: {reason}; make room or choose another folder"
            ) from error
    if output.table is None:
        return
    with outputs.stdout_failures(), tempfile.TemporaryDirectory(prefix="layercheck-") as folder:
        sys.stdout.flush()
        path = Path(folder) / f"table.{output.format}"
        report.write(path, table=output.table, format=output.format, all_layers=output.all_layers)
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
            sys.stdout.buffer.flush()
