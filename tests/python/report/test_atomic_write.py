"""Atomic writes: a file is whole or absent, and unfinished files of killed writers are removed."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from layercheck.report.atomic_write import atomic_write


def write_half(path: Path, begun: Event, go_on: Event) -> None:
    with atomic_write(path) as temporary, Path(temporary).open("w") as file:
        file.write("half")
        file.flush()
        begun.set()
        go_on.wait(60)
        file.write(" and half")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("is_killed", [True, False])
def test_the_file_of_a_killed_writer_is_removed_and_that_of_a_living_writer_kept(
    tmp_path: Path, is_killed: bool
) -> None:
    report = tmp_path / "a.csv"
    report.write_text("old")
    context = multiprocessing.get_context("spawn")
    begun, go_on = context.Event(), context.Event()
    writer = context.Process(target=write_half, args=(report, begun, go_on))
    writer.start()
    assert begun.wait(60)
    assert writer.pid is not None
    assert len(names(tmp_path)) == 2
    assert report.read_text() == "old"
    if is_killed:
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(60)
    with atomic_write(report) as temporary:
        Path(temporary).write_text("new")
    assert report.read_text() == "new"
    assert len(names(tmp_path)) == (1 if is_killed else 2)
    if not is_killed:
        go_on.set()
        writer.join(60)
        assert (names(tmp_path), report.read_text()) == (["a.csv"], "half and half")


def test_files_with_other_names_are_kept(tmp_path: Path) -> None:
    others = [
        ".a.csv.part",
        ".a.csv.short.part",
        ".a.csv.b.abcd1234.part",
        "a.csv.abcd1234.part",
        ".b.csv.abcd1234.part",
    ]
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / ".a.csv.abcd1234.part").touch()
    (tmp_path / ".a.csv.abcd1235.part").mkdir()
    (tmp_path / ".a.csv.abcd1236.part").symlink_to(tmp_path / "elsewhere")
    with atomic_write(tmp_path / "a.csv") as temporary:
        Path(temporary).write_text("new")
    kept = [*others, "a.csv", ".a.csv.abcd1235.part", ".a.csv.abcd1236.part"]
    assert names(tmp_path) == sorted(kept)


def test_a_writer_whose_file_is_taken_for_a_leftover_creates_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer may look for unfinished files between the creation of the file and its lock."""
    lock = fcntl.flock
    taken: list[str] = []

    def steal(descriptor: int, operation: int) -> None:
        if not taken:
            taken.extend(names(tmp_path))
            (tmp_path / taken[0]).unlink()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", steal)
    with atomic_write(tmp_path / "a.csv") as temporary:
        assert Path(temporary).name not in taken
        Path(temporary).write_text("new")
    assert names(tmp_path) == ["a.csv"]


def test_files_can_be_written_on_a_file_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / ".a.csv.abcd1234.part").touch()
    with atomic_write(tmp_path / "a.csv") as temporary:
        Path(temporary).write_text("new")
    # The old file stays, because its writer may be alive.
    assert names(tmp_path) == [".a.csv.abcd1234.part", "a.csv"]
