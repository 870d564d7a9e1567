"""`layercheck layout`: what an OCI layout, an archive of images or a manifest holds, and what it lacks."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from layercheck.cli import output as outputs
from layercheck.cli.exit_codes import CommandError, ExitCode, say
from layercheck.cli.image_source import open_source, reading, size_of
from layercheck.cli.options import quiet_options
from layercheck.cli.progress import Display, ProgressStyle, display
from layercheck.redact import visible

if TYPE_CHECKING:
    from layercheck.layout.layout import Layout, LayoutTableName

_STDIN = "-"
_SHOWN_PROBLEMS = 10
_EXIT_CODES = """\b
Exit codes:
    0  read, and nothing named by --fail-on occurred
    1  failed: one line says what, where and what to do
    2  wrong usage
    3  read, and something named by --fail-on occurred
"""
_TABLES = ("images", "platforms", "blobs", "rows")
_FAIL_ON = ("lacking", "damaged")


def _fail_on(context: click.Context, parameter: click.Parameter, value: str) -> frozenset[str]:
    words = [word.strip().lower() for word in value.split(",")]
    if words == ["none"]:
        return frozenset()
    for word in words:
        if word not in _FAIL_ON:
            raise click.BadParameter(f"{word!r} is not known; expected none, or some of: lacking, damaged")
    return frozenset(words)


@click.command(
    "layout", short_help="What an image layout or archive holds, and what it lacks.", epilog=_EXIT_CODES
)
@click.argument("source", metavar="SOURCE", type=click.Path(allow_dash=True, readable=False))
@click.option(
    "--blobs",
    metavar="FOLDER",
    type=click.Path(),
    help="A shared folder of blobs (sha256/<hex> in it), or another layout, for what SOURCE lacks.",
)
@click.option(
    "--verify/--no-verify",
    default=None,
    help="Hash all blobs, or trust the names of blobs in OCI archives. Default: hash those of archives, and "
    "compare sizes in folders.",
)
@click.option(
    "--table",
    type=click.Choice(_TABLES),
    default="images",
    show_default=True,
    help="Which table is written by -o or --format; rows are those of plan and check.",
)
@click.option("-o", "--output", metavar="FILE", help=outputs.HELP.replace("report", "table"))
@click.option(
    "--format",
    "format_",
    type=click.Choice(outputs.FORMATS),
    help="Format of FILE; default by its suffix. Without -o, format of the table on standard output.",
)
@click.option(
    "--fail-on",
    metavar="LIST|none",
    default="lacking,damaged",
    show_default=True,
    callback=_fail_on,
    help="What ends with exit code 3: parts that are lacking, parts that are damaged or unreadable.",
)
@quiet_options
def layout(
    source: str,
    output: str | None,
    format_: outputs.Format | None,
    table: LayoutTableName,
    blobs: str | None,
    verify: bool | None,
    fail_on: frozenset[str],
    quiet: bool,
    progress: ProgressStyle,
    no_progress: bool,
) -> int:
    """Show what SOURCE holds, offline: images, platforms, blobs and sizes, and what is missing.

    SOURCE: a folder that is an OCI image layout; an archive of skopeo, buildx, docker save, podman save,
    kaniko or Bazel, plain, gzip or zstd; or a manifest or index as JSON. - is standard input, as in
    docker save IMAGE | layercheck layout -
    """
    names = [] if source == _STDIN else [source]
    target = outputs.prepare(output, format_, [name for name in names if Path(name).is_file()])
    with display(quiet=quiet, progress="none" if no_progress else progress) as shown:
        found = _read(source, blobs, verify, shown)
    if target.format != "table":
        _write(found, table, target)
    if not quiet and not target.to_stdout:
        with outputs.stdout_failures():
            _show(found, "standard input" if source == _STDIN else source)
    if not quiet:
        _tell(found)
    sums = {word: any(getattr(each, word) for each in found.images) for word in _FAIL_ON}
    return ExitCode.FOUND if any(sums[word] for word in fail_on) else ExitCode.DONE


def _read(source: str, blobs: str | None, verify: bool | None, shown: Display) -> Layout:
    from layercheck.layout.watched import read_watched

    opened = open_source(source)
    shown.reading(size_of(source))
    with reading(source):
        return read_watched(opened, blobs=blobs, verify=verify, on_bytes=shown.on_bytes)


def _write(found: Layout, table: LayoutTableName, target: outputs.Output) -> None:
    if target.path is not None:
        try:
            found.write(target.path, table=table, format=target.format)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CommandError(
                f"cannot write {str(target.path)!r}: {reason}; make room or choose another folder"
            ) from error
        return
    with outputs.stdout_failures(), tempfile.TemporaryDirectory(prefix="layercheck-") as folder:
        path = Path(folder) / f"table.{target.format}"
        found.write(path, table=table, format=target.format)
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
        sys.stdout.buffer.flush()


def _tell(found: Layout) -> None:
    """Writes notes and problems to standard error."""
    for note in found.notes:
        say(f"note: {note}")
    problems = found.problems
    for problem in problems[:_SHOWN_PROBLEMS]:
        say(problem)
    if len(problems) > _SHOWN_PROBLEMS:
        more = len(problems) - _SHOWN_PROBLEMS
        say(f"and {more:,} more; each part with its state: --table blobs --format jsonl")


def _show(found: Layout, name: str) -> None:
    from rich.console import Group, RenderableType
    from rich.text import Text

    from layercheck.cli.numbers_table import show

    lines: list[RenderableType] = [
        Text(visible(line), overflow="fold") for line in _headline(found, name).split("\n")
    ]
    if found.platforms:
        lines += [Text(), _platforms(found)]
    missing = _missing(found)
    if missing:
        lines += [Text(), missing]
    show(Group(*lines), sys.stdout)


def _headline(found: Layout, name: str) -> str:
    from layercheck.display.wording import bytes_text

    counts = [
        f"{number:,} {word}{'' if number == 1 else 's'}"
        for number, word in (
            (len(found.images), "image"),
            (len(found.platforms), "platform"),
            (len(found.blobs), "blob"),
        )
    ]
    return f"{os.fsdecode(name)}\n{_FORMS[found.form]}, {', '.join(counts)}, {bytes_text(found.size)}"


_FORMS = {
    "oci-layout": "OCI layout",
    "oci-archive": "OCI archive",
    "docker-archive": "docker archive",
    "docker-archive-v1": "docker archive of before 2016",
    "manifest": "manifest",
}
_SHOWN_PLATFORMS = 40
_SHOWN_MISSING = 10
_NAME_WIDTH = 100
_PLATFORM_WIDTH = 32


def _platforms(found: Layout) -> Any:
    from rich.console import Group
    from rich.text import Text

    from layercheck.cli.numbers_table import numbers_table, shortened
    from layercheck.display.wording import bytes_text
    from layercheck.layout.notebook import names_by_image, platform_text, some_of

    table = numbers_table("image")
    table.columns[0].no_wrap = False
    table.columns[0].overflow = "fold"
    table.add_column("platform", no_wrap=True)
    for number in ("layers", "size"):
        table.add_column(number, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    before: tuple[str | None, str | None] | None = None
    known = names_by_image(found)
    for each in found.platforms[:_SHOWN_PLATFORMS]:
        image = (each.image, each.image_digest)
        first = each.image or _short(each.image_digest) or "(no name)"
        names, others = some_of(known.get(image, (first,)))
        shown = Text(", ").join(shortened(name, _NAME_WIDTH) for name in names).append(others, style="dim")
        table.add_row(
            Text() if image == before else shown,
            shortened(platform_text(each) or each.kind, _PLATFORM_WIDTH),
            f"{each.layers:,}" if each.state in ("present", "unknown") else "",
            bytes_text(each.size) if each.state in ("present", "unknown") else "",
            Text(_state(each.state, each.lacking, each.damaged), style="red"),
        )
        before = image
    more = len(found.platforms) - _SHOWN_PLATFORMS
    if more <= 0:
        return table
    return Group(table, Text(f"and {more:,} more: --table platforms --format jsonl", style="dim"))


def _state(state: str, lacking: int, damaged: int) -> str:
    if state == "lacking":
        return "lacking"
    if state in ("damaged", "unreadable"):
        return state
    counts = ((lacking, "lacking"), (damaged, "damaged"))
    return ", ".join(f"{number:,} {word}" for number, word in counts if number)


def _short(digest: str | None) -> str | None:
    return None if digest is None else f"{digest[:19]}…"


def _missing(found: Layout) -> Any:
    from rich.console import Group
    from rich.text import Text

    from layercheck.display.wording import bytes_text

    blobs = [blob for blob in found.blobs if blob.state in ("lacking", "damaged") and not blob.foreign]
    if not blobs:
        return None
    lines = [Text(f"blobs that are missing: {len(blobs):,}", style="bold")]
    # A digest has 71 characters, so that one short word beside it fits into 80 columns.
    for blob in blobs[:_SHOWN_MISSING]:
        size = "" if blob.size is None else bytes_text(blob.size)
        word = "damaged" if blob.state == "damaged" else "config" if blob.role == "config" else size
        lines.append(Text(f"{blob.digest}  {word}".rstrip(), no_wrap=True, overflow="ignore"))
    if len(blobs) > _SHOWN_MISSING:
        lines.append(Text("all of them: --table blobs --format jsonl", style="dim"))
    return Group(*lines)
