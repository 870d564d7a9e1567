"""`layercheck serve`: the local ECR endpoint in a terminal, to try things on."""

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
from layercheck.cli.signals import Interrupts

if TYPE_CHECKING:
    from layercheck.testing import LocalEcr

DEFAULT_REPOSITORY = "app"


@click.command("serve", short_help="Run a local ECR endpoint to try things on.")
@click.option(
    "--repository",
    "repositories",
    multiple=True,
    metavar="NAME[=FILE]",
    help=f"A repository that holds the digests of FILE, or, without FILE, a part of all digests. "
    f"Repeatable; default {DEFAULT_REPOSITORY}.",
)
@click.option(
    "--oci-layout",
    "layouts",
    multiple=True,
    metavar="[NAME=]DIR",
    help="Configs and layers of an OCI image layout. Repeatable.",
)
@click.option(
    "--fraction",
    type=click.FloatRange(0, 1),
    metavar="0..1",
    help="Part of all digests that a repository without FILE holds. Default: what ends in an even hex digit.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    default=0,
    help="Port on 127.0.0.1; by default a free one.",
)
@click.option(
    "--region", metavar="REGION", default="us-east-1", show_default=True, help="Region it pretends to be in."
)
@click.option(
    "--latency-ms",
    type=click.FloatRange(0),
    metavar="MS",
    default=0.0,
    help="Milliseconds before each answer.",
)
@click.option(
    "--throttle",
    metavar="RATE[:BURST]",
    help="Throttle beyond so many calls per second, and so many at once.",
)
@click.option(
    "--error-rate",
    type=click.FloatRange(0, 1),
    metavar="0..1",
    default=0.0,
    help="Part of the calls that end with a 500.",
)
@click.option(
    "--seed", type=int, metavar="N", default=0, help="Another seed fails other calls of --error-rate."
)
@click.option(
    "--tls", is_flag=True, help="Serve HTTPS, with a certificate of an authority made for this run."
)
@click.option("-q", "--quiet", is_flag=True, help="Only the endpoint's address.")
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
    """Run a local ECR endpoint until Ctrl-C: no AWS account, any credentials.

    It speaks the protocol of ECR and ECR Public on 127.0.0.1. Its address is the line on standard output;
    with --tls a second one is the file by which clients trust it, and it goes when the endpoint ends.
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
    with ecr, Interrupts():
        try:
            told = _seed(ecr, repositories, layouts, fraction, seed)
            told += ["try, in another terminal:", ""]
            if ecr.ca_bundle is not None:
                told += [f"  {line}" for line in _trust(ecr.ca_bundle)]
            told += [f"  {_example(ecr, repositories, region)}", "", "end with Ctrl-C"]
            sys.stdout.write("".join(f"{line}\n" for line in (ecr.endpoint_url, ecr.ca_bundle) if line))
            sys.stdout.flush()
            if not quiet:
                _tell(told)
            while True:
                signal.pause()
        except KeyboardInterrupt:
            if not quiet:
                _tell(["", _counted(ecr)])
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
    """Fills the repositories; one line for each says what it holds."""
    told = []
    if not repositories and not layouts:
        repositories = (DEFAULT_REPOSITORY,)
    for text in repositories:
        name, has_file, file = text.partition("=")
        with _named(name):
            if has_file:
                plan = input_files.read_plan(input_files.resolve([file])).plan
                ecr.put(name, plan.texts(0, plan.unique))
                told.append(f"{name} holds {plan.unique:,} digests of {file}")
            elif fraction is None:
                ecr.set_rule(name, "even")
                told.append(f"{name} holds every digest that ends in an even hex digit")
            else:
                ecr.set_rule(name, "fraction", fraction=fraction, seed=seed)
                told.append(f"{name} holds {fraction:.1%} of all digests, chosen by --seed {seed}")
    for text in layouts:
        name, named, folder = text.rpartition("=")
        name = name if named else DEFAULT_REPOSITORY
        try:
            count = ecr.put_oci_layout(name, folder)
        except (OSError, ValueError) as error:
            reason = f"{error}; expected a folder with index.json and blobs"
            raise CommandError(f"cannot read the OCI layout {folder!r}: {reason}") from error
        told.append(f"{name} holds {count:,} configs and layers of {folder}")
    return told


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise click.UsageError(f"--repository {name!r}: {error}") from error


def _example(ecr: LocalEcr, repositories: tuple[str, ...], region: str) -> str:
    """A command that works as it stands, wherever it is pasted."""
    name, _, file = (repositories[0] if repositories else ecr.repositories[0]).partition("=")
    # Any credentials will do, and these are not the user's.
    credentials = "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
    options = ["--region", region, "--endpoint-url", ecr.endpoint_url]
    rows = [] if file in ("", "-") else [str(Path(file).resolve())]
    digests = "" if rows else "printf 'sha256:%064d\\n' 1 2 3 4 | "
    return f"{digests}{credentials} {shlex.join(['layercheck', 'check', name, *rows, *options])}"


def _trust(ca_bundle: str) -> list[str]:
    """Lines for a shell, after which boto3 and the AWS CLI trust the endpoint."""
    return [f"export AWS_CA_BUNDLE={shlex.quote(ca_bundle)}"]


def _counted(ecr: LocalEcr) -> str:
    counters = ecr.counters
    return f"{counters.calls:,} calls for {counters.digests:,} digests, {counters.throttled:,} throttled"


def _tell(lines: list[str]) -> None:
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()
