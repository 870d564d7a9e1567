"""Colours, progress bar and hints: shown on a pseudo-terminal, and not elsewhere."""

import os
import pty
import select
import signal
import subprocess
from pathlib import Path

import pytest

from layercheck.testing import LocalEcr

from .conftest import COMMAND, digest


def on_a_terminal(
    environment: dict[str, str],
    *arguments: str,
    keys: bytes = b"",
    stdin_too: bool = False,
    interrupt_at: bytes = b"",
) -> tuple[int, str]:
    """The exit code, and the text that the command wrote to its terminal.

    With `interrupt_at`, the command gets SIGINT when it has written this text.
    """
    test_end, child_end = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env={"TERM": "xterm-256color", "COLUMNS": "80", **environment},
        stdin=child_end if stdin_too else subprocess.DEVNULL,
        stdout=child_end,
        stderr=child_end,
    )
    os.close(child_end)
    written = b""
    try:
        while True:
            ready, _, _ = select.select([test_end], [], [], 60)
            assert ready, written
            try:
                block = os.read(test_end, 65536)
            except OSError:
                # Linux reports the end of a terminal that no process holds open in this way.
                break
            written += block
            if keys and b"Ctrl-D" in written:
                os.write(test_end, keys)
                keys = b""
            if interrupt_at and interrupt_at in written:
                process.send_signal(signal.SIGINT)
                interrupt_at = b""
    except BaseException:
        process.kill()
        raise
    finally:
        process.wait()
        os.close(test_end)
    return process.returncode, written.decode()


@pytest.fixture
def arguments(local_ecr: LocalEcr, digests: Path) -> list[str]:
    return ["check", "app", str(digests), "--endpoint-url", local_ecr.endpoint_url]


def test_a_terminal_gets_colours_and_a_bar_that_disappears(
    environment: dict[str, str], local_ecr: LocalEcr, arguments: list[str]
) -> None:
    local_ecr.set_latency(300)
    code, written = on_a_terminal(environment, *arguments)
    assert code == 3
    assert "checking" in written
    assert "\x1b[32mavailable" in written
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h")  # the cursor is visible again


@pytest.mark.parametrize(
    ("extra", "options"),
    [
        pytest.param({}, ["--no-progress"], id="no-progress"),
        pytest.param({"TERM": "dumb"}, [], id="dumb"),
    ],
)
def test_options_and_dumb_terminals_turn_the_bar_off(
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
