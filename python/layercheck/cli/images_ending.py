"""The end of `layercheck images`: why it is incomplete, why it looked at nothing, and the exit code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from layercheck.cli.exit_codes import ExitCode, say

if TYPE_CHECKING:
    from layercheck.images.image_report import ImageReport

_CHOOSING = {
    "tags": "--tag",
    "tagged": "--tagged or --untagged",
    "status": "--status",
    "pushed_after": "--pushed-after",
    "pushed_before": "--pushed-before",
}
_NOT_FOUND = "RepositoryNotFoundException"


def exit_code(report: ImageReport, fail_on: frozenset[str]) -> ExitCode:
    """The exit code for a check that was not interrupted; says on standard error why it is incomplete."""
    for error in report.errors:
        if error.state in ("denied", "failed"):
            say(f"{error.repository} could not be checked: {error.reason or error.code}")
    if not report.complete:
        say(_why_incomplete(report))
        return ExitCode.INCOMPLETE
    found = any(report.counts[word] for word in fail_on)
    return ExitCode.FOUND if found else ExitCode.DONE


def why_nothing(report: ImageReport, options: Mapping[str, Any]) -> Iterator[str]:
    """Why a check without an error looked at no image; nothing if it looked at one."""
    if report.images or report.errors or not report.complete:
        return
    many = len(report.repositories) > 1
    chosen_by = ", ".join(_CHOOSING[name] for name in _CHOOSING if options[name] not in (None, (), "any"))
    if not report.repositories and options["exclude"]:
        why = "--exclude leaves out every repository"
    elif not report.repositories:
        why = "the registry has no repositories"
    elif chosen_by:
        why = f"none passes {chosen_by}, or {'the repositories are' if many else 'the repository is'} empty"
    else:
        why = f"the {'repositories have' if many else 'repository has'} no images"
    yield f"no image was checked: {why}"


def _why_incomplete(report: ImageReport) -> str:
    counts = report.counts
    open_ = counts["undecided"] + counts["not_checked"]
    why = "the time of --timeout is up: " if report.stats.ended == "timeout" else ""
    parts = [f"{open_:,} image{' has' if open_ == 1 else 's have'} no verdict"] if open_ else []
    failed = [error for error in report.errors if error.state in ("denied", "failed", "partial")]
    absent = sum(error.code == _NOT_FOUND for error in failed)
    rest = len(failed) - absent
    were = "repository was" if rest == 1 else "repositories were"
    parts += [f"{rest:,} {were} not checked to the end"] if rest else []
    advice = ["run the same command again"] if parts or not absent else []
    if absent:
        parts.append(f"{absent:,} repositor{'y does' if absent == 1 else 'ies do'} not exist")
        their = "its name" if absent == 1 else "their names"
        advice.insert(0, f"check {their}, the region and the registry")
    return f"{why}{' and '.join(parts) or 'a listing is incomplete'}; {', then '.join(advice)}"
