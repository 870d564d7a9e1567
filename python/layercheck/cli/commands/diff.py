"""`layercheck diff`: which digests changed their verdict between two audits."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from layercheck.cli import input_files, output_list
from layercheck.cli import output as outputs
from layercheck.cli.exit_codes import CommandError, ExitCode, say
from layercheck.comparison.kinds_of_change import CHANGE_NOTES, LISTED, WRITTEN
from layercheck.errors import JournalError
from layercheck.file_formats import compressed_suffix, report_format
from layercheck.redact import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from layercheck.comparison.changes import Changes
    from layercheck.types import Target

_STYLES = {
    "same": "green",
    "vanished": "red",
    "appeared": "blue",
    "archived": "yellow",
    "restored": "cyan",
    "changed": "magenta",
    "added": "bright_green",
    "removed": "bright_red",
    "unknown": "dim",
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
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    multiple=True,
    help="Write the changed digests here: .jsonl, .parquet, .html (a page for people). Several -o write "
    "several files.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "jsonl", "parquet", "html"]),
    help="Format of FILE; default by its suffix. Without -o, table or jsonl on standard output.",
)
def diff(before: str, after: str, output: tuple[str, ...], format_: outputs.Format | None) -> int:
    """Show which digests changed their verdict from A, the earlier audit, to B.

    A, B: journals, or reports in Parquet, Arrow, CSV or JSON Lines. CSV and JSON Lines may be gzip or zstd.
    - is standard input.
    """
    if set(output) <= {"-"} and format_ == "parquet":
        raise click.UsageError("Parquet goes to a file; add -o FILE.parquet")
    if "-" in (before, after) and sys.stdin is None:
        raise CommandError("standard input is closed; name a file for A and for B")
    names = [visible("standard input" if each == "-" else each) for each in (before, after)]
    before, after = ("/dev/stdin" if each == "-" else each for each in (before, after))
    for each in (before, after):
        if "://" in each and not Path(each).exists():
            raise CommandError(f"{input_files.named(each)} is a URL; download the file, and name that")
    for name in output:
        if name != "-" and format_ is None and report_format(name) is None:
            raise click.UsageError(
                f"-o {name}: the suffix does not name a format; end the name with .jsonl, .parquet or .html, "
                "or add --format"
            )
    targets = output_list.prepare(output, format_, [each for each in (before, after) if Path(each).exists()])
    for target in targets:
        compressed = target.path is not None and compressed_suffix(target.path)
        if target.path is not None and (target.format not in WRITTEN or compressed):
            what = f"{'compressed ' if compressed else ''}{target.format}"
            raise click.UsageError(f"changes are written as jsonl, parquet or html, not {what}")
    changes = _compared(before, after)
    for warning in _warnings(changes, (before, after), names):
        say(warning)
    output_list.write_each(
        targets, lambda target, tables: _write(changes, target, tables, (names[0], names[1]))
    )
    if not targets.to_stdout:
        with outputs.stdout_failures():
            _show(changes, names)
    return ExitCode.FOUND if changes.counts["vanished"] else ExitCode.DONE


def _write(changes: Changes, target: outputs.Output, tables: Sequence[Path], names: tuple[str, str]) -> None:
    if target.path is not None:
        try:
            changes.write(target.path, format=target.format, full=tables, names=names)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CommandError(
                f"cannot write {str(target.path)!r}: {reason}; make room or choose another folder"
            ) from error
    elif target.to_stdout:
        with outputs.stdout_failures():
            if target.format == "html":
                from layercheck.comparison.page import page_of
                from layercheck.page.render import html

                sys.stdout.write(html(page_of(changes, names=names)))
            else:
                from layercheck.comparison.changes import as_json

                sys.stdout.writelines(map(as_json, changes.lines()))


def _compared(before: str, after: str) -> Changes:
    from layercheck.comparison.changes import diff as compare

    try:
        return compare(before, after)
    except (JournalError, ImportError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        if error.filename is None:
            raise CommandError(f"cannot read: {error}") from error
        reason = (error.strerror or str(error)).lower()
        raise CommandError(
            f"cannot read {error.filename!r}: {reason}; give two journals or written reports"
        ) from error
    except ValueError as error:
        raise CommandError(f"cannot compare: {error}") from error


def _warnings(changes: Changes, paths: tuple[str, str], names: list[str]) -> Iterator[str]:
    """Reasons why the numbers may mean less than they seem to."""
    first, second = changes.targets
    if first is not None and second is not None and first != second:
        places = " and ".join(visible(_place(each)) for each in (first, second))
        yield f"two places are compared: {places}"
    if Path(paths[0]).exists() and Path(paths[0]).samefile(paths[1]):
        yield "A and B are the same file, so nothing can have changed"
    sizes = changes.sizes
    if all(sizes) and sum(sizes) == changes.plan.unique:
        yield "A and B have no digest in common: are they audits of the same digests?"
    for path, name, size, open_, target in zip(
        paths, names, sizes, changes.unsettled, changes.targets, strict=True
    ):
        if open_:
            advice = _advice(path) if target is not None else "it is the report of an incomplete run"
            yield f"{name}: {open_:,} of {size:,} digests without a final verdict, not compared; {advice}"


def _advice(path: str) -> str:
    from layercheck.journal.lock import owner_of

    owner = owner_of(Path(path).resolve())
    if owner is not None:
        return f"its run goes on: {visible(str(owner))}"
    return "the run is not complete: the command that began it, with this --journal, goes on with it"


def _place(target: Target) -> str:
    return f"{target.repository_name} at {target.endpoint_url or target.region_name}"


def _show(changes: Changes, names: list[str]) -> None:
    from rich.console import Group, RenderableType
    from rich.table import Table
    from rich.text import Text

    from layercheck.cli.numbers_table import numbers_table, show
    from layercheck.cli.verdict_bar import VerdictBar

    audits = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    for letter, name, size in zip("AB", names, changes.sizes, strict=True):
        audits.add_row(letter, Text(name, overflow="fold"), f"{size:,} digest{'' if size == 1 else 's'}")
    counts = changes.counts
    table = numbers_table("change", "digests")
    table.add_column("", style="dim", overflow="fold")
    for change, number in counts.items():
        if number or change in LISTED[:2]:
            table.add_row(change, f"{number:,}", CHANGE_NOTES[change])
    lines: list[RenderableType] = [audits, Text(), VerdictBar(counts, _STYLES), table]
    vanished = [line.digest for line in islice(changes.lines(("vanished",)), _EXAMPLES)]
    if vanished:
        lines.append(Text(f"\nvanished, {len(vanished)} of {counts['vanished']:,}", style="bold"))
        lines += [Text(digest, no_wrap=True, overflow="ignore") for digest in vanished]
        if len(vanished) < counts["vanished"]:
            lines.append(Text("all of them: --format jsonl, or -o FILE", style="dim"))
    show(Group(*lines), sys.stdout)
