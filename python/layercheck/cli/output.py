"""Where the report goes and in which format: chosen, and tested by a trial write, before the run starts."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias, cast

import click

from layercheck.cli.exit_codes import CommandError
from layercheck.cli.streams import abandon_stdout
from layercheck.file_formats import (
    COMPRESSIBLE,
    REPORT_SUFFIXES,
    TABLE_SUFFIXES,
    ReportFormat,
    compressed_suffix,
    is_utf_8,
    report_format,
    why_uncompressed,
)
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    from layercheck.report import Report

Format: TypeAlias = Literal["table"] | ReportFormat
FORMATS: tuple[Format, ...] = ("table", "jsonl", "csv", "parquet", "arrow")
PAGE_FORMATS: tuple[Format, ...] = (*FORMATS, "html")
HELP = "Write the report here: .jsonl or .csv (also .gz, .zst), .parquet, .arrow; - is standard output."
PAGE_HELP = HELP.replace("; -", ", .html (a page for people); -") + " Several -o write several files."
_BINARY: frozenset[Format] = frozenset({"parquet", "arrow"})
_WHOLE: frozenset[Format] = _BINARY | {"html"}
"""Formats that are made as a whole file, and then copied to standard output."""


@dataclass(frozen=True, slots=True)
class Output:
    """Destination and format of the report.

    Attributes:
        format: The format; `table` means the summary and no report.
        path: The file, links resolved; None for standard output.
        only: The verdicts whose rows are written; None for all.
        unique: Write one line for each digest instead of one for each row.
    """

    format: Format
    path: Path | None = None
    only: frozenset[Verdict] | None = None
    unique: bool = False

    @property
    def to_stdout(self) -> bool:
        """Whether rows go to standard output, so that the summary goes to standard error."""
        return self.path is None and self.format != "table"


def prepare(
    output: str | None,
    format_: Format | None,
    inputs: Sequence[str] = (),
    journal: str | None = None,
    *,
    only: frozenset[Verdict] | None = None,
    unique: bool = False,
    page: bool = False,
) -> Output:
    """Chooses format and destination and tests that they work, so that no finished run fails to be written.

    Args:
        output: `--output`; `-` is standard output.
        format_: `--format`; default the format of the suffix, `jsonl` for `-`, or `table`.
        inputs: INPUT arguments. The report must not overwrite one of them.
        journal: `--journal`, which the report must not overwrite either.
        only: `--only`.
        unique: `--unique`.
        page: Whether the report may be a page, `html`.

    Raises:
        click.UsageError: If the two options contradict each other.
        CommandError: If the folder or pyarrow is missing, or the folder cannot be written to.
    """
    if output is None or output == "-":
        chosen = format_ or ("table" if output is None else "jsonl")
        if chosen in _BINARY and sys.stdout is not None and sys.stdout.isatty():
            raise click.UsageError(
                f"{chosen} is binary and would garble the terminal; add -o FILE.{chosen} or a pipe"
            )
        path = None
    else:
        chosen, path = _format_of(output, format_, page), _writable(output, inputs, journal)
    if chosen == "table" and (only is not None or unique):
        raise click.UsageError(
            "--only and --unique choose rows of the report; add -o FILE, or --format jsonl"
        )
    if path is not None and chosen in _BINARY and not is_utf_8(str(path)):
        raise CommandError(
            f"-o {output!r}: pyarrow, which writes {chosen}, needs a path in UTF-8; choose another name, "
            "or csv or jsonl"
        )
    chosen_output = Output(chosen, path, only, unique)
    if chosen_output.format in _BINARY and importlib.util.find_spec("pyarrow") is None:
        raise CommandError(
            f"{chosen_output.format} needs pyarrow, which is not installed; "
            "pip install 'layercheck[parquet]', or choose csv or jsonl"
        )
    return chosen_output


def _format_of(output: str, format_: Format | None, page: bool) -> Format:
    if format_ == "table":
        more = ", arrow or html" if page else " or arrow"
        raise click.UsageError(f"--format table is the summary itself; -o takes jsonl, csv, parquet{more}")
    if format_ is not None:
        if compressed_suffix(output) and format_ not in COMPRESSIBLE:
            raise click.UsageError(
                f"-o {output}: only csv and jsonl are compressed as a whole; leave out "
                f"{compressed_suffix(output)}, because {why_uncompressed(format_)}"
            )
        return format_
    found = report_format(output)
    if found is None or (found == "html" and not page):
        suffixes = ", ".join(REPORT_SUFFIXES if page else TABLE_SUFFIXES)
        raise click.UsageError(
            f"-o {output}: the suffix does not name a format; end the name with "
            f"{suffixes} (behind a text format also .gz or .zst), or add --format"
        )
    return found


def _writable(output: str, inputs: Sequence[str], journal: str | None) -> Path:
    # The report replaces the file that a link points to, and the link stays.
    path = Path(output).expanduser().resolve()
    folder = path.parent
    if path.is_dir():
        raise CommandError(f"-o {output!r} is a directory; add a file name")
    # A pipe of this process, such as /dev/fd/63, resolves to a name that does not exist.
    if (path.exists() or Path(output).exists()) and not path.is_file():
        # Renaming the finished report to /dev/null or a pipe would replace the device or the pipe.
        raise CommandError(
            f"-o {output!r} is a device or a pipe, not a file; use -o - for standard output, and redirect it"
        )
    if not folder.is_dir():
        raise CommandError(
            f"-o {output!r}: the folder {str(folder)!r} does not exist; make it first: mkdir -p"
        )
    for name in inputs:
        if name != "-" and path.exists() and path.samefile(name):
            raise CommandError(
                f"-o {output!r} is also an INPUT and would be overwritten; choose another name"
            )
    if journal is not None and path == Path(journal).resolve():
        raise CommandError(f"-o {output!r} is also the journal and would replace it; choose another name")
    try:
        # A trial write also detects read-only mounts and quotas, which permission bits do not show.
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{path.name[:32]}."):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CommandError(
            f"-o {output!r}: cannot write in {str(folder)!r}: {reason}; choose another"
        ) from error
    return path


def write(report: Report, output: Output, full: Sequence[Path] = ()) -> None:
    """Writes the report as `output` says; does nothing for `table`.

    Args:
        report: The report.
        output: Where and how.
        full: The files with all rows, to which a page links.

    Raises:
        CommandError: If the disk is full or fails. A file that existed before then stays unchanged.
    """
    if output.format == "table":
        return
    if output.path is not None:
        try:
            report.write(output.path, format=output.format, unique=output.unique, only=output.only, full=full)
        except OSError as error:
            reason = error.strerror or str(error)
            what_to_do = _advice(error, "make room or choose another folder")
            raise CommandError(f"cannot write {str(output.path)!r}: {reason}; {what_to_do}") from error
        return
    with stdout_failures():
        sys.stdout.flush()
        if output.format in _WHOLE:
            _copy_through_file(report, output)
        else:
            _copy_through_pipe(report, output)


def _advice(error: OSError, otherwise: str) -> str:
    return "raise ulimit -n" if error.errno in (errno.EMFILE, errno.ENFILE) else otherwise


def _copy_through_file(report: Report, output: Output) -> None:
    # The table of contents of a Parquet file is at its end, so the file cannot be streamed.
    with tempfile.TemporaryDirectory(prefix="layercheck-") as folder:
        path = Path(folder) / f"report.{output.format}"
        report.write(path, format=output.format, unique=output.unique, only=output.only)
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
            sys.stdout.buffer.flush()


def _copy_through_pipe(report: Report, output: Output) -> None:
    """Copies the native writer's output through a pipe, with constant memory and without a file.

    The writer takes a path. `/dev/stdout` is not suitable, because opening it truncates a redirected file.
    """
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def produce() -> None:
        try:
            table = report.table(unique=output.unique, only=output.only)
            (table.write_csv if output.format == "csv" else table.write_jsonl)(f"/dev/fd/{writing}")
        except BaseException as error:  # noqa: BLE001 - raised again on the other thread
            failures.append(error)
        finally:
            os.close(writing)

    producer = threading.Thread(target=produce, name="layercheck-output", daemon=True)
    producer.start()
    out = cast("BinaryIO", sys.stdout.buffer)
    try:
        # If the reader of standard output has left, closing the reading end of the pipe ends the producer.
        with open(reading, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor, not a path
            while block := pipe.read(1 << 16):
                out.write(block)
            out.flush()
    finally:
        producer.join()
    if failures:
        raise failures[0]


@contextmanager
def stdout_failures() -> Iterator[None]:
    """A block that writes to standard output, whose reader may leave, as `head` does.

    Raises:
        CommandError: If standard output is full or fails.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        abandon_stdout()
    except OSError as error:
        abandon_stdout()
        raise CommandError(
            f"cannot write to standard output: {error.strerror or error}; make room there"
        ) from error


def json_line(value: Any) -> str:
    """The value as one line of JSON in visible ASCII characters."""
    # Python escapes all other characters that a terminal acts on.
    return json.dumps(value).replace("\x7f", "\\u007f") + "\n"
