"""`Folder`: where the driver keeps small files beside the tables of a run, on any file system."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from layercheck.errors import InvalidParameterError, JournalError
from layercheck.redact import clean, has_secret, without_user
from layercheck.report.atomic_write import atomic_write
from layercheck.shard.table import arrow

FOLDER = "_layercheck"
"""The folder of the manifests, beside the verdicts."""
LIMIT_BYTES = 1 << 20
"""Most bytes of a file that is read: a manifest has about 1 kB, the record of 4,096 slices under 400 kB."""

_OWN = re.compile(r"[._]|(?:slice=[0-9]{1,4}|last-[0-9a-f]{1,32}|images|lost\+found)\Z")
"""Names that may be in the folder of a run before it begins."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_CONTAINER = re.compile(r"\A(abfss?://)[^/@:]*@")
"""Azure writes the container of a storage account before the `@`, where other URLs have a user."""


def checked_path(path: object, name: str = "path") -> str:
    """Return a path or a URL as text.

    Args:
        path: What the caller gave.
        name: The name of the argument.

    Raises:
        TypeError: It is not a path.
        InvalidParameterError: It is empty, or is a URL with a user name or a password.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{name} is a {type(path).__name__}; expected a str or a path object")
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"{name} is a path of bytes; expected a str or a path object")
    if not text.strip():
        raise InvalidParameterError(f"{name} is empty; expected a folder, such as /shared/audit")
    base, mark, query = text.partition("?")
    base = _CONTAINER.sub(r"\1", base)
    if _SCHEME.match(text) and (without_user(base) != base or has_secret(mark + query)):
        raise InvalidParameterError(
            f"{name} is a URL with a user name or a password, which every worker and every message would "
            "get; leave it out, and give the workers credentials of their own"
        )
    return text


def beneath(path: str, name: str) -> str:
    """Return the path or the URL of what is in a folder; the query of a URL stays at its end."""
    base, mark, query = path.partition("?") if _SCHEME.match(path) else (path, "", "")
    return f"{base.rstrip('/')}/{name}{mark}{query}"


def check_own(folder: Folder, *, replaces: bool = False) -> None:
    """Refuse a path where something else than a run of layercheck is, such as a table of the caller's.

    Who reads that table later would read the verdicts as rows of it. Names that begin with a dot or an
    underscore are not part of a table, and folders of an earlier run may be there without its records.

    Args:
        folder: The folder of the path itself.
        replaces: The run writes over folders `slice=N` that are there, so that these must be of a run.

    Raises:
        InvalidParameterError: It has files, and no run began in it.
    """
    names = folder.names()
    if FOLDER in names:
        return
    own = {name for name in names if _OWN.match(name) and not (replaces and name.startswith("slice="))}
    other = min({*names} - own, default=None)
    if other is not None:
        raise InvalidParameterError(
            f"path is {folder!r}, where {clean(other, 100)!r} is and no run began; pass a folder that is new "
            "or empty"
        )


class Folder(Protocol):
    """A folder with small files. An engine with a file system of its own passes an object of this kind."""

    def read(self, name: str) -> bytes | None:
        """Return at most `LIMIT_BYTES` and one byte of a file; None if there is no such file."""

    def write(self, name: str, content: bytes) -> None:
        """Write a whole file so that a reader finds either the old one or the new one."""

    def names(self) -> list[str]:
        """Return the names of the files; nothing for a folder that does not exist."""


def open_folder(path: str | os.PathLike[str]) -> Folder:
    """Return the folder of a path or of a URL that pyarrow knows (`s3://`, `hdfs://`, `gs://`, `file:`).

    `s3a://` and `s3n://`, which Spark uses, are `s3://`, and `dbfs:/` is `/dbfs/`.

    Raises:
        JournalError: The URL names no file system that pyarrow can reach.
    """
    text = os.fspath(path)
    text = re.sub(r"\As3[an]://", "s3://", text)
    text = re.sub(r"\Adbfs:/+", "/dbfs/", text)
    text = re.sub(r"\Afile:/+", "/", text)
    if not _SCHEME.match(text):
        return _LocalFolder(Path(text))
    filesystem = importlib.import_module("pyarrow.fs")
    try:
        system, inner = filesystem.FileSystem.from_uri(text)
    except (arrow().ArrowException, OSError, ValueError) as error:
        raise JournalError(f"cannot open {clean(text, 200)!r}: {clean(str(error), 300)}") from None
    return _ArrowFolder(system, inner.rstrip("/"), text)


class _LocalFolder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __repr__(self) -> str:
        return str(self._path)

    def read(self, name: str) -> bytes | None:
        try:
            with (self._path / name).open("rb") as file:
                return file.read(LIMIT_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed("read", self, name, error) from error

    def write(self, name: str, content: bytes) -> None:
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            with atomic_write(self._path / name) as temporary:
                Path(temporary).write_bytes(content)
        except OSError as error:
            raise _failed("written", self, name, error) from error

    def names(self) -> list[str]:
        try:
            return sorted(each.name for each in self._path.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _failed("read", self, "", error) from error


class _ArrowFolder:
    def __init__(self, system: Any, path: str, shown: str) -> None:
        self._system = system
        self._path = path
        self._shown = clean(shown, 200)

    def __repr__(self) -> str:
        return self._shown

    def read(self, name: str) -> bytes | None:
        def read() -> bytes:
            with self._system.open_input_stream(f"{self._path}/{name}") as file:
                return bytes(file.read(LIMIT_BYTES + 1))

        try:
            content: bytes = self._tried("read", name, read)
        except FileNotFoundError:
            return None
        return content

    def write(self, name: str, content: bytes) -> None:
        def write() -> None:
            self._system.create_dir(self._path, recursive=True)
            # An object store shows an object when it is whole. Elsewhere the rename does.
            whole = self._system.type_name in ("s3", "gcs", "abfs")
            temporary = name if whole else f".{name}.part"
            with self._system.open_output_stream(f"{self._path}/{temporary}") as file:
                file.write(content)
            if not whole:
                self._system.move(f"{self._path}/{temporary}", f"{self._path}/{name}")

        self._tried("written", name, write)

    def names(self) -> list[str]:
        selector = importlib.import_module("pyarrow.fs").FileSelector

        def names() -> list[str]:
            found = self._system.get_file_info(selector(self._path, allow_not_found=True))
            return sorted(each.base_name for each in found)

        listed: list[str] = self._tried("read", "", names)
        return listed

    def _tried(self, verb: str, name: str, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except FileNotFoundError:
            raise
        except (arrow().ArrowException, OSError) as error:
            raise _failed(verb, self, name, error) from error


def _failed(verb: str, folder: Folder, name: str, error: BaseException) -> JournalError:
    where = f"{folder!r}/{name}" if name else repr(folder)
    return JournalError(f"{clean(where, 300)} cannot be {verb}: {clean(str(error), 300)}")
