"""Reading an archive that takes long: a bar on a terminal, Ctrl-C, and `--timeout`."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from layout.test_watched_reading import long_archive as long_archive

from .conftest import COMMAND, Layercheck
from .test_terminal import on_a_terminal

COMMANDS = {
    "layout": ("layout",),
    "push-plan": ("push-plan", "--dry-run"),
    "plan": ("plan",),
}


def words(command: str, source: Path | str) -> list[str]:
    name, *options = COMMANDS[command]
    return [name, str(source), *(["team/app"] if command == "push-plan" else []), *options]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_terminal_shows_a_bar_while_an_archive_is_read(
    command: str, environment: dict[str, str], long_archive: Path
) -> None:
    # A signal that ends the command ends the test too, so that nobody waits for the whole archive.
    arguments = words(command, long_archive)
    code, written = on_a_terminal(environment, *arguments, interrupt_at=b"GB")
    assert code == 130
    assert "reading" in written
    assert "/s" in written
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h")  # the cursor is visible again


@pytest.mark.parametrize("command", ["layout", "push-plan"])
@pytest.mark.parametrize("source", ["standard input", "a path"])
def test_a_pipe_without_data_can_be_interrupted(
    command: str, source: str, environment: dict[str, str], tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    holder = os.open(pipe, os.O_RDWR)
    reader = os.open(pipe, os.O_RDONLY)
    process = subprocess.Popen(
        [*COMMAND, *words(command, "-" if source == "standard input" else pipe)],
        env=environment,
        stdin=reader,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # The head of an archive is taken out of the pipe, so that the command is known to read.
    os.write(holder, b"index.json".ljust(100, b"\0"))
    try:
        while process.poll() is None and waiting_in(holder):
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        os.close(holder)
        os.close(reader)
    assert (process.returncode, out) == (130, b"")
    assert [line for line in err.splitlines() if line] == [b"layercheck: interrupted"]


def waiting_in(pipe: int) -> int:
    """Bytes in a pipe that were not read yet."""
    import fcntl
    import struct
    import termios

    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0])


def test_a_timeout_ends_reading_with_code_four(layercheck: Layercheck, long_archive: Path) -> None:
    ended = layercheck("push-plan", long_archive, "team/app", "--dry-run", "--timeout", "0.2s")
    assert (ended.code, ended.out) == (4, "")
    assert "--timeout was over before SOURCE was read to its end" in ended.err
