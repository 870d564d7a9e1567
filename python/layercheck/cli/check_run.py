"""The run of `layercheck check`: reads the inputs, asks the service, and gives what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layercheck.cli import input_files
from layercheck.cli.error_messages import explain
from layercheck.cli.exit_codes import CommandError
from layercheck.cli.progress import Display
from layercheck.cli.resume_command import ResumeCommand
from layercheck.cli.signals import InterruptHandler
from layercheck.errors import LayercheckError

if TYPE_CHECKING:
    from layercheck.report import Report
    from layercheck.types import Progress

_INTERRUPTED = "interrupted: keeping what is known; Ctrl-C again leaves at once"


@dataclass(slots=True)
class CommandResult:
    """What a run left behind.

    Attributes:
        report: The report, perhaps of a part of the rows; None if the run did not begin.
        failure: What stopped the run, for standard error.
        interrupted: Whether a signal stopped the run.
        begun: Whether asking began.
        written: The files that the report was written to.
        notes: More lines for standard error.
    """

    report: Report | None = None
    failure: CommandError | None = None
    interrupted: bool = False
    begun: bool = False
    written: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def run(
    names: tuple[str, ...],
    target: Mapping[str, Any],
    options: Mapping[str, Any],
    resume: ResumeCommand,
    shown: Display,
    interrupts: InterruptHandler,
) -> CommandResult:
    """Reads the inputs and checks them.

    Args:
        names: What `input_files.resolve` returned.
        target: Keywords of `Checker` that say where to ask, as `target_keywords` returns them.
        options: The command's options.
        resume: The command to run next if this run ends early.
        shown: Where progress and notes go.
        interrupts: Told what to say if a signal arrives.
    """
    result = CommandResult()
    try:
        from layercheck.dispatch import Checker

        # The client comes first, so that a wrong profile or region shows before an hour of input is read.
        with Checker(**target, rate=options["rate"], max_in_flight=options["max_in_flight"]) as checker:
            journal = {
                "journal": options["journal"],
                "max_age_s": options["max_age"],
                "durability": options["durability"],
            }
            _check_journal(journal)
            reading = input_files.read_with_progress(names, options, shown)
            # Before this point no answer can be lost, and the first signal ends the command without delay.
            interrupts.on_interrupt = lambda: shown.note(_INTERRUPTED)
            result.begun = True
            result.report = checker.check(
                reading.plan,
                progress=_ProgressWithHint(resume, shown, interrupts),
                timeout_s=options["timeout"],
                **journal,
            )
    except KeyboardInterrupt as stop:
        result.interrupted = True
        result.notes += getattr(stop, "__notes__", [])
        result.report = result.report or getattr(stop, "report", None)
    except LayercheckError as error:
        result.report = error.report
        result.failure = explain(error, target)
    except CommandError as failure:
        result.failure = failure
    except Exception as error:
        if result.begun and resume.has_journal:
            error.add_note(f"layercheck: {resume.hint}")
        raise
    return result


class _ProgressWithHint:
    """The progress callback, which at its first call shows how to continue the run.

    The first call comes when the journal has taken the run. The hint must come early, because after kill -9
    the process cannot show it any more.
    """

    def __init__(self, resume: ResumeCommand, shown: Display, interrupts: InterruptHandler) -> None:
        self._resume = resume
        self._shown = shown
        self._interrupts = interrupts
        self._hint_is_due = resume.has_journal

    def __call__(self, progress: Progress) -> None:
        if self._hint_is_due:
            self._hint_is_due = False
            words = "however this run ends, the same command goes on with it"
            self._shown.note(self._resume.introduced_by(words))
            self._interrupts.exit_message = f"layercheck: left at once; {self._resume.hint}\n"
        self._shown.on_progress(progress)


def _check_journal(journal: Mapping[str, Any]) -> None:
    """Refuses a journal that cannot be used, before an hour of input is read."""
    from layercheck.journal.options import JournalOptions

    options = JournalOptions.of(journal["journal"], journal["max_age_s"], journal["durability"])
    if options is not None:
        from layercheck.journal.resume import refuse_unusable

        refuse_unusable(options)
