"""The end of `layercheck check`: writes the report, shows the summary, and chooses the exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from layercheck.cli import output as outputs
from layercheck.cli import output_list
from layercheck.cli.check_run import CommandResult
from layercheck.cli.exit_codes import CommandError, ExitCode, say
from layercheck.cli.resume_command import ResumeCommand
from layercheck.redact import visible
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    from layercheck.report import Report

_INCOMPLETE = {
    "timeout": "the time of --timeout is up",
    "stalled": "the service stopped answering",
}
"""Why a run ended before it had asked for all digests."""


def load_for_the_end(output: output_list.OutputList) -> None:
    """Loads what `present` needs, before the run: at its end there may be no descriptor or memory for it."""
    import layercheck.cli.summary
    import layercheck.dispatch.schedule.ending

    if "parquet" in output.formats:
        import pyarrow.parquet
    if "arrow" in output.formats:
        import pyarrow.ipc  # noqa: F401
    if "html" in output.formats:
        import layercheck.page.render
        import layercheck.report.page

        layercheck.page.render.load()


def present(
    result: CommandResult, output: output_list.OutputList, resume: ResumeCommand, *, quiet: bool
) -> ExitCode:
    """Writes the report of a run and says how the run ended.

    Returns:
        `DONE`, `INCOMPLETE` or `INTERRUPTED`. The caller compares the verdicts with `--fail-on`.

    Raises:
        CommandError: What stopped the run, or why the report cannot be written.
    """
    report = result.report
    failure = result.failure
    if report is not None and (failure is None or _has_answers(report)):
        try:
            output_list.write(report, output, result.written)
        except CommandError as cannot_write:
            failure = failure or cannot_write
        if not quiet:
            try:
                _show_summary(report, output, result)
            except CommandError as cannot_write:
                failure = failure or cannot_write
            if report.rows and report.hint is not None and report.hint != report.plan.hint:
                say(report.hint)  # the hint of the plan was said before the first call
    for note in result.notes:
        say(note)
    if result.interrupted:
        if failure is not None:
            say(str(failure))
        _say_interrupted(report, resume)
        return ExitCode.INTERRUPTED
    if failure is not None:
        # The hint is for a run that failed after its first answers. What was wrong from the start would
        # fail again in the same way.
        can_continue = resume.has_journal and report is not None and _has_answers(report)
        if can_continue or failure.code == ExitCode.INCOMPLETE:
            failure.add_note(f"layercheck: {resume.hint}")
        raise failure
    if report is not None and not report.complete:
        say(resume.hint_after(report, _INCOMPLETE.get(report.stats.ended, "incomplete")))
        return ExitCode.INCOMPLETE
    return ExitCode.DONE


def _say_interrupted(report: Report | None, resume: ResumeCommand) -> None:
    if report is not None:
        say(resume.hint_after(report, "interrupted"))
    elif resume.has_journal:
        say(f"interrupted before anything was asked; {resume.hint}")
    else:
        say("interrupted before anything was asked")


def _has_answers(report: Report) -> bool:
    """Whether an answer came in; a report without one only repeats the input."""
    answers = (Verdict.AVAILABLE, Verdict.UNAVAILABLE, Verdict.ARCHIVED, Verdict.REFUSED, Verdict.OTHER)
    return any(report.unique_counts.get(verdict.label) for verdict in answers)


def _show_summary(report: Report, output: output_list.OutputList, result: CommandResult) -> None:
    from layercheck.cli.numbers_table import show
    from layercheck.cli.summary import summary

    with outputs.stdout_failures():
        out = sys.stderr if output.to_stdout else sys.stdout
        show(summary(report, interrupted=result.interrupted), out)
        for number, path in enumerate(result.written):
            out.write(f"{'' if number else chr(10)}report: {visible(str(path))}\n")
