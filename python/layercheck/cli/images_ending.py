"""The end of `layercheck images`: why it is incomplete, why it looked at nothing, and the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from layercheck.aws.error_codes import BATCH, PARAMETER_EXCEPTIONS
from layercheck.cli.exit_codes import ExitCode, say

if TYPE_CHECKING:
    from layercheck.errors import LayercheckError
    from layercheck.images.estimate import ImageCost
    from layercheck.images.image_report import ImageReport, RepositoryError

_CHOOSING = {
    "tags": "--tag",
    "tagged": "--tagged or --untagged",
    "status": "--status",
    "pushed_after": "--pushed-after",
    "pushed_before": "--pushed-before",
}
_IN_A_ROW = 4_096
_NOT_FOUND = "RepositoryNotFoundException"
_NO_SUCH_IMAGE = "RepositoryNotFoundError"
_REFUSED = BATCH | {*PARAMETER_EXCEPTIONS, "InvalidParameterError"}


def exit_code(report: ImageReport, fail_on: frozenset[str], attestations: Attestations | None) -> ExitCode:
    """The exit code for a check that was not interrupted; says on standard error why it is incomplete."""
    for error in report.errors:
        _say_why(error, report.repository(error.repository).error)
    if not report.complete:
        say(_why_incomplete(report))
        return ExitCode.INCOMPLETE
    found = attestations is not None or any(report.counts.get(word) for word in fail_on)
    return ExitCode.FOUND if found else ExitCode.DONE


class Attestations(NamedTuple):
    """The images whose attestations are incomplete.

    Attributes:
        images: How many.
        first: Repository and tag, or digest, of the first.
    """

    images: int
    first: str

    def __str__(self) -> str:
        has = "image has" if self.images == 1 else "images have"
        return (
            f"{self.images:,} {has} attestations that are incomplete; first: {self.first} "
            "(column attestations_incomplete of --table images)"
        )


def incomplete_attestations(report: ImageReport) -> Attestations | None:
    """The images whose attestations are incomplete, which no verdict says; None without any."""
    images, first = 0, ""
    for repository in report.repositories:
        table = repository.table("images")
        for start in range(0, len(table), _IN_A_ROW):
            for line in table.lines(start, start + _IN_A_ROW):
                if line["attestations_incomplete"]:
                    images += 1
                    first = first or f"{line['repository']} {(line['tags'] or [line['digest']])[0]}"
    return Attestations(images, first) if images else None


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


def exit_code_of_dry_run(cost: ImageCost) -> ExitCode:
    """The exit code for a dry run; says on standard error which repositories are not in it."""
    for error in cost.errors:
        _say_why(error)
    parts, advice = _failed(cost.errors)
    if not parts:
        return ExitCode.DONE
    say(_sentence(parts, advice))
    return ExitCode.INCOMPLETE


def _say_why(error: RepositoryError, raised: LayercheckError | None = None) -> None:
    """Say why a repository could not be checked."""
    if error.state not in ("denied", "failed"):
        return
    if error.code == _NO_SUCH_IMAGE:
        say(error.reason)
        return
    why = error.reason or error.code
    if error.state == "denied" and raised is not None and raised.advice:
        why = f"{why.rstrip('.')}; {raised.advice}"
    say(f"{error.repository} could not be checked: {why}")


def _why_incomplete(report: ImageReport) -> str:
    open_ = _open(report.counts)
    parts = [f"{open_:,} image{' has' if open_ == 1 else 's have'} no verdict"] if open_ else []
    listed_in_part = any(
        each.state == "done" and not each.complete and not _open(each.counts) for each in report.repositories
    )
    parts += ["a listing is incomplete"] if listed_in_part else []
    failed, advice = _failed(report.errors)
    parts += failed
    # Those of a repository that is denied, for instance, have none when they are asked for again.
    hopeless = {error.repository for error in report.errors if _kind(error) in _FINAL}
    others = (each.counts for each in report.repositories if each.repository_name not in hopeless)
    if (listed_in_part or not parts or any(map(_open, others))) and _AGAIN not in advice:
        advice.append(_AGAIN)
    why = "the time of --timeout is up: " if report.stats.ended == "timeout" else ""
    return why + _sentence(parts or ["the check ended first"], advice)


def _open(counts: Mapping[str, int]) -> int:
    """Images without a verdict."""
    return counts["undecided"] + counts["not_checked"]


_AGAIN = "run the same command again"
_FINAL = ("absent", "no image", "denied", "refused")


def _failed(errors: Iterable[RepositoryError]) -> tuple[list[str], list[str]]:
    """What happened to the repositories that could not be checked, and what to do about it."""
    kinds = Counter(_kind(error) for error in errors)
    parts, advice = [], []
    if number := kinds["open"]:
        were = "repository was" if number == 1 else "repositories were"
        parts.append(f"{number:,} {were} not checked to the end")
    if number := kinds["denied"]:
        parts.append(f"access to {_repositories(number)} was denied")
        advice.append("allow what was denied")
    if number := kinds["refused"]:
        # What the service said about it is on a line above, and asking again does not change it.
        parts.append(f"the service refused to check {_repositories(number)}")
    if number := kinds["absent"]:
        parts.append(f"{_repositories(number)} do{'es' if number == 1 else ''} not exist")
        advice.append(f"check {'its name' if number == 1 else 'their names'}, the region and the registry")
    if number := kinds["no image"]:
        parts.append(
            f"{_repositories(number)} do{'es' if number == 1 else ''} not have an image that is named"
        )
        advice.append("check the tags and digests")
    if kinds["open"]:
        advice.append(_AGAIN)
    return parts, advice


def _kind(error: RepositoryError) -> str:
    """What a failure means for who runs the command: only an `open` one may pass."""
    if error.state == "gone":
        return "gone"
    if error.state == "denied":
        return "denied"
    if error.code == _NOT_FOUND:
        return "absent"
    if error.code == _NO_SUCH_IMAGE:
        return "no image"
    return "refused" if error.code in _REFUSED else "open"


def _repositories(number: int) -> str:
    return f"{number:,} repositor{'y' if number == 1 else 'ies'}"


def _sentence(parts: Sequence[str], advice: Sequence[str]) -> str:
    said = " and ".join(parts)
    return f"{said}; {', then '.join(advice)}" if advice else said
