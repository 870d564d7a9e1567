"""`layercheck demo`: check a generated file against a local endpoint and compare with the right answers."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from layercheck.cli import input_files
from layercheck.cli import output as outputs
from layercheck.cli.exit_codes import CommandError, ExitCode, say
from layercheck.cli.options import progress_style, quiet_options
from layercheck.cli.progress import Display, display
from layercheck.cli.sample_data import SampleFile, write_sample
from layercheck.cli.signals import InterruptHandler
from layercheck.redact import visible

if TYPE_CHECKING:
    from layercheck.images.image_report import ImageReport
    from layercheck.report import Report

_REPOSITORY = "team/app"
_IMAGES = "team/images"
_MADE_IMAGES = 3_000
_BROKEN_IMAGES = 7


@click.command("demo", short_help="Run a complete check without AWS.")
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
    help="Folder for the file and the report.",
)
@click.option(
    "--latency-ms",
    type=click.FloatRange(0),
    metavar="MS",
    default=10.0,
    show_default=True,
    help="Delay before each answer of the endpoint.",
)
@quiet_options
def demo(rows: int, directory: Path, latency_ms: float, quiet: bool, **options: Any) -> int:
    """Run a complete check without an AWS account.

    Writes a file of digests with repeats, several spellings and invalid rows. Starts a local ECR endpoint
    that holds a known part of them, checks the file, compares each verdict with the right one and writes a
    report. Then it looks for the broken images in a repository of made-up images. Reads no credentials and
    sends nothing off this machine.
    """
    parquet = importlib.util.find_spec("pyarrow") is not None
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"cannot make {str(directory)!r}: {error.strerror}; name another --directory"
        ) from error
    output = outputs.prepare(str(directory / ("report.parquet" if parquet else "report.csv")), None)
    with InterruptHandler() as interrupts, display(quiet=quiet, progress=progress_style(options)) as shown:
        interrupts.on_interrupt = lambda: shown.note("interrupted; Ctrl-C again leaves at once")
        sample = _write_sample(directory / "digests.txt", rows, shown)
        report, wrong = _run(sample, latency_ms, shown)
        outputs.write(report, output)
        images, broken = _check_images(shown)
    if wrong:
        raise CommandError(
            f"{wrong:,} of {rows:,} rows have a wrong verdict; please report this, with the files in "
            f"{directory}"
        )
    if {image.digest for image in images.find("incomplete")} != broken:
        raise CommandError("other images than the broken ones are called incomplete; please report this")
    if not quiet:
        _show(report, sample, output, parquet=parquet)
        _show_images(images)
    return ExitCode.DONE


def _check_images(shown: Display) -> tuple[ImageReport, set[str]]:
    """The images of a repository, and the digests of those that are broken."""
    import layercheck as lc
    from layercheck.testing import ImageRule, LocalEcr

    rule = ImageRule(_MADE_IMAGES, indexes=_MADE_IMAGES // 20, broken=_BROKEN_IMAGES)
    with LocalEcr({_IMAGES: rule}) as ecr:
        shown.note(f"checking a repository of {_MADE_IMAGES:,} images, some of them broken")
        report = lc.check_images(
            _IMAGES,
            session=ecr.session(),
            endpoint_url=ecr.endpoint_url,
            rate="max",
            image_rate="max",
            list_rate="max",
        )
        return report, set(ecr.incomplete_images(_IMAGES))


def _write_sample(path: Path, rows: int, shown: Display) -> SampleFile:
    start = time.monotonic()
    shown.note(f"writing {rows:,} rows: {path}")
    sample = write_sample(path, rows)
    size = path.stat().st_size / 1e6
    shown.note(
        f"wrote {sample.unique:,} different digests, {size:,.0f} MB, in {time.monotonic() - start:.1f} s"
    )
    return sample


def _run(sample: SampleFile, latency_ms: float, shown: Display) -> tuple[Report, int]:
    """The report, and the number of its rows with a wrong verdict."""
    import numpy as np

    import layercheck as lc
    from layercheck.testing import EvenDigests, LocalEcr

    _ignore_user_settings()
    with LocalEcr({_REPOSITORY: EvenDigests()}, latency_ms=latency_ms) as ecr:
        ecr.put(_REPOSITORY, sample.archived, availability="ARCHIVED")
        shown.note(f"a local ECR endpoint listens at {ecr.endpoint_url}")
        names = [str(sample.path)]
        shown.reading(input_files.total_bytes(names))
        start = time.monotonic()
        plan = input_files.read_plan(names, on_bytes=shown.on_bytes).plan
        seconds = time.monotonic() - start
        shown.note(
            f"read {plan.rows:,} rows in {seconds:.2f} s: "
            f"{plan.unique:,} digests to ask in {len(plan):,} calls"
        )
        # The endpoint has no quota, so the rate is unlimited. Its session holds credentials made for it.
        report = lc.check(
            plan,
            _REPOSITORY,
            session=ecr.session(),
            endpoint_url=ecr.endpoint_url,
            rate="max",
            progress=shown.on_progress,
        )
    expected = np.frombuffer(sample.expected, dtype=np.uint8)
    if len(expected) != report.rows:
        raise CommandError(
            f"{report.rows:,} rows were read and {len(expected):,} written; please report this"
        )
    return report, int(np.count_nonzero(report.verdicts != expected))


def _ignore_user_settings() -> None:
    """Hides the user's AWS settings from boto3 in this process, and keeps proxies out of the way.

    The session brings its own credentials. But a missing profile or a broken configuration file of the user
    would still stop the demonstration.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"


def _show_images(report: ImageReport) -> None:
    from layercheck.cli.images_summary import summary
    from layercheck.cli.numbers_table import show

    with outputs.stdout_failures():
        sys.stdout.write("\n")
        show(summary(report), sys.stdout)
        sys.stdout.write("\nThe images that are called incomplete are exactly those that are broken.\n")


def _show(report: Report, sample: SampleFile, output: outputs.Output, *, parquet: bool) -> None:
    from layercheck.cli.numbers_table import show
    from layercheck.cli.summary import summary

    out = sys.stdout
    out.write("\n")
    show(summary(report), out)
    out.write(f"\nall {report.rows:,} verdicts are right, compared with what the endpoint holds\n")
    out.write(f"\ninput:  {visible(str(sample.path.resolve()))}\nreport: {visible(str(output.path))}\n")
    if not parquet:
        say("pyarrow is not installed, so the report is CSV: pip install 'layercheck[parquet]'")
