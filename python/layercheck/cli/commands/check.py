"""`layercheck check`: the command's options, and the order of its steps."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import click

from layercheck.cli import input_files, output_list
from layercheck.cli import output as outputs
from layercheck.cli.check_result import load_for_the_end, present
from layercheck.cli.check_run import run
from layercheck.cli.commands import plan as offline
from layercheck.cli.descriptor_reserve import DescriptorReserve
from layercheck.cli.exit_codes import DEFAULT_FAIL_ON, ExitCode, parse_fail_on
from layercheck.cli.json_summary import Known, failures_as_json, write_json
from layercheck.cli.options import (
    VerdictsType,
    input_options,
    input_shape,
    journal_options,
    pace_options,
    progress_style,
    quiet_options,
    row_options,
    target_options,
)
from layercheck.cli.progress import display
from layercheck.cli.resume_command import ResumeCommand
from layercheck.cli.signals import InterruptHandler
from layercheck.cli.target import target_keywords

_EXIT_CODES = """\b
Exit codes:
    0  done, and no verdict named by --fail-on occurred
    1  failed: one line says what, where and what to do
    2  wrong usage
    3  done, and a verdict named by --fail-on occurred
    4  incomplete: some digests got no answer, or the journal could not be
       written; run it again
  130  interrupted (Ctrl-C, SIGTERM, SIGHUP); what is known was written
"""


@click.command("check", short_help="Check which digests are in a repository.", epilog=_EXIT_CODES)
@click.argument("repository", metavar="REPOSITORY")
@input_options
@target_options
@pace_options
@journal_options
@click.option("-o", "--output", metavar="FILE", multiple=True, help=outputs.PAGE_HELP)
@click.option(
    "--format",
    "format_",
    type=click.Choice(outputs.PAGE_FORMATS),
    help="Format of FILE; default by its suffix. Without -o, format of the rows on standard output.",
)
@row_options
@click.option(
    "--summary",
    "summary_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: one JSON object with counts, statistics, how the run ended and the exit code, in place of "
    "the table, also with --quiet.",
)
@click.option(
    "--fail-on",
    type=VerdictsType(parse_fail_on),
    metavar="LIST|none",
    default=DEFAULT_FAIL_ON,
    help="Verdicts that end with exit code 3. Default: unavailable,archived,refused,other,invalid.",
)
@click.option(
    "--dry-run", is_flag=True, help="Only show what would be asked, without credentials and network."
)
@quiet_options
def check(repository: str, inputs: tuple[str, ...], **options: Any) -> int:
    """Check which layer digests are in REPOSITORY.

    REPOSITORY: a name (team/app), an image URI (<account>.dkr.ecr.<region>.amazonaws.com/team/app,
    public.ecr.aws/<alias>/<name>) or an ARN.

    INPUT: text files with one digest per line, CSV or JSON Lines, plain, gzip or zstd; Parquet, Arrow or ORC;
    images, of which the configs and layers are taken: OCI layout folders, archives such as those of docker
    save, manifests; - (the default) is standard input. In text, blank lines and lines
    that start with # are skipped.
    """
    known = Known.of(options)
    with failures_as_json(known) if options["summary_format"] == "json" else nullcontext():
        return _check(repository, inputs, options, known)


def _check(repository: str, inputs: tuple[str, ...], options: dict[str, Any], known: Known) -> int:
    if options["max_age"] is not None and options["journal"] is None:
        raise click.UsageError("--max-age is the age of answers in a journal; add --journal FILE")
    target = target_keywords(repository, inputs, options)
    options["shape"] = input_shape(options)
    names = input_files.resolve(inputs)
    known.output = output = output_list.prepare(
        options["output"],
        options["format_"],
        names,
        options["journal"],
        only=options["only"],
        unique=options["unique"],
    )
    if options["dry_run"]:
        return _dry_run(names, target, output, options)
    quiet: bool = options["quiet"]
    as_json = options["summary_format"] == "json"
    resume = ResumeCommand.of_this_process(names, options["journal"])
    load_for_the_end(output)
    reserve = DescriptorReserve()
    with InterruptHandler() as interrupts:
        with display(quiet=quiet, progress=progress_style(options)) as shown:
            known.result = result = run(names, target, options, resume, shown, interrupts)
            # From here on only memory holds the answers, so the first Ctrl-C must not throw them away.
            interrupts.defer()
        reserve.release()
        code = present(result, output, resume, quiet=quiet or as_json)
        if interrupts.interrupted:
            code = ExitCode.INTERRUPTED
    if code == ExitCode.DONE and result.report is not None:
        found = any(result.report.counts.get(verdict.label) for verdict in options["fail_on"])
        code = ExitCode.FOUND if found else ExitCode.DONE
    if as_json:
        write_json(result, output, options["journal"], code)
    return code


def _dry_run(
    names: tuple[str, ...], target: dict[str, Any], output: output_list.OutputList, options: dict[str, Any]
) -> ExitCode:
    with display(quiet=options["quiet"], progress=progress_style(options)) as shown:
        reading = input_files.read_with_progress(names, options, shown)
        shown.note(f"dry run: nothing is sent to {_place(target)}")
    machine = options["summary_format"] == "json" or (output.to_stdout and "jsonl" in output.formats)
    if machine or not options["quiet"]:
        offline.show(
            reading.plan,
            registry="public" if target["public"] else "private",
            format_="jsonl" if machine else "table",
            rate=options["rate"],
        )
    return ExitCode.DONE


def _place(target: dict[str, Any]) -> str:
    """The repository with what REPOSITORY and the options say of its registry and region."""
    words = [f"{target['repository_name']}{' of ECR Public' if target['public'] else ''}"]
    if target["registry_id"] is not None:
        words.append(f"registry {target['registry_id']}")
    if target["region_name"] is not None:
        words.append(f"region {target['region_name']}")
    return ", ".join(words)
