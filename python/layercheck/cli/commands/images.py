"""`layercheck images`: which images of these repositories can no longer be pulled."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from layercheck.cli import output as outputs
from layercheck.cli.exit_codes import CommandError, ExitCode, say
from layercheck.cli.image_output import ImageOutput, prepare, write
from layercheck.cli.image_verdicts import ATTESTATIONS, DEFAULT_FAIL_ON, ImageVerdictsType
from layercheck.cli.images_ending import exit_code, exit_code_of_dry_run, incomplete_attestations, why_nothing
from layercheck.cli.images_progress import images_display
from layercheck.cli.options import (
    DurationType,
    EndpointType,
    RateType,
    progress_style,
    quiet_options,
    rate_option,
)
from layercheck.cli.signals import InterruptHandler
from layercheck.cli.time_type import TimeType
from layercheck.images.selection import STATUSES
from layercheck.images.tables import TABLES
from layercheck.redact import one_line

if TYPE_CHECKING:
    from layercheck.images.image_checker import ImageChecker
    from layercheck.images.image_report import ImageReport

_INTERRUPTED = "interrupted: keeping what is known; Ctrl-C again leaves at once"
_EXIT_CODES = """\b
Exit codes:
    0  done, and nothing named by --fail-on occurred
    1  failed: one line says what, where and what to do
    2  wrong usage
    3  done, and something named by --fail-on occurred
    4  incomplete: images without a verdict, or a repository could not be
       checked; run it again
  130  interrupted (Ctrl-C, SIGTERM, SIGHUP); what is known was written
"""


_OPTIONS = {
    "tags=": "--tag",
    "platforms": "--platform",
    "image_rate": "--image-rate",
    "list_rate": "--list-rate",
    "require_exclusion": "--require-exclusion",
}
_KEYWORD = re.compile("|".join(rf"\b{keyword}" for keyword in _OPTIONS))


class _PaceType(RateType):
    """Calls per second, or `max`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value as `ImageChecker` accepts it."""
        if value == "quota":
            self.fail("expected calls per second, or max", param, ctx)
        return super().convert(value, param, ctx)


@click.command("images", short_help="Find images that can no longer be pulled.", epilog=_EXIT_CODES)
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="All repositories of the registry.")
@click.option("--region", metavar="REGION", help="Region of the registry.")
@click.option("--registry-id", metavar="ID", help="Account of the registry.")
@click.option("--profile", metavar="NAME", help="Profile of the AWS configuration files.")
@click.option(
    "--endpoint-url", type=EndpointType(), metavar="URL", help="An endpoint in place of the region's own."
)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out repositories with such names.")
@click.option("--tag", "tags", multiple=True, metavar="GLOB", help="Only images with such a tag.")
@click.option("--tagged/--untagged", default=None, help="Only images with, or without, a tag.")
@click.option(
    "--status",
    type=click.Choice(STATUSES),
    default="any",
    show_default=True,
    help="Only images in this state.",
)
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    metavar="OS/ARCH[/VARIANT]",
    help="Platforms of which an index must be whole; default all.",
)
@click.option(
    "--pushed-after",
    type=TimeType(),
    metavar="TIME",
    help="Only images pushed since: 2026-11-01 or 2026-11-01T12:30:00Z; UTC unless it names a zone (+01:00).",
)
@click.option(
    "--pushed-before", type=TimeType(), metavar="TIME", help="Only images pushed earlier; UTC likewise."
)
@click.option(
    "--newest", type=click.IntRange(min=1), metavar="N", help="Only the newest N of each repository."
)
@rate_option
@click.option(
    "--image-rate",
    type=_PaceType(),
    metavar="N|max",
    help="Calls of BatchGetImage per second, 100 images each. Default: 10.",
)
@click.option(
    "--list-rate",
    type=_PaceType(),
    metavar="N|max",
    help="Calls per second of each listing operation. Default: 10.",
)
@click.option(
    "--max-in-flight", type=click.IntRange(1, 1024), metavar="N", help="Layer checks at once; default 32."
)
@click.option(
    "--timeout",
    type=DurationType(may_be_zero=False),
    metavar="TIME",
    help="Stop asking after this time (90, 90s, 5m, 2h), write what is known, and end with exit code 4.",
)
@click.option(
    "--manifests",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Keep manifests in FILE, so that each image is read once in its life.",
)
@click.option(
    "--require-exclusion",
    is_flag=True,
    help="Read nothing unless this role is excluded from the pull times of images.",
)
@click.option("--no-confirm", is_flag=True, help="Do not ask GetDownloadUrlForLayer about missing layers.")
@click.option(
    "-o",
    "--output",
    metavar="FILE|FOLDER/",
    multiple=True,
    help=f"{outputs.PAGE_HELP} FOLDER/ takes all four tables.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(outputs.PAGE_FORMATS),
    help="Format of FILE; default by its suffix. Without -o, format of standard output.",
)
@click.option(
    "--table",
    type=click.Choice(TABLES),
    default="images",
    show_default=True,
    help="Which table is written. A page shows what matters of all of them.",
)
@click.option("--all-layers", is_flag=True, help="Write layers that are available too into the table layers.")
@click.option(
    "--fail-on",
    type=ImageVerdictsType(),
    metavar="LIST|none",
    default=DEFAULT_FAIL_ON,
    help="Verdicts that end with exit code 3, and attestations for images whose attestations are incomplete. "
    "Default: incomplete,unreadable.",
)
@click.option("--dry-run", is_flag=True, help="List only, and show how many calls the check would make.")
@quiet_options
def images(targets: tuple[str, ...], **options: Any) -> int:
    """Find the images of repositories that can no longer be pulled, and what they lack.

    TARGET: a repository (team/app), a pattern in quotes ('team/*'), an image URI, an ARN, or the host of a
    registry for all of it; :tag or @digest behind it chooses one image.

    ECR counts an image that is read as pulled, unless the role is excluded from pull times. --manifests keeps
    what was read, so that an image is read once.
    """
    names = _targets(targets, all_=options["all_"])
    output = prepare(
        options["output"],
        options["format_"],
        options["table"],
        all_layers=options["all_layers"],
        make_folders=not options["dry_run"],
    )
    if options["dry_run"]:
        return _dry_run(names, options)
    quiet: bool = options["quiet"]
    report: ImageReport | None = None
    failure: CommandError | None = None
    interrupted = False
    with InterruptHandler() as interrupts:
        with images_display(quiet=quiet, progress=progress_style(options)) as shown:
            interrupts.on_interrupt = lambda: shown.note(_INTERRUPTED)
            try:
                report = _check(names, options, shown)
            except KeyboardInterrupt as stop:
                interrupted = True
                report = getattr(stop, "images", None)
            except _Failed as failed:
                report, failure = failed.report, failed.failure
            interrupts.defer()
        # After a failure, only what is known of some images is worth showing.
        if report is not None and (failure is None or report.counts["not_checked"] < report.images):
            failure = _present(report, output, quiet=quiet) or failure
        if interrupts.interrupted or interrupted:
            say("interrupted: the images without a verdict are not_checked; run the same command again")
            return ExitCode.INTERRUPTED
    if failure is not None:
        raise failure
    assert report is not None  # noqa: S101 (for the type checker)
    for line in () if quiet else why_nothing(report, options):
        say(line)
    attestations = incomplete_attestations(report) if ATTESTATIONS in options["fail_on"] else None
    if attestations is not None and not quiet:
        say(str(attestations))
    return exit_code(report, options["fail_on"], attestations)


class _Failed(Exception):  # noqa: N818 (it carries the failure)
    def __init__(self, failure: CommandError, report: ImageReport | None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.report = report


def _targets(targets: tuple[str, ...], *, all_: bool) -> tuple[str, ...]:
    if all_ and targets:
        raise click.UsageError("--all is the whole registry; leave it out, or the TARGETs")
    if not all_ and not targets:
        raise click.UsageError(
            "name a TARGET such as team/app or 'team/*', or add --all for the whole registry"
        )
    return targets or ("*",)


def _keywords(options: dict[str, Any]) -> dict[str, Any]:
    """The options as keywords of `ImageChecker`."""
    same = (
        "registry_id",
        "exclude",
        "tags",
        "tagged",
        "status",
        "pushed_after",
        "pushed_before",
        "newest",
        "platforms",
        "manifests",
        "require_exclusion",
        "endpoint_url",
        "rate",
        "image_rate",
        "list_rate",
        "max_in_flight",
    )
    return {
        **{name: options[name] for name in same},
        "region_name": options["region"],
        "profile_name": options["profile"],
        "confirm": not options["no_confirm"],
    }


def _check(names: tuple[str, ...], options: dict[str, Any], shown: Any) -> ImageReport:
    from layercheck.errors import LayercheckError

    with _checker(names, options, _note=shown.note) as checker:
        try:
            return checker.check(progress=shown.on_progress, timeout_s=options["timeout"])
        except LayercheckError as error:
            # Also a parameter that the service refuses, perhaps after most images have their verdicts.
            report = getattr(error, "images", None)
            raise _Failed(CommandError(_in_options(one_line(str(error)))), report) from error


def _checker(names: tuple[str, ...], options: dict[str, Any], **more: Any) -> ImageChecker:
    """The checker of the options; options that it refuses are wrong usage."""
    from layercheck.errors import InvalidParameterError, LayercheckError
    from layercheck.images.image_checker import ImageChecker

    try:
        return ImageChecker(names, **_keywords(options), **more)
    except InvalidParameterError as error:
        raise click.UsageError(_in_options(one_line(str(error)))) from error
    except LayercheckError as error:
        raise CommandError(_in_options(one_line(str(error)))) from error


def _in_options(text: str) -> str:
    """A message of the package with this command's words in place of Python's."""
    from layercheck.cli.error_messages import in_options

    text = _KEYWORD.sub(lambda match: _OPTIONS[match[0]], text)
    return in_options(text).replace("REPOSITORY", "TARGET")


def _present(report: ImageReport, output: ImageOutput, *, quiet: bool) -> CommandError | None:
    """Write the report and show the summary; return what failed."""
    try:
        write(report, output)
        if not quiet:
            from layercheck.cli.images_summary import summary
            from layercheck.cli.numbers_table import show

            with outputs.stdout_failures():
                out = sys.stderr if output.to_stdout else sys.stdout
                show(summary(report), out)
                for number, path in enumerate(output.paths):
                    out.write(f"{'' if number else chr(10)}report: {path}\n")
    except CommandError as failure:
        return failure
    return None


def _dry_run(names: tuple[str, ...], options: dict[str, Any]) -> ExitCode:
    from layercheck.cli.images_summary import cost_table
    from layercheck.cli.numbers_table import show
    from layercheck.errors import LayercheckError, UnansweredError

    with _checker(names, options) as checker:
        try:
            cost = checker.estimate(timeout_s=options["timeout"])
        except UnansweredError as error:
            say(str(error))
            return ExitCode.INCOMPLETE
        except LayercheckError as error:
            raise CommandError(_in_options(one_line(str(error)))) from error
    with outputs.stdout_failures():
        show(cost_table(cost), sys.stdout)
    return exit_code_of_dry_run(cost)
