"""Reading that takes long: it tells of its bytes, and it ends when its caller wants it to."""

from __future__ import annotations

import gzip
import io
import os
import sys
import tarfile
from pathlib import Path

import pytest

import layercheck as lc
from layercheck.layout.watched import read_watched

from .archives import Oci, named, packed_layer

LONG_BYTES = 40 << 30
"""Bytes of a layer that no machine hashes in a moment. The file has a hole in their place."""


@pytest.fixture
def archive() -> bytes:
    oci = Oci()
    return oci.index(oci.image(packed_layer("one"), **named("app:v1"))).archive()


@pytest.fixture
def long_archive(tmp_path: Path) -> Path:
    """An archive with one layer of zeros, which is long to read and takes no room."""
    entry = tarfile.TarInfo("layer.tar")
    entry.size = LONG_BYTES
    path = tmp_path / "long.tar"
    with path.open("wb") as file:
        file.write(entry.tobuf(tarfile.GNU_FORMAT))
        file.truncate(512 + LONG_BYTES + 1024)
    return path


class Enough(Exception):  # noqa: N818
    """What a caller raises."""


def enough(_: int) -> None:
    raise Enough


@pytest.mark.parametrize("how", ["path", "buffered", "unbuffered", "in memory", "pipe", "gzip"])
def test_all_bytes_of_a_file_are_told(how: str, archive: bytes, tmp_path: Path) -> None:
    content = gzip.compress(archive) if how == "gzip" else archive
    path = tmp_path / "archive"
    path.write_bytes(content)
    told: list[int] = []
    if how in ("path", "gzip"):
        layout = read_watched(path, on_bytes=told.append)
    elif how == "in memory":
        layout = read_watched(io.BytesIO(content), on_bytes=told.append)
    elif how == "pipe":
        reader, writer = os.pipe()
        os.write(writer, content)  # less than the buffer of a pipe
        os.close(writer)
        with io.FileIO(reader) as file:
            layout = read_watched(file, on_bytes=told.append)
    else:
        with path.open("rb", buffering=0 if how == "unbuffered" else -1) as file:
            layout = read_watched(file, on_bytes=told.append)
    assert len(layout.images) == 1
    assert sum(told) == len(content)


def test_a_long_archive_ends_when_its_caller_raises(long_archive: Path) -> None:
    with pytest.raises(Enough):
        read_watched(long_archive, on_bytes=enough)


@pytest.mark.parametrize("at_a_path", [True, False])
def test_a_pipe_without_data_ends_when_its_caller_raises(at_a_path: bool, tmp_path: Path) -> None:
    if at_a_path:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(Enough):
            read_watched(tmp_path / "pipe", on_bytes=enough)
        return
    reader, writer = os.pipe()
    with io.FileIO(reader) as file, pytest.raises(Enough):
        read_watched(file, on_bytes=enough)
    os.close(writer)


def test_a_pipe_at_a_path_is_read_to_its_end(archive: bytes, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    end = os.open(tmp_path / "pipe", os.O_RDWR)
    os.write(end, archive)
    told: list[int] = []

    def close_the_writer(count: int) -> None:
        told.append(count)
        if count == 0 and len(told) > 1 and end in open_ends:
            open_ends.remove(end)
            os.close(end)

    open_ends = [end]
    layout = read_watched(tmp_path / "pipe", on_bytes=close_the_writer)
    assert len(layout.images) == 1
    assert sum(told) == len(archive)


@pytest.mark.skipif(sys.platform == "win32", reason="needs the modules fcntl and resource")
def test_a_pipe_is_read_in_a_process_with_thousands_of_open_files(archive: bytes) -> None:
    import fcntl
    import resource

    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most[1]), most[1]))
    try:
        reader, writer = os.pipe()
        os.write(writer, archive)
        os.close(writer)
        with io.FileIO(fcntl.fcntl(reader, fcntl.F_DUPFD, 2000)) as file:
            assert len(read_watched(file).images) == 1
        os.close(reader)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, most)


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("kind", ["long", "silent"])
def test_the_time_of_a_push_plan_covers_reading(
    kind: str, dry_run: bool, long_archive: Path, tmp_path: Path
) -> None:
    source = long_archive
    if kind == "silent":
        source = tmp_path / "pipe"
        os.mkfifo(source)
    with pytest.raises(lc.UnansweredError, match=r"timeout_s is 0\.2 seconds, and the source was not read"):
        lc.push_plan(source, "team/app", timeout_s=0.2, dry_run=dry_run, region_name="eu-west-1")
