"""Options that several commands share, in one place so that they read the same everywhere."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from layercheck.aws.service_quotas import DEFAULT_SHARE, QUOTAS
from layercheck.cli.exit_codes import parse_fail_on
from layercheck.cli.input_files import Shape
from layercheck.file_formats import INPUT_FORMATS
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    # Not generic before click 8.5.
    ParamType = click.ParamType

F = TypeVar("F", bound=Callable[..., Any])


class RateType(ParamType):
    """Calls per second, or one of the words `quota` and `max`."""

    name = "rate"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | Literal["quota", "max"]:
        """The value as `Checker` takes it."""
        if value == "quota" or value == "max":
            return "quota" if value == "quota" else "max"
        try:
            rate = float(value)
        except ValueError:
            rate = math.nan
        if not (0 < rate < math.inf):
            self.fail(f"{value!r} is not a rate; expected calls per second, quota or max", param, ctx)
        return rate


class FailOnType(ParamType):
    """Verdict words between commas, or `none`."""

    name = "fail_on"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[Verdict]:
        """The words as verdicts."""
        if isinstance(value, frozenset):
            return value
        try:
            return parse_fail_on(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class AgeType(ParamType):
    """A span of time: seconds, or a number with s, m, h or d behind it."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The span in seconds."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(value))
        if not match:
            self.fail(
                f"{value!r} is no span of time; expected a number such as 90s, 30m, 12h or 7d", param, ctx
            )
        return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


class EndpointType(ParamType):
    """An http or https URL without a user name or password in it."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The URL as given. What is wrong with it is said without repeating it: it may hold a password."""
        text = str(value)
        match = re.fullmatch(r"https?://(?P<host>[^/?#\s]+)\S*", text, re.IGNORECASE)
        if not match:
            self.fail("expected a URL such as https://api.ecr.eu-west-1.amazonaws.com", param, ctx)
        if "@" in match["host"]:
            self.fail(
                "a user name or password in the URL is refused; use --profile or the environment",
                param,
                ctx,
            )
        return text


def input_options(command: F) -> F:
    """INPUT, and how its rows are taken."""
    for decorate in (
        click.option(
            "--column",
            metavar="NAME",
            help="Column of the digests, by name or by number from 0; needed if there are several.",
        ),
        click.option(
            "--input-format",
            type=click.Choice(INPUT_FORMATS),
            help="What INPUT is; by default as its suffix says, else lines.",
        ),
        click.option(
            "--batch-size",
            type=click.IntRange(1, 100),
            metavar="N",
            default=100,
            show_default=True,
            help="Digests per call.",
        ),
        click.option("--strict", is_flag=True, help="Take only lower-case sha256:<64 hex digits>."),
        click.argument(
            "inputs", nargs=-1, metavar="[INPUT]...", type=click.Path(allow_dash=True, readable=False)
        ),
    ):
        command = decorate(command)
    return command


def shape_of(options: Mapping[str, Any]) -> Shape:
    """The options that say what INPUT is."""
    column: str | None = options["column"]
    format_ = options["input_format"]
    if column is None:
        return Shape(format_)
    if format_ == "lines":
        raise click.UsageError("lines have no columns: leave out --column, or change --input-format")
    is_number = format_ != "jsonl" and column.isascii() and column.isdecimal()
    return Shape(format_, int(column) if is_number else column)


def target_options(command: F) -> F:
    """Which registry, and with whose credentials: the AWS CLI's spellings."""
    for decorate in (
        click.option(
            "--endpoint-url",
            type=EndpointType(),
            metavar="URL",
            help="Another endpoint than the region's own.",
        ),
        click.option("--profile", metavar="NAME", help="Profile of the AWS configuration files."),
        click.option("--registry-id", metavar="ID", help="Account of the registry, or ECR Public alias."),
        click.option("--public", is_flag=True, help="ECR Public instead of private ECR."),
        click.option("--region", metavar="REGION", help="Region of the registry."),
    ):
        command = decorate(command)
    return command


def _default_rate(service: str) -> str:
    return f"{QUOTAS[service].calls_per_second * DEFAULT_SHARE:.0f}"


def pace_options(command: F) -> F:
    """How hard the service is asked, and for how long."""
    for decorate in (
        click.option(
            "--timeout",
            type=click.FloatRange(min=0.0, min_open=True),
            metavar="SECONDS",
            help="Ask no longer than that; what is known by then is written, with exit code 4.",
        ),
        click.option(
            "--max-in-flight",
            type=click.IntRange(1, 1024),
            metavar="N",
            help="Calls under way at once, at most; default 32.",
        ),
        click.option(
            "--rate",
            type=RateType(),
            metavar="N|quota|max",
            help=f"Calls per second; default {_default_rate('ecr')}, ECR Public {_default_rate('ecr-public')}: "
            "half of the default quota.",
        ),
    ):
        command = decorate(command)
    return command


def journal_options(command: F) -> F:
    """What makes a run safe to end at any time."""
    for decorate in (
        click.option(
            "--durability",
            type=click.Choice(["normal", "full"]),
            default="normal",
            show_default=True,
            help="What the journal survives: the end of the process, or with full a power cut too.",
        ),
        click.option(
            "--max-age",
            type=AgeType(),
            metavar="AGE",
            help="Ask again for what the journal learnt longer ago than that: 90s, 30m, 12h, 7d.",
        ),
        click.option(
            "--journal",
            metavar="FILE",
            type=click.Path(),
            help="Keep answers in FILE as they come in; the same command goes on where it was ended.",
        ),
    ):
        command = decorate(command)
    return command


def lines_option(command: F) -> F:
    """`--format` of what is shown on standard output and never written to a file."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(["table", "jsonl"]),
        default="table",
        show_default=True,
        help="What is written to standard output.",
    )(command)


def quiet_options(command: F) -> F:
    """What is shown besides the result."""
    for decorate in (
        click.option("--no-progress", is_flag=True, help="No progress bar."),
        click.option("-q", "--quiet", is_flag=True, help="Errors only: no summary, notes or progress bar."),
    ):
        command = decorate(command)
    return command
