"""The command on a real terminal (a pseudo-terminal): colours, the bar, hints; and none of it elsewhere."""

import os
import pty
import select
import subprocess
from pathlib import Path

import pytest

from layercheck.testing import LocalEcr

from .conftest import COMMAND, digest


def on_a_terminal(
    environment: dict[str, str], *arguments: str, keys: bytes = b"", stdin_too: bool = False
) -> tuple[int, str]:
    """Exit code, and everything the command wrote to its terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env={"TERM": "xterm-256color", "COLUMNS": "80", **environment},
        stdin=theirs if stdin_too else subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    try:
        while True:
            ready, _, _ = select.select([ours], [], [], 60)
            assert ready, written
            try:
                block = os.read(ours, 65536)
            except OSError:
                # Linux ends the reading of a terminal this way once no process holds the other end.
                break
            written += block
            if keys and b"Ctrl-D" in written:
                os.write(ours, keys)
                keys = b""
    except BaseException:
        process.kill()
        raise
    finally:
        process.wait()
        os.close(ours)
    return process.returncode, written.decode()


@pytest.fixture
def arguments(local_ecr: LocalEcr, digests: Path) -> list[str]:
    return ["check", "app", str(digests), "--endpoint-url", local_ecr.endpoint_url]


def test_a_terminal_gets_colours_and_a_bar_that_goes_away(
    environment: dict[str, str], local_ecr: LocalEcr, arguments: list[str]
) -> None:
    local_ecr.set_latency(300)
    code, written = on_a_terminal(environment, *arguments)
    assert code == 3
    assert "checking" in written
    assert "\x1b[32mavailable" in written
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h")  # the cursor is back


@pytest.mark.parametrize(
    ("extra", "options"),
    [
        pytest.param({}, ["--no-progress"], id="no-progress"),
        pytest.param({"TERM": "dumb"}, [], id="dumb"),
    ],
)
def test_no_bar_where_none_is_wanted(
    environment: dict[str, str], arguments: list[str], extra: dict[str, str], options: list[str]
) -> None:
    code, written = on_a_terminal(environment | extra, *arguments, *options)
    assert code == 3
    assert "checking" not in written
    assert "\x1b[?25l" not in written
    assert "available" in written


def test_no_color_is_respected(environment: dict[str, str], arguments: list[str]) -> None:
    code, written = on_a_terminal(environment | {"NO_COLOR": "1"}, *arguments, "--no-progress")
    assert code == 3
    assert "\x1b[3" not in written
    assert "\x1b[9" not in written


def test_standard_input_from_a_terminal_is_announced(
    environment: dict[str, str], local_ecr: LocalEcr
) -> None:
    rows = f"{digest(1)}\n".encode() + b"\x04"
    code, written = on_a_terminal(
        environment, "check", "app", "--endpoint-url", local_ecr.endpoint_url, keys=rows, stdin_too=True
    )
    assert "reading digests from the terminal, one per line; end with Ctrl-D" in written
    assert code == 0


def test_binary_rows_are_not_written_to_a_terminal(
    environment: dict[str, str], local_ecr: LocalEcr, arguments: list[str]
) -> None:
    code, written = on_a_terminal(environment, *arguments, "--format", "parquet")
    assert code == 2
    assert "garble" in written
    assert local_ecr.counters.requests == 0


def test_a_pipe_gets_neither_colours_nor_a_bar(environment: dict[str, str], arguments: list[str]) -> None:
    done = subprocess.run(
        [*COMMAND, *arguments],
        env={"TERM": "xterm-256color", **environment},
        capture_output=True,
        check=False,
    )
    assert b"\x1b" not in done.stdout + done.stderr
    assert done.stderr == b""
