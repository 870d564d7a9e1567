"""`layercheck plan` and `check --dry-run`: count what would be asked, without asking."""

from __future__ import annotations

import sys
from typing import Any, Literal, TypeAlias

import click

from layercheck._core import Plan
from layercheck.aws.service_quotas import DEFAULT_SHARE, QUOTAS
from layercheck.cli import input_files
from layercheck.cli.options import (
    input_options,
    input_shape,
    lines_option,
    progress_style,
    quiet_options,
    rate_option,
)
from layercheck.cli.output import json_line
from layercheck.cli.progress import display

Rate: TypeAlias = float | Literal["quota", "max"]

SPELLINGS = {
    "canonical": "sha256:<hex>",
    "upper_case": "upper or mixed case",
    "white_space": "white space around it",
    "bare_hex": "64 hex digits alone",
    "underscore": "sha256__<hex>",
    "reference": "<reference>@sha256:<hex>",
    "blob_path": "blobs/sha256/<hex>",
    "registry_path": "blobs/sha256/ab/<hex>/data or _layers/sha256/<hex>/link",
    "blob_url": "…/blobs/sha256:<hex>",
    "image_id": "docker://sha256:<hex>",
    "sha256sum": "<hex>  <file>, of sha256sum",
    "sha256sum_tag": "SHA256 (<file>) = <hex>",
}
REJECTS = {
    "empty": "nothing in the row",
    "wrong_length": "not 64 hex digits",
    "not_hexadecimal": "a character that is not a hex digit",
    "unsupported_algorithm": "an algorithm other than sha256",
    "tag_like": "sha256-<hex>, which is a tag and not a layer",
    "not_canonical": "rejected by --strict",
    "not_text": "not text",
    "manifest_path": "a path or URL of a manifest, not of a layer",
}


@click.command("plan", short_help="Count and validate digests offline.")
@input_options
@click.option("--public", is_flag=True, help="Compute times for ECR Public instead of private ECR.")
@rate_option
@lines_option
@quiet_options
def plan(
    inputs: tuple[str, ...],
    public: bool,
    rate: Rate | None,
    format_: Literal["table", "jsonl"],
    quiet: bool,
    **options: Any,
) -> None:
    """Count and validate digests offline: kinds, duplicates, calls, time at the quota.

    INPUT: text files with one digest per line, CSV or JSON Lines, plain, gzip or zstd; Parquet, Arrow or ORC;
    images, of which the configs and layers are taken: OCI layout folders, archives such as those of docker
    save, manifests; - (the default) is standard input.
    """
    options["shape"] = input_shape(options)
    names = input_files.resolve(inputs)
    with display(quiet=quiet, progress=progress_style(options)) as shown:
        reading = input_files.read_with_progress(names, options, shown)
    if format_ != "table" or not quiet:
        show(reading.plan, registry="public" if public else "private", format_=format_, rate=rate)


def show(
    plan: Plan,
    *,
    registry: Literal["private", "public"],
    format_: Literal["table", "jsonl"],
    rate: Rate | None = None,
) -> None:
    """Writes the numbers of a plan to standard output."""
    numbers = describe(plan, registry=registry, rate=rate)
    if format_ == "jsonl":
        sys.stdout.write(json_line(numbers))
        return
    _show_table(numbers)


def describe(
    plan: Plan, *, registry: Literal["private", "public"], rate: Rate | None = None
) -> dict[str, Any]:
    """The numbers of a plan: rows == unique + duplicates + invalid, calls == ceil(unique / batch_size).

    Args:
        plan: The plan.
        registry: The kind of registry, which has the quota.
        rate: `--rate`. The account's own quota is not known offline, so `quota` is the default quota.
    """
    quota = QUOTAS["ecr-public" if registry == "public" else "ecr"].calls_per_second
    calls = len(plan)
    chosen: float | None = quota * DEFAULT_SHARE
    if rate is not None:
        chosen = None if rate == "max" else float(quota if rate == "quota" else rate)
    return {
        "rows": plan.rows,
        "unique": plan.unique,
        "duplicates": plan.duplicates,
        "invalid": plan.invalid,
        "batch_size": plan.batch_size,
        "calls": calls,
        "registry": registry,
        "quota_calls_per_second": quota,
        "seconds_at_quota": calls / quota,
        "seconds_at_default_rate": calls / (quota * DEFAULT_SHARE),
        "rate_calls_per_second": chosen,
        "seconds_at_rate": None if chosen is None else calls / chosen,
        "spellings": dict(plan.spellings),
        "rejects": dict(plan.reject_counts),
    }


def _show_table(numbers: dict[str, Any]) -> None:
    from rich.console import Group
    from rich.text import Text

    from layercheck.cli.numbers_table import numbers_table, show
    from layercheck.display.wording import duration

    kinds = numbers_table("accepted as", "rows")
    kinds.add_column("")
    _add_kinds(kinds, numbers["spellings"], SPELLINGS)
    if any(numbers["rejects"].values()):
        kinds.add_row()
        kinds.add_row(Text("rejected as", style="dim"))
        _add_kinds(kinds, numbers["rejects"], REJECTS)
    totals = numbers_table("", "")
    totals.show_header = False
    for word in ("rows", "invalid", "duplicates", "unique"):
        totals.add_row(word, f"{numbers[word]:,}", style="bold" if word == "unique" else "")
    totals.add_row("calls", f"{numbers['calls']:,}", style="bold")
    name = "ECR Public" if numbers["registry"] == "public" else "private ECR"
    quota = numbers["quota_calls_per_second"]
    rate = numbers["rate_calls_per_second"]
    if rate is None:
        first = "at --rate max, as fast as the service answers"
    else:
        name_of_rate = "the default rate" if rate == quota * DEFAULT_SHARE else "the rate"
        first = f"at {name_of_rate} of {rate:,g} calls/s: {duration(numbers['seconds_at_rate'])}"
    times = (
        f"\n{first}\n"
        f"at the full default quota of {name}, {quota:,} calls/s: {duration(numbers['seconds_at_quota'])}"
    )
    show(Group(kinds, Text(), totals, Text(times)), sys.stdout)


def _add_kinds(table: Any, counts: dict[str, int], notes: dict[str, str]) -> None:
    from rich.text import Text

    for kind, rows in counts.items():
        if rows:
            table.add_row(kind, f"{rows:,}", Text(notes[kind], style="dim"))
    if not any(counts.values()):
        table.add_row(Text("none", style="dim"), "0")
