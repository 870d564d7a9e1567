"""`layercheck serve`: run the local ECR endpoint in a terminal."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from layercheck.cli import input_files
from layercheck.cli.exit_codes import CommandError, ExitCode
from layercheck.cli.signals import InterruptHandler
from layercheck.redact import visible

if TYPE_CHECKING:
    from layercheck.testing import LocalEcr

DEFAULT_REPOSITORY = "app"


@click.command("serve", short_help="Run a local ECR endpoint for experiments.")
@click.option(
    "--repository",
    "repositories",
    multiple=True,
    metavar="NAME[=FILE]",
    help="A repository with the digests of FILE; without FILE, with a part of all digests. "
    f"Repeatable; default {DEFAULT_REPOSITORY}.",
)
@click.option(
    "--oci-layout",
    "layouts",
    multiple=True,
    metavar="[NAME=]DIR",
    help="A repository with the images, configs and layers of an OCI image layout. Repeatable.",
)
@click.option(
    "--fraction",
    type=click.FloatRange(0, 1),
    metavar="0..1",
    help="Part of all digests in a repository without FILE. Default: those that end in an even hex digit.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    default=0,
    help="Port on 127.0.0.1; default any free port.",
)
@click.option(
    "--region",
    metavar="REGION",
    default="us-east-1",
    show_default=True,
    help="Region that the endpoint claims.",
)
@click.option(
    "--latency-ms",
    type=click.FloatRange(0),
    metavar="MS",
    default=0.0,
    help="Delay before each answer.",
)
@click.option(
    "--throttle",
    metavar="RATE[:BURST]",
    help="Throttle above RATE calls per second, after a burst of BURST calls.",
)
@click.option(
    "--error-rate",
    type=click.FloatRange(0, 1),
    metavar="0..1",
    default=0.0,
    help="Part of the calls that fail with HTTP status 500.",
)
@click.option(
    "--seed", type=int, metavar="N", default=0, help="Seed that chooses which calls fail by --error-rate."
)
@click.option("--tls", is_flag=True, help="Serve HTTPS, with a certificate authority created for this run.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the endpoint's address.")
def serve(
    repositories: tuple[str, ...],
    layouts: tuple[str, ...],
    fraction: float | None,
    port: int,
    region: str,
    latency_ms: float,
    throttle: str | None,
    error_rate: float,
    seed: int,
    tls: bool,
    quiet: bool,
) -> int:
    """Run a local ECR endpoint until Ctrl-C, without an AWS account. It accepts any credentials.

    The endpoint speaks the protocol of ECR and ECR Public on 127.0.0.1: the layer check, and for images
    ListImages, DescribeImages, BatchGetImage, PutImage and their like. Standard output shows its address.
    With --tls a second line shows the certificate file that clients need; the command deletes the file at
    its end.
    """
    from layercheck.testing import Fault, LocalEcr

    faults = [Fault("server_error", probability=error_rate)] if error_rate else []
    bucket = _throttle(throttle)
    try:
        ecr = LocalEcr(
            port=port,
            region_name=region,
            latency_ms=latency_ms,
            throttle=bucket,
            faults=faults,
            seed=seed,
            tls=tls,
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandError(f"cannot listen on port {port}: {reason}; choose another --port") from error
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        # Ctrl-C may arrive while the handler is being set, so the whole stands inside.
        with ecr, InterruptHandler():
            notes = _seed(ecr, repositories, layouts, fraction, seed)
            notes += ["try, in another terminal:", ""]
            if ecr.ca_bundle is not None:
                notes += [f"  {line}" for line in _trust(ecr.ca_bundle)]
            notes += [f"  {_example(ecr, repositories, region)}", "", "end with Ctrl-C"]
            sys.stdout.write("".join(f"{line}\n" for line in (ecr.endpoint_url, ecr.ca_bundle) if line))
            sys.stdout.flush()
            if not quiet:
                _write_notes(notes)
            while True:
                signal.pause()
    except KeyboardInterrupt:
        if not quiet:
            _write_notes(["", _call_counts(ecr)])
    return ExitCode.DONE


def _throttle(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    rate, _, burst = text.partition(":")
    try:
        pair = (float(rate), float(burst or rate))
    except ValueError:
        pair = (0.0, 0.0)
    if not all(0 < number < float("inf") for number in pair):
        raise click.BadParameter(
            f"{text!r}: expected calls per second, as in 200 or 200:400", param_hint="--throttle"
        )
    return pair


def _seed(
    ecr: LocalEcr, repositories: tuple[str, ...], layouts: tuple[str, ...], fraction: float | None, seed: int
) -> list[str]:
    """Fills the repositories. Returns one line for each, which says what it holds."""
    notes = []
    if not repositories and not layouts:
        repositories = (DEFAULT_REPOSITORY,)
    for text in repositories:
        name, has_file, file = text.partition("=")
        with _named(name):
            if has_file:
                plan = input_files.read_plan(input_files.resolve([file])).plan
                ecr.put(name, plan.texts(0, plan.unique))
                notes.append(f"{name} holds {plan.unique:,} digests of {file}")
            elif fraction is None:
                ecr.set_rule(name, "even")
                notes.append(f"{name} holds every digest that ends in an even hex digit")
            else:
                ecr.set_rule(name, "fraction", fraction=fraction, seed=seed)
                notes.append(f"{name} holds {fraction:.1%} of all digests, chosen by --seed {seed}")
    for text in layouts:
        name, named, folder = text.rpartition("=")
        name = name if named else DEFAULT_REPOSITORY
        try:
            count = ecr.put_oci_layout(name, folder)
        except (OSError, ValueError) as error:
            reason = f"{error}; expected a folder with index.json and blobs"
            raise CommandError(f"cannot read the OCI layout {folder!r}: {reason}") from error
        images = len(ecr.images(name))
        plural = "" if images == 1 else "s"
        notes.append(f"{name} holds {count:,} configs and layers of {folder}, and {images:,} image{plural}")
    return notes


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise click.UsageError(f"--repository {name!r}: {error}") from error


def _example(ecr: LocalEcr, repositories: tuple[str, ...], region: str) -> str:
    """A command that works unchanged in any shell and folder: it checks images if there are only layouts."""
    name, _, file = (repositories[0] if repositories else ecr.repositories[0]).partition("=")
    # The endpoint accepts any credentials, so the example does not use those of the user.
    credentials = "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
    options = ["--region", region, "--endpoint-url", ecr.endpoint_url]
    if not repositories and ecr.images(name):
        return f"{credentials} {shlex.join(['layercheck', 'images', name, *options])}"
    rows = [] if file in ("", "-") else [str(Path(file).resolve())]
    digests = "" if rows else "printf 'sha256:%064d\\n' 1 2 3 4 | "
    return f"{digests}{credentials} {shlex.join(['layercheck', 'check', name, *rows, *options])}"


def _trust(ca_bundle: str) -> list[str]:
    """Shell commands that make boto3 and the AWS CLI trust the endpoint."""
    return [f"export AWS_CA_BUNDLE={shlex.quote(ca_bundle)}"]


def _call_counts(ecr: LocalEcr) -> str:
    counters = ecr.counters
    manifests = f", {counters.manifests:,} manifests read" if counters.manifests else ""
    calls = f"{counters.calls:,} calls for {counters.digests:,} digests{manifests}"
    return f"{calls}, {counters.throttled:,} throttled"


def _write_notes(lines: list[str]) -> None:
    sys.stderr.write("".join(f"{visible(line)}\n" for line in lines))
    sys.stderr.flush()
