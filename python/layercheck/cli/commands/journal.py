"""`layercheck journal`: show a journal, write its report, or verify it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from layercheck.cli import output as outputs
from layercheck.cli import output_list
from layercheck.cli.exit_codes import CommandError, ExitCode
from layercheck.cli.options import lines_option, row_options
from layercheck.errors import JournalError
from layercheck.redact import one_line
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    from layercheck.journal.reader import Journal, JournalStatus

T = TypeVar("T")


@click.group("journal", short_help="Show, export or verify a journal.")
def journal() -> None:
    """Show, export or verify the journal of a run, even while the run goes on.

    Needs neither the input nor the network.
    """


@journal.command("show", short_help="Show the state of a journal.")
@click.argument("file", metavar="FILE", type=click.Path())
@lines_option
def show(file: str, format_: str) -> int:
    """Show the verdicts in the journal FILE, the times of the answers, and the process that writes to it."""
    with _open(file) as opened:
        status = _ask(opened.status)
        if format_ == "jsonl":
            sys.stdout.write(outputs.json_line(_as_dict(status)))
            return ExitCode.DONE
        from layercheck.cli.numbers_table import show as shown
        from layercheck.cli.summary import journal_summary

        shown(journal_summary(_ask(opened.report), status), sys.stdout)
    return ExitCode.DONE


@journal.command("export", short_help="Write the report of a journal.")
@click.argument("file", metavar="FILE", type=click.Path())
@click.option("-o", "--output", metavar="OUT", multiple=True, help=outputs.PAGE_HELP)
@row_options
@click.option(
    "--format",
    "format_",
    type=click.Choice([name for name in outputs.PAGE_FORMATS if name != "table"]),
    help="Format of OUT; default by its suffix. Without -o, format of standard output, default jsonl.",
)
def export(
    file: str,
    output: tuple[str, ...],
    format_: outputs.Format | None,
    only: frozenset[Verdict] | None,
    unique: bool,
) -> int:
    """Write the report of the journal FILE. Digests that were not asked yet are not_checked."""
    target = output_list.prepare(output or ("-",), format_, journal=file, only=only, unique=unique)
    with _open(file) as opened:
        report = _ask(opened.report)
    output_list.write(report, target)
    return ExitCode.DONE if report.complete else ExitCode.INCOMPLETE


@journal.command("verify", short_help="Check a journal for damage.")
@click.argument("file", metavar="FILE", type=click.Path())
def verify(file: str) -> int:
    """Check every byte of the journal FILE: the database, the plan, and each batch of verdicts."""
    with _open(file) as opened:
        problems = opened.verify()
    with outputs.stdout_failures():
        sys.stdout.writelines(f"{one_line(problem)}\n" for problem in problems or [f"{file}: sound"])
    if problems:
        raise CommandError(f"{file}: the journal is damaged; see above")
    return ExitCode.DONE


def _open(file: str) -> Journal:
    from layercheck.journal.reader import Journal

    return _ask(lambda: Journal(file))


def _ask(question: Callable[[], T]) -> T:
    try:
        return question()
    except JournalError as error:
        raise CommandError(str(error)) from error


def _as_dict(status: JournalStatus) -> dict[str, Any]:
    target, owner = status.target, status.owner
    times = {
        name: None if at is None else at.isoformat(timespec="seconds")
        for name, at in (
            ("created_at", status.created_at),
            ("first_answer_at", status.first_answer_at),
            ("last_answer_at", status.last_answer_at),
        )
    }
    return {
        "path": str(status.path),
        "repository_name": target.repository_name,
        "registry_id": target.registry_id,
        "region_name": target.region_name,
        "endpoint_url": target.endpoint_url,
        "public": target.public,
        "rows": status.rows,
        "unique": status.unique,
        "settled": status.settled,
        "complete": status.complete,
        "counts": status.counts,
        "batches": status.batches,
        **times,
        "created_by": status.created_by,
        "runs": [
            {
                "started_at": run.started_at.isoformat(timespec="seconds"),
                "written_at": run.written_at.isoformat(timespec="seconds"),
                "ended": run.ended,
                "calls": run.stats.calls,
                "requests": run.stats.requests,
                "throttles": run.stats.throttles,
                "errors": len(run.errors),
            }
            for run in status.runs
        ],
        "owner": None
        if owner is None
        else {"pid": owner.pid, "host": owner.host, "started_at": owner.started_at},
    }
