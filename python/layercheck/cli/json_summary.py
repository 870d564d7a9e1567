"""`--summary json`: how a check ended, as one JSON object for machines."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

from layercheck.cli import output as outputs
from layercheck.cli.check_run import CommandResult
from layercheck.cli.output_list import OutputList
from layercheck.redact import without_user


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
