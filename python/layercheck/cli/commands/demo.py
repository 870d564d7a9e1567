"""`layercheck demo`: the main job from a dirty file to a report, against a local endpoint."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from layercheck.cli import input_files
from layercheck.cli import output as outputs
from layercheck.cli.exit_codes import CommandError, ExitCode
from layercheck.cli.options import quiet_options
from layercheck.cli.progress import Display, display
from layercheck.cli.sample_data import Dirty, write_dirty
from layercheck.cli.signals import Interrupts

if TYPE_CHECKING:
    from layercheck.report import Report

_REPOSITORY = "team/app"


@click.command("demo", short_help="The main job, start to finish, without AWS.")
@click.option(
    "--digests",
    "rows",
    type=click.IntRange(1, 100_000_000),
    metavar="N",
    default=1_000_000,
    show_default=True,
    help="Rows in the file.",
)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    default=Path("layercheck-demo"),
    show_default=True,
    help="Where the file and the report go.",
)
@click.option(
    "--latency-ms",
    type=click.FloatRange(0),
    metavar="MS",
    default=10.0,
    show_default=True,
    help="Milliseconds before each answer of the endpoint.",
)
@quiet_options
def demo(rows: int, directory: Path, latency_ms: float, quiet: bool, no_progress: bool) -> int:
    """Show the main job, start to finish, without an AWS account.

    Makes a file of dirty digests (repeats, several spellings, junk), starts a local ECR endpoint that
    holds a known part of them, checks the file against it, compares every row with the known truth and
    writes a report. Reads no credentials and sends nothing off this machine.
    """
    parquet = importlib.util.find_spec("pyarrow") is not None
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"cannot make {str(directory)!r}: {error.strerror}; name another --directory"
        ) from error
    output = outputs.prepare(str(directory / ("report.parquet" if parquet else "report.csv")), None)
    with Interrupts() as interrupts, display(quiet=quiet, no_progress=no_progress) as shown:
        interrupts.announce = lambda: shown.note("interrupted; Ctrl-C again leaves at once")
        dirty = _make(directory / "digests.txt", rows, shown)
        report, wrong = _run(dirty, latency_ms, shown)
        outputs.write(report, output)
    if not quiet:
        _show(report, dirty, output, parquet=parquet)
    if wrong:
        raise CommandError(
            f"{wrong:,} of {rows:,} rows have a wrong verdict: please report this, with {directory}"
        )
    return ExitCode.DONE


def _make(path: Path, rows: int, shown: Display) -> Dirty:
    start = time.monotonic()
    shown.note(f"making {rows:,} dirty rows: {path}")
    dirty = write_dirty(path, rows)
    size = path.stat().st_size / 1e6
    shown.note(
        f"made {dirty.unique:,} different digests, {size:,.0f} MB, in {time.monotonic() - start:.1f} s"
    )
    return dirty


def _run(dirty: Dirty, latency_ms: float, shown: Display) -> tuple[Report, int]:
    """The report, and in how many rows it differs from what is known to be true."""
    import numpy as np

    import layercheck as lc
    from layercheck.testing import EvenDigests, LocalEcr

    _forget_the_user()
    with LocalEcr({_REPOSITORY: EvenDigests()}, latency_ms=latency_ms) as ecr:
        ecr.put(_REPOSITORY, dirty.archived, availability="ARCHIVED")
        shown.note(f"a local ECR endpoint listens at {ecr.endpoint_url}")
        names = [str(dirty.path)]
        shown.reading(input_files.total_bytes(names))
        start = time.monotonic()
        plan = input_files.read_plan(names, on_bytes=shown.on_bytes).plan
        seconds = time.monotonic() - start
        shown.note(
            f"read {plan.rows:,} rows in {seconds:.2f} s: "
            f"{plan.unique:,} digests to ask in {len(plan):,} calls"
        )
        # Nobody else draws on this endpoint, so no rate needs to be kept; the session is the endpoint's own.
        report = lc.check(
            plan,
            _REPOSITORY,
            session=ecr.session(),
            endpoint_url=ecr.endpoint_url,
            rate="max",
            progress=shown.on_progress,
        )
    expected = np.frombuffer(dirty.expected, dtype=np.uint8)
    if len(expected) != report.rows:
        raise CommandError(
            f"{report.rows:,} rows were read and {len(expected):,} written: please report this"
        )
    return report, int(np.count_nonzero(report.verdicts != expected))


def _forget_the_user() -> None:
    """Makes boto3 in this process blind for the user's AWS settings, and for proxies on the way to ourselves.

    The credentials are the endpoint's own anyway; but a profile that does not exist, or a broken
    configuration file, would still stop the demonstration.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"


def _show(report: Report, dirty: Dirty, output: outputs.Output, *, parquet: bool) -> None:
    from layercheck.cli.summary import show, summary

    out = sys.stdout
    out.write("\n")
    show(summary(report), out)
    out.write(f"\nall {report.rows:,} verdicts are right: compared with what the endpoint was given\n")
    out.write(f"\ninput:  {dirty.path.resolve()}\nreport: {output.path}\n")
    if not parquet:
        sys.stderr.write(
            "layercheck: pyarrow is not installed, so the report is CSV: pip install 'layercheck[parquet]'\n"
        )
