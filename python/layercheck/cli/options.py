"""Options of several commands, defined once so that each command describes them alike."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import click

from layercheck.aws.service_quotas import DEFAULT_SHARE, QUOTAS
from layercheck.cli.input_files import InputShape
from layercheck.cli.progress import ProgressStyle
from layercheck.file_formats import INPUT_FORMATS, is_utf_8
from layercheck.inputs.files import one_delimiter
from layercheck.redact import one_line
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    # click.ParamType is generic from click 8.5 on.
    ParamType = click.ParamType

F = TypeVar("F", bound=Callable[..., Any])


class RateType(ParamType):
    """Calls per second, or one of the words `quota` and `max`."""

    name = "rate"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | Literal["quota", "max"]:
        """The value as `Checker` accepts it."""
        if value == "quota" or value == "max":
            return "quota" if value == "quota" else "max"
        try:
            rate = float(value)
        except ValueError:
            rate = math.nan
        if not (0 < rate < math.inf):
            self.fail(f"{value!r} is not a rate; expected calls per second, quota or max", param, ctx)
        return rate


class VerdictsType(ParamType):
    """Verdict words between commas."""

    name = "verdicts"

    def __init__(self, parse: Callable[[str], frozenset[Verdict]]) -> None:
        self._parse = parse

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[Verdict]:
        """The words as verdicts."""
        if isinstance(value, frozenset):
            return value
        try:
            return self._parse(str(value))
        except ValueError as error:
            self.fail(one_line(str(error)), param, ctx)


def parse_only(text: str) -> frozenset[Verdict]:
    """The verdicts that `--only` names.

    Raises:
        ValueError: For a word that is not a verdict.
    """
    return frozenset(Verdict.from_label(word.strip()) for word in text.split(","))


class DurationType(ParamType):
    """A duration: seconds, or a number with s, m, h or d behind it."""

    name = "duration"

    def __init__(self, *, may_be_zero: bool = True) -> None:
        self._may_be_zero = may_be_zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The duration in seconds."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(value))
        if not match:
            self.fail(
                f"{value!r} is not a duration; expected a number such as 90s, 30m, 12h or 7d", param, ctx
            )
        seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
        if not seconds and not self._may_be_zero:
            self.fail(f"{value!r} is no time at all; expected more than 0 seconds", param, ctx)
        return seconds


class DelimiterType(ParamType):
    """One character between two fields, or `tab`."""

    name = "delimiter"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The character."""
        try:
            return one_delimiter(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class EndpointType(ParamType):
    """An http or https URL without a user name or password in it."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The URL as given. An error message does not repeat the URL, because it may hold a password."""
        text = str(value)
        match = re.fullmatch(r"https?://(?P<host>[^/?#\s]+)\S*", text, re.IGNORECASE)
        if not match:
            self.fail("expected a URL such as https://api.ecr.eu-west-1.amazonaws.com", param, ctx)
        if "@" in match["host"]:
            self.fail(
                "the URL has a user name or password, which is refused; use --profile or the environment",
                param,
                ctx,
            )
        return text


def input_options(command: F) -> F:
    """INPUT, and how to read its rows."""
    for decorate in (
        click.option(
            "--column",
            metavar="NAME",
            help="Column of the digests, by name or by number from 0. Default: the only one; or the only one "
            "that is named digest or holds digests.",
        ),
        click.option(
            "--delimiter",
            type=DelimiterType(),
            metavar="CHAR|tab",
            help="What stands between two fields of CSV. Default: comma, ; tab or |, as the header tells.",
        ),
        click.option(
            "--raw",
            is_flag=True,
            help="Binary columns of Parquet, Arrow and ORC hold raw digests of 32 bytes, not text.",
        ),
        click.option(
            "--input-format",
            type=click.Choice(INPUT_FORMATS),
            help="Format of INPUT; default by its suffix, else lines. Parquet, Arrow, ORC, layouts, archives "
            "of images and manifests are recognised.",
        ),
        click.option(
            "--batch-size",
            type=click.IntRange(1, 100),
            metavar="N",
            default=100,
            show_default=True,
            help="Digests per call.",
        ),
        click.option("--allow-empty", is_flag=True, help="Accept an input without rows."),
        click.option("--strict", is_flag=True, help="Accept only lower-case sha256:<64 hex digits>."),
        click.option(
            "--threads",
            type=click.IntRange(min=1),
            metavar="N",
            help="Threads that read and deduplicate INPUT; 1 or 2 are of use. Default: 2 for many rows, if "
            "this process may use two cores.",
        ),
        click.argument(
            "inputs", nargs=-1, metavar="[INPUT]...", type=click.Path(allow_dash=True, readable=False)
        ),
    ):
        command = decorate(command)
    return command


def input_shape(options: Mapping[str, Any]) -> InputShape:
    """How to read the inputs, from `--input-format`, `--column`, `--delimiter` and `--raw`."""
    column: str | None = options["column"]
    delimiter: str | None = options["delimiter"]
    raw: bool = options["raw"]
    format_ = options["input_format"]
    if delimiter is not None and format_ not in (None, "csv"):
        raise click.UsageError(
            f"only CSV has a delimiter: leave out --delimiter, or --input-format {format_}"
        )
    if column is not None and format_ in ("layout", "manifest"):
        raise click.UsageError(f"a {format_} has no columns: leave out --column, or change --input-format")
    if raw and format_ in ("lines", "csv", "jsonl", "layout", "manifest"):
        raise click.UsageError(f"--raw is for binary columns: leave it out, or --input-format {format_}")
    if column is not None and not is_utf_8(column):
        raise click.UsageError(
            f"Invalid value for '--column': {column!r} is not UTF-8, and no column that layercheck reads has "
            "such a name; give its number, from 0"
        )
    if column is None:
        return InputShape(format_, None, delimiter, raw)
    if format_ == "lines":
        raise click.UsageError("lines have no columns: leave out --column, or change --input-format")
    is_number = format_ != "jsonl" and column.isascii() and column.isdecimal()
    return InputShape(format_, int(column) if is_number else column, delimiter, raw)


_ENDPOINT_URL = click.option(
    "--endpoint-url", type=EndpointType(), metavar="URL", help="An endpoint in place of the region's own."
)
_PROFILE = click.option("--profile", metavar="NAME", help="Profile of the AWS configuration files.")
_REGION = click.option("--region", metavar="REGION", help="Region of the registry.")


def target_options(command: F) -> F:
    """Registry and credentials, with the option names of the AWS CLI."""
    for decorate in (
        _ENDPOINT_URL,
        _PROFILE,
        click.option("--registry-id", metavar="ID", help="Account of the registry, or ECR Public alias."),
        click.option("--public", is_flag=True, help="ECR Public instead of private ECR."),
        _REGION,
    ):
        command = decorate(command)
    return command


def private_target_options(command: F) -> F:
    """The same for commands that ask private ECR alone."""
    for decorate in (
        _ENDPOINT_URL,
        _PROFILE,
        click.option("--registry-id", metavar="ID", help="Account of the registry."),
        _REGION,
    ):
        command = decorate(command)
    return command


def _default_rate(service: str) -> str:
    return f"{QUOTAS[service].calls_per_second * DEFAULT_SHARE:.0f}"


def pace_options(command: F) -> F:
    """How fast the service is asked, and for how long."""
    for decorate in (
        click.option(
            "--timeout",
            type=DurationType(may_be_zero=False),
            metavar="TIME",
            help="Stop asking after this time (90, 90s, 5m, 2h), write the answers received, and end with "
            "exit code 4.",
        ),
        click.option(
            "--max-in-flight",
            type=click.IntRange(1, 1024),
            metavar="N",
            help="At most this many calls at once; default 32.",
        ),
        rate_option,
    ):
        command = decorate(command)
    return command


def rate_option(command: F) -> F:
    """`--rate`."""
    return click.option(
        "--rate",
        type=RateType(),
        metavar="N|quota|max",
        help="Calls per second. Default: half of the default quota, "
        f"which is {_default_rate('ecr')}, for ECR Public {_default_rate('ecr-public')}.",
    )(command)


def row_options(command: F) -> F:
    """Which rows of the report are written."""
    for decorate in (
        click.option("--unique", is_flag=True, help="Write one line for each digest, not for each row."),
        click.option(
            "--only",
            type=VerdictsType(parse_only),
            metavar="VERDICTS",
            help="Write only the rows with these verdicts, such as unavailable,archived.",
        ),
    ):
        command = decorate(command)
    return command


def journal_options(command: F) -> F:
    """The journal, which makes a run safe to end at any time."""
    for decorate in (
        click.option(
            "--durability",
            type=click.Choice(["normal", "full"]),
            default="normal",
            show_default=True,
            help="What the journal survives: normal, the end of the process; full, a power cut too.",
        ),
        click.option(
            "--max-age",
            type=DurationType(),
            metavar="AGE",
            help="Ask again for answers in the journal older than this: 90s, 30m, 12h, 7d.",
        ),
        click.option(
            "--journal",
            metavar="FILE",
            type=click.Path(),
            help="Write answers to FILE as they arrive; the same command then goes on where it ended.",
        ),
    ):
        command = decorate(command)
    return command


def lines_option(command: F) -> F:
    """`--format` of output that goes to standard output and never to a file."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(["table", "jsonl"]),
        default="table",
        show_default=True,
        help="Format of standard output.",
    )(command)


def progress_style(options: Mapping[str, Any]) -> ProgressStyle:
    """What `--progress` and `--no-progress` ask for."""
    style: ProgressStyle = "none" if options["no_progress"] else options["progress"]
    return style


def quiet_options(command: F) -> F:
    """What to show besides the result."""
    for decorate in (
        click.option("--no-progress", is_flag=True, help="The same as --progress none."),
        click.option(
            "--progress",
            type=click.Choice(get_args(ProgressStyle)),
            default="auto",
            show_default=True,
            help="A bar, a plain line every 30 seconds, or none; auto is a bar on a terminal, else plain.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Show errors only: no summary, notes or progress."),
    ):
        command = decorate(command)
    return command
