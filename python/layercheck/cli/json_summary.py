"""`--summary json`: how a check ended, as one JSON object for machines."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import click

from layercheck.cli import output as outputs
from layercheck.cli.check_run import CommandResult
from layercheck.cli.exit_codes import CommandError, ExitCode
from layercheck.cli.output_list import OutputList
from layercheck.redact import clean, without_user


@dataclass(slots=True)
class Known:
    """What is known of a check, at any step of it.

    Attributes:
        output: Where the rows go.
        journal: `--journal`.
        result: What the run left behind; empty before the run ended.
    """

    output: OutputList
    journal: str | None
    result: CommandResult = field(default_factory=CommandResult)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Known:
        """What the options alone say, before they are tested."""
        names, format_ = options["output"], options["format_"]
        to_stdout = "-" in names if names else format_ not in (None, "table")
        return cls(OutputList((outputs.Output("jsonl"),) if to_stdout else ()), options["journal"])


@contextmanager
def failures_as_json(known: Known) -> Iterator[None]:
    """Writes the object for a failure that ends the block; wrong usage has no object."""
    try:
        yield
    except (click.ClickException, BrokenPipeError):
        raise
    except CommandError as failure:
        _write_failure(known, failure.code, str(failure))
        raise
    except Exception as error:
        _write_failure(known, ExitCode.FAILURE, f"{type(error).__name__}: {clean(error)}")
        raise


def _write_failure(known: Known, code: ExitCode, error: str) -> None:
    # The failure itself is what the user must see, even if it cannot be written here.
    with suppress(CommandError, OSError):
        write_json(known.result, known.output, known.journal, code, error)


def write_json(
    result: CommandResult, output: OutputList, journal: str | None, code: int, error: str | None = None
) -> None:
    """Writes the object in a line, where the table would go: to standard output, unless rows go there."""
    out = sys.stderr if output.to_stdout else sys.stdout
    with nullcontext() if output.to_stdout else outputs.stdout_failures():
        out.write(outputs.json_line(_describe(result, output, journal, code, error)))


def _describe(
    result: CommandResult, output: OutputList, journal: str | None, code: int, error: str | None
) -> dict[str, Any]:
    if error is None and result.failure is not None:
        error = str(result.failure)
    report = result.report
    written = [str(path) for path in result.written]
    found: dict[str, Any] = {
        "exit_code": int(code),
        "error": error,
        "report_file": next(iter(written), None),
        "report_files": written,
        "journal_file": journal,
    }
    if report is None:
        return {**found, "ended": None, "complete": False}
    target, stats = asdict(report.target), report.stats
    if target["endpoint_url"] is not None:
        target["endpoint_url"] = without_user(target["endpoint_url"])
    return {
        **found,
        "ended": stats.ended,
        "complete": report.complete,
        "target": target,
        "rows": report.rows,
        "unique": report.plan.unique,
        "counts": report.counts,
        "unique_counts": report.unique_counts,
        "stats": {**asdict(stats), "calls_per_second": stats.calls_per_second},
        "errors": len(report.errors),
    }
