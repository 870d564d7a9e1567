"""SOURCE of `layout` and `push-plan`: a folder, an archive, a manifest, or standard input."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from layercheck.cli.exit_codes import CommandError
from layercheck.cli.input_files import STDIN, named, total_bytes
from layercheck.errors import LayoutError
from layercheck.redact import one_line


def open_source(source: str) -> str | BinaryIO:
    """What the package reads: the path, or standard input without its buffer, so that a wait for it can end.

    Raises:
        CommandError: Standard input is closed.
        click.UsageError: Standard input is a terminal.
    """
    if source != STDIN:
        return source
    if sys.stdin is None:
        raise CommandError("standard input is closed; name SOURCE")
    if sys.stdin.isatty():
        raise click.UsageError("standard input is a terminal; pipe an archive into it, or name SOURCE")
    raw = getattr(sys.stdin.buffer, "raw", None)
    return raw if isinstance(raw, io.FileIO) else sys.stdin.buffer


def size_of(source: str) -> int | None:
    """Bytes to read, for the progress bar; None if that is not known."""
    try:
        return None if Path(source).is_dir() else total_bytes([source])
    except (OSError, ValueError, AttributeError):
        return None  # opening it says what is wrong


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Makes one line of what goes wrong while SOURCE is read.

    Raises:
        CommandError: SOURCE is not an image, or cannot be read.
    """
    name = named(source)
    try:
        yield
    except LayoutError as error:
        text = one_line(str(error))
        raise CommandError(f"{name}: {text}" if source == STDIN else text) from error
    except FileNotFoundError as error:
        raise CommandError(
            f"no such file or folder: {name}; check the path, or use - for standard input"
        ) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        where = named(os.fsdecode(error.filename)) if error.filename else name
        raise CommandError(f"cannot read {where}: {reason}; check its owner and mode") from error
