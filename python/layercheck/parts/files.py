"""`Files`: the tables of a run in one folder, local or on any file system that pyarrow reaches."""

from __future__ import annotations

import importlib
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layercheck.errors import JournalError
from layercheck.redact import clean
from layercheck.shard.folder import FOLDER, Folder, beneath, check_own, checked_path, open_folder

if TYPE_CHECKING:
    import pyarrow as pa

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


@dataclass(frozen=True, slots=True)
class Files:
    """The folder of a run; only its path crosses to the workers.

    Every file is written under a name of its own and then renamed. So a reader finds whole files only, and
    two attempts at one task never write into the same file.

    Attributes:
        path: A path without a slash at its end, absolute if it is local, or a URL such as `s3://bucket/run`.
    """

    path: str

    @classmethod
    def at(cls, path: str | os.PathLike[str], name: str = "path") -> Files:
        """Return the files at a path.

        Args:
            path: What the caller gave.
            name: The name of the argument.

        Raises:
            TypeError: `path` is not a path.
            InvalidParameterError: It is empty, or is a URL with a user name or a password.
        """
        text = checked_path(path, name)
        text = re.sub(r"\As3[an]://", "s3://", text)
        text = re.sub(r"\Afile:/+", "/", text)
        # Workers may run in other folders, so that a relative path would mean another place there.
        return cls(text.rstrip("/") if _URL.match(text) else str(Path(text).absolute()))

    @property
    def records(self) -> Folder:
        """The folder of the manifests."""
        return open_folder(self.url(FOLDER))

    def check_own(self) -> None:
        """Refuse a path where something else than a run of layercheck is.

        Raises:
            InvalidParameterError: It has files, and no run began in it.
        """
        check_own(open_folder(self.path))

    def table(self, name: str) -> Any:
        """Open a Parquet file, as a `pyarrow.parquet.ParquetFile`. Close it, or use it in a `with`."""
        system, folder = self._open()
        return importlib.import_module("pyarrow.parquet").ParquetFile(
            system.open_input_file(f"{folder}/{name}")
        )

    def note(self, name: str, key: str) -> bytes | None:
        """Return a text that `write` left in a file; None if there is no such file, or it is broken."""
        try:
            with self.table(name) as file:
                return note_of(file, key)
        except (OSError, ValueError):  # ArrowInvalid is a ValueError
            return None

    @contextmanager
    def writing(self, name: str) -> Iterator[Any]:
        """Yield a stream for a new file, which appears under its name when the block ends well.

        Raises:
            JournalError: The file cannot be written.
        """
        system, folder = self._open()
        inner = f"{folder}/{name}"
        directory, _, last = inner.rpartition("/")
        # Readers of tables skip names that begin with a dot.
        temporary = f"{directory}/.{last}.{uuid.uuid4().hex}"
        try:
            with self._told(name):
                system.create_dir(directory, recursive=True)
                stream = system.open_output_stream(temporary)
            try:
                yield stream
            finally:
                with self._told(name):
                    stream.close()
            with self._told(name):
                self._sync(system, temporary)
                system.move(temporary, inner)
                self._sync(system, directory)
        finally:
            with suppress(OSError):
                system.delete_file(temporary)

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JournalError(
                f"{clean(self.url(name), 300)} cannot be written: {clean(str(error), 300)}"
            ) from error

    def write(
        self,
        name: str,
        batches: Iterable[Any],
        schema: pa.Schema,
        *,
        notes: Callable[[], Mapping[str, str]] | None = None,
        **options: Any,
    ) -> None:
        """Write record batches as a Parquet file, a row group each.

        Args:
            name: The name of the file.
            batches: The record batches. If they raise, there is no file.
            schema: Their schema.
            notes: Called after the last batch; returns texts for the metadata of the file.
            **options: Options of `pyarrow.parquet.ParquetWriter`.
        """
        writer = importlib.import_module("pyarrow.parquet").ParquetWriter
        with self.writing(name) as stream:
            with self._told(name):
                parquet = writer(stream, schema, **options)
            try:
                for batch in batches:  # an error of theirs is about what they read
                    with self._told(name):
                        parquet.write_batch(batch)
                if notes is not None:
                    parquet.add_key_value_metadata(dict(notes()))
            finally:
                with self._told(name):
                    parquet.close()

    def names(self, folder: str) -> list[str]:
        """Return the names of the files of a folder in order; nothing if there is no such folder.

        A file that a worker did not finish has a name that begins with a dot, and is not among them.
        """
        system, inner = self._open()
        selector = importlib.import_module("pyarrow.fs").FileSelector(
            f"{inner}/{folder}", allow_not_found=True
        )
        found = (each.base_name for each in system.get_file_info(selector) if each.is_file)
        return sorted(name for name in found if not name.startswith("."))

    def names_below(self, folder: str) -> list[str]:
        """Return the names of all files in a folder and in its folders, beneath the path of the run."""
        system, inner = self._open()
        selector = importlib.import_module("pyarrow.fs").FileSelector(
            f"{inner}/{folder}", allow_not_found=True, recursive=True
        )
        found = (each.path for each in system.get_file_info(selector) if each.is_file)
        return [f"{folder}/{path.rpartition(f'{inner}/{folder}/')[2]}" for path in found]

    def remove(self, folder: str) -> None:
        """Remove a folder with all files in it, if it is there."""
        system, inner = self._open()
        with suppress(FileNotFoundError):
            system.delete_dir(f"{inner}/{folder}")

    def url(self, name: str) -> str:
        """Return the path or the URL of a file."""
        return beneath(self.path, name)

    def _open(self) -> tuple[Any, str]:
        filesystem = importlib.import_module("pyarrow.fs")
        if not _URL.match(self.path):
            return filesystem.LocalFileSystem(), self.path
        try:
            system, inner = filesystem.FileSystem.from_uri(self.path)
        except (OSError, ValueError) as error:
            shown = clean(self.path, 200)
            raise JournalError(f"cannot open {shown!r}: {clean(str(error), 300)}") from None
        return system, inner.rstrip("/")

    @staticmethod
    def _sync(system: Any, path: str) -> None:
        """Write a local file, or the names in a local folder, to the disk."""
        if system.type_name == "local":
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def note_of(table: Any, key: str) -> bytes | None:
    """Return a text that `Files.write` left in a file that `Files.table` opened; None if there is none."""
    found: bytes | None = (table.metadata.metadata or {}).get(key.encode())
    return found


def slice_folder(folder: str, slice: int) -> str:
    """Return the folder with the files of the parts of a slice."""
    return f"{folder}slice={slice:04d}"


def part_file(folder: str, slice: int, part: int, parts: int) -> str:
    """Return the name of the file of one part of a slice."""
    return f"{slice_folder(folder, slice)}/part-{part:04d}-of-{parts:04d}.parquet"


def digest_folder(run: str) -> str:
    """Return where a preparation leaves digests for each part; `run` names the preparation."""
    return f"{FOLDER}/digests-{run}/"


def piece_folder(run: str) -> str:
    """Return where a preparation leaves digests for each piece of the input."""
    return f"{FOLDER}/pieces-{run}/"
