"""`layercheck push-plan`: what a push would skip, mount and upload."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from layercheck.cli import output as outputs
from layercheck.cli import output_list
from layercheck.cli.error_messages import explain, in_options
from layercheck.cli.exit_codes import CommandError, ExitCode, say
from layercheck.cli.image_source import open_source, reading, size_of
from layercheck.cli.options import (
    ParamType,
    pace_options,
    private_target_options,
    progress_style,
    quiet_options,
)
from layercheck.cli.progress import display
from layercheck.cli.signals import InterruptHandler
from layercheck.cli.target import check_source_place
from layercheck.errors import InvalidParameterError, LayercheckError, LayoutError, UnansweredError

if TYPE_CHECKING:
    from layercheck.push.plan import PushPlan

_EXIT_CODES = """\b
Exit codes:
    0  done, and nothing named by --fail-on occurred
    1  failed: one line says what, where and what to do
    2  wrong usage
    3  done, and something named by --fail-on occurred
    4  incomplete: some blobs got no answer; run it again
  130  interrupted (Ctrl-C, SIGTERM, SIGHUP); what is known was written
"""
_WORDS = ("blocked", "lacking", "archived", "upload", "compress", "mount", "external", "skip")
_KEYWORDS = {"mount_from": "--mount-from", "platforms is": "--platform is", "image is": "--image is"}
_KEYWORDS |= {"tag is": "--tag is"}


class FailOnType(ParamType):
    """Words between commas that end the command with exit code 3, or `none`."""

    name = "words"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[str]:
        """The words."""
        if isinstance(value, frozenset):
            return value
        words = [word.strip().lower() for word in str(value).split(",")]
        if words == ["none"]:
            return frozenset()
        for word in words:
            if word == "undecided":
                self.fail("'undecided' always ends with exit code 4; leave it out", param, ctx)
            if word not in _WORDS:
                self.fail(f"{word!r} is unknown; expected none, or some of: {', '.join(_WORDS)}", param, ctx)
        return frozenset(words)


@click.command("push-plan", short_help="What a push would skip, mount and upload.", epilog=_EXIT_CODES)
@click.argument("source", metavar="SOURCE", type=click.Path(allow_dash=True, readable=False))
@click.argument("repository", metavar="REPOSITORY")
@click.option("--tag", metavar="TAG", help="Tag of the push; may also stand behind REPOSITORY.")
@click.option("--image", metavar="NAME", help="Plan this image of SOURCE alone: a name in it, or a digest.")
@click.option(
    "--platform",
    "platforms",
    metavar="OS/ARCH",
    multiple=True,
    help="Plan this platform alone, such as linux/arm64; several times for several.",
)
@click.option(
    "--mount-from",
    metavar="REPOSITORY",
    multiple=True,
    help="A repository of the same registry that blobs may be mounted from; several times for several.",
)
@click.option(
    "--blobs",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="A folder with blobs that SOURCE leaves out, as blobs/ of a layout: sha256/<hex> in it.",
)
@click.option(
    "--verify/--no-verify",
    default=None,
    help="Hash all blobs, or trust the names of blobs in OCI archives. Default: hash those of archives, and "
    "compare sizes in folders.",
)
@private_target_options
@pace_options
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    multiple=True,
    help=outputs.PAGE_HELP.replace("report", "rows"),
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(outputs.PAGE_FORMATS),
    help="Format of FILE; default by its suffix. Without -o, format of the rows on standard output.",
)
@click.option(
    "--fail-on",
    type=FailOnType(),
    metavar="LIST|none",
    default="blocked,lacking",
    show_default=True,
    help=f"What ends with exit code 3: {', '.join(_WORDS)}.",
)
@click.option("--dry-run", is_flag=True, help="Only read SOURCE, without credentials and network.")
@quiet_options
def push_plan(source: str, repository: str, **options: Any) -> int:
    """Tell what a push of SOURCE to REPOSITORY would skip, mount and upload. Pushes nothing.

    SOURCE: a folder that is an OCI image layout; an archive of skopeo, buildx, docker save, podman save,
    kaniko or Bazel, plain, gzip or zstd; or a manifest or index as JSON. - is standard input, as in
    docker save IMAGE | layercheck push-plan - REPOSITORY

    REPOSITORY: a name (team/app), an image URI (<account>.dkr.ecr.<region>.amazonaws.com/team/app:tag) or an
    ARN, in private ECR.
    """
    check_source_place(source, repository)
    target = _target(repository, options)
    output = output_list.prepare(
        options["output"], options["format_"], [source] if source != "-" and Path(source).exists() else []
    )
    quiet: bool = options["quiet"]
    with InterruptHandler() as interrupts:
        plan = _planned(source, target, options)
        interrupts.defer()
        output_list.write_each(output, lambda each, tables: _write(plan, each, tables))
        if not quiet:
            _show(plan, output)
        if interrupts.interrupted:
            say("interrupted; this is what was known")
            return ExitCode.INTERRUPTED
    if not plan.complete and plan.asked:
        say("incomplete: some blobs got no answer; run it again")
        return ExitCode.INCOMPLETE
    return ExitCode.FOUND if options["fail_on"] & _found(plan) else ExitCode.DONE


def _target(repository: str, options: dict[str, Any]) -> dict[str, Any]:
    from layercheck.push.reference import push_target

    try:
        named = push_target(
            repository, options["registry_id"], options["region"], options["tag"], options["mount_from"]
        )
    except InvalidParameterError as error:
        raise click.UsageError(_in_options(str(error))) from error
    return {
        "repository_name": named.repository_name,
        "registry_id": named.registry_id,
        "region_name": named.region_name,
        "profile_name": options["profile"],
        "endpoint_url": options["endpoint_url"],
        "tag": named.tag,
        "mount_from": named.mount_from,
    }


def _planned(source: str, target: dict[str, Any], options: dict[str, Any]) -> PushPlan:
    from layercheck.push.planning import push_plan as make

    opened = open_source(source)
    with display(quiet=options["quiet"], progress=progress_style(options)) as shown, reading(source):
        shown.reading(size_of(source))
        try:
            return make(
                opened,
                **target,
                image=options["image"],
                platforms=options["platforms"],
                blobs=options["blobs"],
                verify=options["verify"],
                rate=options["rate"],
                max_in_flight=options["max_in_flight"],
                timeout_s=options["timeout"],
                progress=shown.on_progress,
                dry_run=options["dry_run"],
                _on_bytes=shown.on_bytes,
            )
        except KeyboardInterrupt as stop:
            known: PushPlan | None = getattr(stop, "push_plan", None)
            if known is None:
                raise
            return known
        except LayoutError:
            raise
        except UnansweredError as error:
            raise CommandError(
                "the time of --timeout was over before SOURCE was read to its end; nothing was asked; "
                "allow more time",
                ExitCode.INCOMPLETE,
            ) from error
        except LayercheckError as error:
            failure = explain(error, {**target, "public": False})
            raise CommandError(_in_options(str(failure)), failure.code) from error


def _in_options(message: str) -> str:
    words = re.compile("|".join(rf"\b{words}\b" for words in _KEYWORDS))
    return words.sub(lambda match: _KEYWORDS[match[0]], in_options(message))


def _found(plan: PushPlan) -> frozenset[str]:
    """The words of `--fail-on` that occur."""
    found = {row.action for row in plan.rows} | ({"archived"} if plan.archived else set())
    return frozenset(found | ({"blocked"} if plan.blocked else set()))


def _write(plan: PushPlan, output: outputs.Output, tables: Sequence[Path]) -> None:
    if output.path is not None:
        try:
            plan.write(output.path, format=output.format, full=tables)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CommandError(
                f"cannot write {str(output.path)!r}: {reason}; make room or choose another folder"
            ) from error
    elif output.to_stdout:
        with outputs.stdout_failures():
            sys.stdout.flush()
            sys.stdout.buffer.write(_as_bytes(plan, output.format))
            sys.stdout.buffer.flush()


def _as_bytes(plan: PushPlan, format_: outputs.Format) -> bytes:
    if format_ == "html":
        from layercheck.page.render import html
        from layercheck.push.page import page_of

        return html(page_of(plan)).encode()
    from layercheck.push.table import as_bytes

    return as_bytes(plan.rows, format_)


def _show(plan: PushPlan, output: output_list.OutputList) -> None:
    from layercheck.cli.numbers_table import show
    from layercheck.cli.push_summary import push_summary
    from layercheck.redact import visible

    with outputs.stdout_failures():
        out = sys.stderr if output.to_stdout else sys.stdout
        show(push_summary(plan, out), out)
        for number, path in enumerate(output.paths):
            out.write(f"{'' if number else chr(10)}rows: {visible(str(path))}\n")
