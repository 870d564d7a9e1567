"""Several `-o`: one report in several files, such as a table with all rows and a page for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from layercheck.cli import output as outputs
from layercheck.cli.exit_codes import CommandError
from layercheck.cli.output import Format, Output
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    from layercheck.report import Report


@dataclass(frozen=True, slots=True)
class OutputList:
    """All destinations of one report; a single one of the format `table` if there is none.

    Attributes:
        outputs: The destinations, the tables before the pages, because a page links to the tables.
    """

    outputs: tuple[Output, ...]

    def __iter__(self) -> Iterator[Output]:
        return iter(self.outputs)

    @property
    def to_stdout(self) -> bool:
        """Whether rows or a page go to standard output, so that the summary goes to standard error."""
        return any(output.to_stdout for output in self.outputs)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return tuple(output.path for output in self.outputs if output.path is not None)

    @property
    def tables(self) -> tuple[Path, ...]:
        """The files that are not pages."""
        return tuple(
            output.path for output in self.outputs if output.path is not None and output.format != "html"
        )

    @property
    def formats(self) -> frozenset[Format]:
        """The formats."""
        return frozenset(output.format for output in self.outputs)


def prepare(
    names: Sequence[str],
    format_: Format | None,
    inputs: Sequence[str] = (),
    journal: str | None = None,
    *,
    only: frozenset[Verdict] | None = None,
    unique: bool = False,
) -> OutputList:
    """Chooses formats and destinations and tests that they work, as `output.prepare` does for one.

    Args:
        names: Every `--output`; `-` is standard output.
        format_: `--format`.
        inputs: INPUT arguments.
        journal: `--journal`.
        only: `--only`.
        unique: `--unique`.

    Raises:
        click.UsageError: If the options contradict each other.
        CommandError: If a folder or pyarrow is missing, or a folder cannot be written to.
    """
    refuse_contradictions(names, format_)
    made = [
        outputs.prepare(name, format_, inputs, journal, only=only, unique=unique, page=True)
        for name in names or (None,)
    ]
    return in_order(made)


def in_order(made: Sequence[Output]) -> OutputList:
    """The list with the tables before the pages.

    Raises:
        click.UsageError: If two of them are the same file.
    """
    paths = [output.path for output in made if output.path is not None]
    for path in paths:
        if paths.count(path) > 1:
            raise click.UsageError(f"two -o name the file {str(path)!r}; leave one of them out")
    return OutputList(tuple(sorted(made, key=lambda output: output.format == "html")))


def refuse_contradictions(names: Sequence[str], format_: Format | None) -> None:
    """Raise if several `-o` contradict each other or `--format`.

    Raises:
        click.UsageError: They do.
    """
    if len(names) > 1 and format_ is not None:
        raise click.UsageError(
            "--format is the format of one -o; leave it out, because the suffix of each FILE tells its format"
        )
    if list(names).count("-") > 1:
        raise click.UsageError("two -o name standard output; leave one of them out")


def write(report: Report, output_list: OutputList, written: list[Path] | None = None) -> None:
    """Writes the report to every destination; a page links to the tables beside it.

    Args:
        report: The report.
        output_list: Where and how.
        written: Takes the files that were written, also if another one fails.

    Raises:
        CommandError: If the disk is full or fails. A file that existed before then stays unchanged.
    """
    write_each(output_list, lambda output, tables: outputs.write(report, output, tables), written)


def write_each(
    output_list: OutputList,
    write_one: Callable[[Output, Sequence[Path]], None],
    written: list[Path] | None = None,
) -> None:
    """Calls `write_one` for every destination, with the tables that were written before it.

    Raises:
        CommandError: The first failure, after every other destination was written.
    """
    failure: CommandError | None = None
    written = [] if written is None else written
    for output in output_list:
        try:
            write_one(output, [path for path in written if path in output_list.tables])
        except CommandError as error:
            failure = failure or error
        else:
            written += [output.path] if output.path is not None else []
    if failure is not None:
        raise failure
