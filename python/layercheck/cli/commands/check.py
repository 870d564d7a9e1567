"""`layercheck check`: reads, asks, shows, writes, and says by its exit code what it found."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from layercheck.cli import input_files
from layercheck.cli import output as outputs
from layercheck.cli.commands import plan as offline
from layercheck.cli.error_messages import explain
from layercheck.cli.exit_codes import DEFAULT_FAIL_ON, CommandError, ExitCode, say
from layercheck.cli.options import (
    FailOnType,
    input_options,
    journal_options,
    pace_options,
    quiet_options,
    shape_of,
    target_options,
)
from layercheck.cli.progress import Display, display
from layercheck.cli.resume_command import Again
from layercheck.cli.signals import Interrupts
from layercheck.cli.target import target_keywords
from layercheck.errors import LayercheckError
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    from layercheck.report import Report
    from layercheck.types import Progress

_STOPPING = "interrupted: keeping what is known; Ctrl-C again leaves at once"

_INCOMPLETE = {
    "timeout": "the time of --timeout is up",
    "stalled": "the service stopped answering",
}
"""Why a run ended before all was asked."""


@dataclass(slots=True)
class Outcome:
    """How a run ended: a report (perhaps of a part), a failure, or both; and whether it had begun."""

    report: Report | None = None
    failure: CommandError | None = None
    interrupted: bool = False
    begun: bool = False
    notes: list[str] = field(default_factory=list)


_EXIT_CODES = """\b
Exit codes:
    0  done, nothing named by --fail-on
    1  failed: one line says what, where and what to do
    2  wrong usage
    3  done, and a verdict named by --fail-on occurred
    4  incomplete: some digests got no answer, or the journal could not be written; run it again
  130  interrupted (Ctrl-C, SIGTERM, SIGHUP); what is known was written
"""


@click.command("check", short_help="Check which digests are in a repository.", epilog=_EXIT_CODES)
@click.argument("repository", metavar="REPOSITORY")
@input_options
@target_options
@pace_options
@journal_options
@click.option("-o", "--output", metavar="FILE", help="Write the report here: .jsonl, .csv, .parquet, .arrow.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(outputs.FORMATS),
    help="Format of FILE, by default as its suffix says; without -o, of the rows on standard output.",
)
@click.option(
    "--fail-on",
    type=FailOnType(),
    metavar="LIST|none",
    default=DEFAULT_FAIL_ON,
    help="Verdicts that end with exit code 3. Default: unavailable,archived,refused,other,invalid.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be asked: no credentials, no network.")
@quiet_options
def check(repository: str, inputs: tuple[str, ...], **options: Any) -> int:
    """Check which layer digests are in REPOSITORY.

    REPOSITORY: a name (team/app), an image URI (<account>.dkr.ecr.<region>.amazonaws.com/team/app,
    public.ecr.aws/<alias>/<name>) or an ARN.

    INPUT: text files with one digest per line, CSV or JSON Lines, plain, gzip or zstd, or Parquet; - (the
    default) is standard input. In text, blank lines and lines that start with # are skipped.
    """
    if options["max_age"] is not None and options["journal"] is None:
        raise click.UsageError("--max-age is the age of answers in a journal; add --journal FILE")
    target = target_keywords(repository, inputs, options)
    options["shape"] = shape_of(options)
    names = input_files.resolve(inputs)
    output = outputs.prepare(options["output"], options["format_"], names, options["journal"])
    quiet: bool = options["quiet"]
    if options["dry_run"]:
        return _dry_run(names, target, output, options)
    again = Again.of(names, options["journal"])
    with Interrupts() as interrupts:
        with display(quiet=quiet, no_progress=options["no_progress"]) as shown:
            outcome = _run(names, target, options, again, shown, interrupts)
            # From here on the answers exist only in memory: the first Ctrl-C must not throw them away.
            interrupts.hold()
        code = _present(outcome, output, again, quiet=quiet)
        if interrupts.interrupted:
            return ExitCode.INTERRUPTED
    if code != ExitCode.DONE or outcome.report is None:
        return code
    found = any(outcome.report.counts.get(verdict.label) for verdict in options["fail_on"])
    return ExitCode.FOUND if found else ExitCode.DONE


def _dry_run(
    names: tuple[str, ...], target: dict[str, Any], output: outputs.Output, options: dict[str, Any]
) -> ExitCode:
    with display(quiet=options["quiet"], no_progress=options["no_progress"]) as shown:
        shown.reading(input_files.total_bytes(names))
        reading = input_files.read_plan(
            names,
            shape=options["shape"],
            strict=options["strict"],
            batch_size=options["batch_size"],
            on_bytes=shown.on_bytes,
        )
        for note in reading.notes:
            shown.note(note)
        shown.note(f"dry run: nothing is sent to {target['repository_name']}")
    machine = output.format == "jsonl" and output.path is None
    offline.show(
        reading.plan,
        registry="public" if target["public"] else "private",
        format_="jsonl" if machine else "table",
    )
    return ExitCode.DONE


def _run(
    names: tuple[str, ...],
    target: dict[str, Any],
    options: dict[str, Any],
    again: Again,
    shown: Display,
    interrupts: Interrupts,
) -> Outcome:
    outcome = Outcome()
    try:
        from layercheck.dispatch import Checker

        name = target["repository_name"]
        keywords = {key: value for key, value in target.items() if key != "repository_name"}
        # The client first: a wrong profile or region shows before an hour of input is read.
        with Checker(
            name, rate=options["rate"], max_in_flight=options["max_in_flight"], **keywords
        ) as checker:
            kept = {"journal": options["journal"], "max_age_s": options["max_age"]}
            kept["durability"] = options["durability"]
            _look_at_journal(kept)
            shown.reading(input_files.total_bytes(names))
            reading = input_files.read_plan(
                names,
                shape=options["shape"],
                strict=options["strict"],
                batch_size=options["batch_size"],
                on_bytes=shown.on_bytes,
            )
            for note in reading.notes:
                shown.note(note)
            # Until here there is nothing to keep, and nothing to wait for.
            interrupts.announce = lambda: shown.note(_STOPPING)
            outcome.begun = True
            outcome.report = checker.check(
                reading.plan,
                progress=_Introduction(again, shown, interrupts),
                timeout_s=options["timeout"],
                **kept,
            )
    except KeyboardInterrupt as stop:
        outcome.interrupted = True
        outcome.notes += getattr(stop, "__notes__", [])
        outcome.report = outcome.report or getattr(stop, "report", None)
    except LayercheckError as error:
        outcome.report = error.report
        outcome.failure = explain(error, target)
    except CommandError as failure:
        outcome.failure = failure
    except Exception as error:
        if outcome.begun and again.has_journal:
            error.add_note(f"layercheck: {again.introduced}")
        raise
    return outcome


class _Introduction:
    """The callback for progress, which first says how to go on: as soon as the journal has taken the run.

    After kill -9 nobody says it any more.
    """

    def __init__(self, again: Again, shown: Display, interrupts: Interrupts) -> None:
        self._again = again
        self._shown = shown
        self._interrupts = interrupts
        self._is_due = again.has_journal

    def __call__(self, progress: Progress) -> None:
        if self._is_due:
            self._is_due = False
            words = "however this run ends, the same command goes on with it"
            self._shown.note(self._again.introduce(words))
            self._interrupts.last_words = f"layercheck: left at once; {self._again.introduced}\n"
        self._shown.on_progress(progress)


def _look_at_journal(kept: dict[str, Any]) -> None:
    """Refuse a journal that cannot be used before an hour of input is read."""
    from layercheck.journal.options import JournalOptions

    options = JournalOptions.of(kept["journal"], kept["max_age_s"], kept["durability"])
    if options is not None:
        from layercheck.journal.resume import look

        look(options)


def _present(outcome: Outcome, output: outputs.Output, again: Again, *, quiet: bool) -> ExitCode:
    """Writes what is known and says how it ended; the verdicts themselves are the caller's to judge."""
    report = outcome.report
    failure = outcome.failure
    if report is not None and (failure is None or _knows_anything(report)):
        try:
            outputs.write(report, output)
        except BrokenPipeError:
            outputs.abandon_stdout()
        except CommandError as cannot_write:
            failure = failure or cannot_write
        if not quiet:
            _show(report, output, interrupted=outcome.interrupted)
    for note in outcome.notes:
        say(note)
    if outcome.interrupted:
        if failure is not None:
            say(str(failure))
        _say_interrupted(report, again)
        return ExitCode.INTERRUPTED
    if failure is not None:
        # In mid-run, that is; what was wrong from the start will not go by asking again.
        resumable = again.has_journal and report is not None and _knows_anything(report)
        if resumable or failure.code == ExitCode.INCOMPLETE:
            failure.add_note(f"layercheck: {again.introduced}")
        raise failure
    if report is not None and not report.complete:
        say(again.after(report, _INCOMPLETE.get(report.stats.ended, "incomplete")))
        return ExitCode.INCOMPLETE
    return ExitCode.DONE


def _say_interrupted(report: Report | None, again: Again) -> None:
    if report is not None:
        say(again.after(report, "interrupted"))
    elif again.has_journal:
        say(f"interrupted before anything was asked; {again.introduced}")
    else:
        say("interrupted before anything was asked")


def _knows_anything(report: Report) -> bool:
    """Whether a single answer came in; without one a report would only repeat the input."""
    known = (Verdict.AVAILABLE, Verdict.UNAVAILABLE, Verdict.ARCHIVED, Verdict.REFUSED, Verdict.OTHER)
    return any(report.unique_counts.get(verdict.label) for verdict in known)


def _show(report: Report, output: outputs.Output, *, interrupted: bool) -> None:
    from layercheck.cli.summary import show, summary

    out = sys.stderr if output.to_stdout else sys.stdout
    try:
        show(summary(report, interrupted=interrupted), out)
        if output.path is not None:
            out.write(f"\nreport: {output.path}\n")
    except BrokenPipeError:
        if not output.to_stdout:
            outputs.abandon_stdout()
