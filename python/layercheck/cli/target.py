"""REPOSITORY and the target options -> the keywords of `Checker`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from layercheck.cli.error_messages import in_options
from layercheck.cli.exit_codes import say
from layercheck.errors import InvalidParameterError
from layercheck.redact import visible
from layercheck.repository import refuse_pattern, resolve_repository


def target_keywords(repository: str, inputs: tuple[str, ...], options: Mapping[str, Any]) -> dict[str, Any]:
    """What `Checker` is called with, `repository_name` included.

    Args:
        repository: REPOSITORY.
        inputs: The INPUT arguments; they tell whether REPOSITORY stands in the wrong place.
        options: The command's options.

    Raises:
        click.UsageError: REPOSITORY cannot name a repository, or an option contradicts it.
    """
    _check_place(repository, inputs)
    try:
        refuse_pattern(repository)
        named = resolve_repository(
            repository,
            registry_id=options["registry_id"],
            region_name=options["region"],
            public=options["public"],
        )
    except InvalidParameterError as error:
        raise click.UsageError(in_options(str(error))) from error
    if named.ignored and not options["quiet"]:
        what = "layers belong to the repository, whatever the tag"
        say(f"{visible(named.ignored)!r} behind the name is ignored: {what}")
    return {
        "repository_name": named.name,
        "registry_id": named.registry_id,
        "public": named.public,
        "region_name": named.region_name,
        "profile_name": options["profile"],
        "endpoint_url": options["endpoint_url"],
    }


def _check_place(repository: str, inputs: tuple[str, ...]) -> None:
    """Refuses an INPUT in the place of REPOSITORY."""
    if repository == "-":
        raise click.UsageError("REPOSITORY comes before the INPUT: layercheck check REPOSITORY -")
    if re.match(r"sha256:", repository.strip(), re.IGNORECASE):
        raise click.UsageError(
            f"{repository!r} is a digest; REPOSITORY comes first, digests come from a file or standard input"
        )
    if _looks_swapped(repository, inputs):
        raise click.UsageError(
            f"REPOSITORY comes first, and {repository!r} is a file: "
            f"layercheck check REPOSITORY {shlex.quote(repository)}"
        )


def check_source_place(source: str, repository: str) -> None:
    """Refuses REPOSITORY in the place of SOURCE.

    Raises:
        click.UsageError: SOURCE does not exist, and a file or folder stands in the place of REPOSITORY.
    """
    if source != "-" and not _exists(source) and _exists(repository):
        what = "file" if _is_file(repository) else "folder"
        words = f"{shlex.quote(repository)} {shlex.quote(source)}"
        raise click.UsageError(
            f"SOURCE comes first, and {repository!r} is a {what}: layercheck push-plan {words}"
        )


def _looks_swapped(repository: str, inputs: tuple[str, ...]) -> bool:
    """Whether the first argument is a file of digests, and REPOSITORY stands behind it or is missing.

    A file may have the name of a repository. So the answer is yes only if the INPUT arguments cannot be
    right either, because there are none or one of them does not exist.
    """
    if not _is_file(repository):
        return False
    return not inputs or any(name != "-" and not _exists(name) for name in inputs)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False
