"""`layercheck diff`: which digests changed their verdict between two audits."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from layercheck.cli import output as outputs
from layercheck.cli.exits import CommandError, ExitCode, visible
from layercheck.errors import JournalError

if TYPE_CHECKING:
    from layercheck.journal.diff import Changes
    from layercheck.types import Target

_NOTES = {
    "vanished": "was there, is not any more",
    "appeared": "was not there, is now",
    "archived": "was readable, is archived now",
    "restored": "was archived, is readable now",
    "changed": "another verdict otherwise",
    "same": "the same verdict",
    "unknown": "no final verdict in one of the two",
    "added": "only in the second input",
    "removed": "only in the first input",
}
_EXAMPLES = 5
_EXIT_CODES = """\b
Exit codes:
    0  nothing vanished
    1  failed: one line says what, where and what to do
    2  wrong usage
    3  something vanished
"""


@click.command("diff", short_help="What changed between two audits.", epilog=_EXIT_CODES)
@click.argument("before", metavar="A", type=click.Path())
@click.argument("after", metavar="B", type=click.Path())
@click.option("-o", "--output", metavar="FILE", help="Write the changed digests here: .jsonl, .parquet.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "jsonl", "parquet"]),
    help="Format of FILE, by default as its suffix says; without -o, table or jsonl on standard output.",
)
def diff(before: str, after: str, output: str | None, format_: outputs.Format | None) -> int:
    """Tell which digests changed their verdict from A to B.

    A, B: journals, or reports written as Parquet, Arrow, CSV or JSON Lines.
    """
    if output is None and format_ == "parquet":
        raise click.UsageError("Parquet goes to a file; add -o FILE.parquet")
    target = outputs.prepare(output, format_, [before, after])
    if target.path is not None and target.format not in ("jsonl", "parquet"):
        raise click.UsageError(f"changes are written as jsonl or parquet, not {target.format}")
    changes = _compared(before, after)
    _warn_of_targets(changes)
    if target.path is not None:
        try:
            changes.write(target.path, format=target.format)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CommandError(
                f"cannot write {str(target.path)!r}: {reason}; make room or choose another"
            ) from error
    if target.to_stdout:
        sys.stdout.writelines(json.dumps(line._asdict()) + "\n" for line in changes.lines())
    else:
        _show(changes)
    return ExitCode.FOUND if changes.counts["vanished"] else ExitCode.DONE


def _compared(before: str, after: str) -> Changes:
    from layercheck.journal.diff import diff as compare

    try:
        return compare(before, after)
    except (JournalError, ImportError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"cannot read a report: {error}") from error
    except ValueError as error:
        raise CommandError(f"cannot compare: {error}; give journals or written reports") from error


def _warn_of_targets(changes: Changes) -> None:
    first, second = changes.targets
    if first is not None and second is not None and first != second:
        places = " and ".join(visible(_place(each)) for each in (first, second))
        sys.stderr.write(f"layercheck: two places are compared: {places}\n")


def _place(target: Target) -> str:
    return f"{target.repository_name} at {target.endpoint_url or target.region_name}"


def _show(changes: Changes) -> None:
    from rich.console import Group, RenderableType
    from rich.text import Text

    from layercheck.cli.table import numbers_table, show
    from layercheck.journal.diff import TOLD

    counts = changes.counts
    table = numbers_table("change", "digests")
    table.add_column("", style="dim", overflow="fold")
    for change, number in counts.items():
        if number or change in TOLD[:2]:
            table.add_row(change, f"{number:,}", _NOTES[change])
    lines: list[RenderableType] = [table]
    vanished = changes.digests("vanished")[:_EXAMPLES]
    if vanished:
        lines.append(Text(f"\nvanished, {len(vanished)} of {counts['vanished']:,}", style="bold"))
        lines += [Text(digest) for digest in vanished]
    show(Group(*lines), sys.stdout)
