"""Ctrl-C, SIGTERM, SIGHUP and broken pipes: the first signal keeps the answers, the second ends at once."""

import csv
import fcntl
import os
import pty
import signal
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import layercheck as lc
from layercheck.testing import Fault, LocalEcr

from .conftest import COMMAND, SECRET, digest

ROWS = 2000


@contextmanager
def running(
    environment: dict[str, str], ecr: LocalEcr, directory: Path, *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The command in the middle of a run: some calls have an answer, and the others hang."""
    path = directory / "rows.txt"
    path.write_text("".join(f"{digest(number)}\n" for number in range(ROWS)))
    # Calls 5 and later take far longer than any test.
    ecr.set_faults([Fault("latency", ms=600_000, calls=(5, None))])
    command = [*COMMAND, "check", "app", str(path), "--endpoint-url", ecr.endpoint_url, *arguments]
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        wait = threading.Event()
        while ecr.counters.answered < 4 or ecr.counters.in_flight < 4:
            assert process.poll() is None, process.communicate()
            wait.wait(0.01)
        yield process
    finally:
        process.kill()
        process.wait()


def test_an_interrupt_while_the_command_is_loaded_ends_it_without_a_traceback(
    environment: dict[str, str],
) -> None:
    code = (
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'click': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from layercheck.__main__ import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([COMMAND[0], "-c", code], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_keeps_the_answers_so_far(
    environment: dict[str, str], local_ecr: LocalEcr, tmp_path: Path, number: signal.Signals
) -> None:
    report = tmp_path / "report.csv"
    with running(environment, local_ecr, tmp_path, "-o", str(report), "--fail-on", "none") as process:
        process.send_signal(number)
        out, err = process.communicate()
    assert process.returncode == 130
    assert b"keeping what is known" in err
    assert b"rows have no answer; to ask again:" in err
    assert err.splitlines()[-1].startswith(" ".join([*COMMAND, "check app "]).encode())
    assert b"Traceback" not in err
    assert SECRET.encode() not in out + err
    assert b"Interrupted" in out
    verdicts = [row["verdict"] for row in csv.DictReader(report.read_text().splitlines())]
    assert len(verdicts) == ROWS
    answered = sum(verdict in {"available", "unavailable", "archived"} for verdict in verdicts)
    assert answered == 400


def test_the_second_signal_ends_the_process_at_once(
    environment: dict[str, str], local_ecr: LocalEcr, tmp_path: Path
) -> None:
    report = tmp_path / "report.csv"
    with running(environment, local_ecr, tmp_path, "-o", str(report)) as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert b"Ctrl-C again leaves at once" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130
    assert (out, err) == (b"", b"")
    assert not report.exists()


def test_the_second_signal_shows_how_to_continue_the_journal(
    environment: dict[str, str], local_ecr: LocalEcr, tmp_path: Path
) -> None:
    journal = tmp_path / "audit.journal"
    with running(environment, local_ecr, tmp_path, "--journal", str(journal)) as process:
        assert process.stderr is not None
        command = process.stderr.readline(), process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert b"Ctrl-C again leaves at once" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, b"")
    assert err == b"layercheck: left at once; go on with:\n" + command[1]


def test_a_second_sighup_does_not_end_the_process(
    environment: dict[str, str], local_ecr: LocalEcr, tmp_path: Path
) -> None:
    """When a terminal closes, the shell and the kernel both send SIGHUP."""
    report = tmp_path / "report.csv"
    with running(environment, local_ecr, tmp_path, "-o", str(report)) as process:
        assert process.stderr is not None
        for _ in range(3):
            process.send_signal(signal.SIGHUP)
        assert b"keeping what is known" in process.stderr.readline()
        process.send_signal(signal.SIGHUP)
        process.communicate()
    assert process.returncode == 130
    assert len(report.read_text().splitlines()) == ROWS + 1


def test_after_the_terminal_closes_the_report_is_written(
    environment: dict[str, str], local_ecr: LocalEcr, tmp_path: Path
) -> None:
    test_end, child_end = pty.openpty()
    rows, report, journal = (tmp_path / name for name in ("rows.txt", "report.csv", "audit.journal"))
    rows.write_text("".join(f"{digest(number)}\n" for number in range(ROWS)))
    local_ecr.set_faults([Fault("latency", ms=600_000, calls=(5, None))])
    command = [*COMMAND, "check", "app", str(rows), "--endpoint-url", local_ecr.endpoint_url]

    def take_the_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with subprocess.Popen(
        [*command, "-o", str(report), "--journal", str(journal)],
        env={"TERM": "xterm-256color", **environment},
        stdin=child_end,
        stdout=child_end,
        stderr=child_end,
        start_new_session=True,
        preexec_fn=take_the_terminal,
    ) as process:
        os.close(child_end)
        wait = threading.Event()
        while local_ecr.counters.answered < 4 or local_ecr.counters.in_flight < 4:
            assert process.poll() is None
            wait.wait(0.01)
        os.close(test_end)
    assert process.returncode == 130
    assert len(report.read_text().splitlines()) == ROWS + 1
    with lc.Journal(journal) as opened:
        assert opened.status().settled == 400


@contextmanager
def reading(
    environment: dict[str, str], ecr: LocalEcr, directory: Path
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The command while it reads its input, and the descriptor for writing that input."""
    fifo = directory / "rows"
    os.mkfifo(fifo)
    command = [*COMMAND, "check", "app", str(fifo), "--endpoint-url", ecr.endpoint_url]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait = threading.Event()
    writing = None
    try:
        while writing is None:
            assert process.poll() is None, process.communicate()
            try:
                # Opening succeeds only when the command reads.
                writing = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                wait.wait(0.01)
        yield process, writing
    finally:
        process.kill()
        process.communicate()
        if writing is not None:
            os.close(writing)


def test_an_interrupt_while_reading_asks_nothing(
    environment: dict[str, str], local_ecr: LocalEcr, tmp_path: Path
) -> None:
    with reading(environment, local_ecr, tmp_path) as (process, _):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        assert (process.returncode, out) == (130, b"")
        assert err == b"layercheck: interrupted before anything was asked\n"
    assert local_ecr.counters.calls == 0


def test_an_ignored_interrupt_stays_ignored(
    environment: dict[str, str], local_ecr: LocalEcr, tmp_path: Path
) -> None:
    """As under nohup."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with reading(environment, local_ecr, tmp_path) as (process, writing):
            process.send_signal(signal.SIGINT)
            os.write(writing, digest(1).encode())
            with Path(os.devnull).open("wb") as nothing:
                os.dup2(nothing.fileno(), writing)  # the input ends
            process.communicate()
            assert process.returncode == 0
    finally:
        signal.signal(signal.SIGINT, previous)


@pytest.mark.parametrize("format_", ["table", "jsonl", "csv", "parquet"])
def test_a_broken_pipe_ends_quietly(
    environment: dict[str, str], local_ecr: LocalEcr, tmp_path: Path, format_: str
) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("".join(f"{digest(number)}\n" for number in range(20_000)))
    command = [*COMMAND, "check", "app", str(path), "--endpoint-url", local_ecr.endpoint_url, "-q"]
    command = [*command, "--format", format_] if format_ != "table" else command[:-1]
    reading, writing = os.pipe()
    with subprocess.Popen(command, env=environment, stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        os.close(reading)
        _, err = process.communicate()
    assert err == b""
    # The verdicts, and so the exit code, do not depend on the reader.
    assert process.returncode == 3


def test_a_signal_during_the_writing_of_the_report_does_not_stop_it(
    environment: dict[str, str], local_ecr: LocalEcr, tmp_path: Path
) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("".join(f"{digest(number)}\n" for number in range(20_000)))
    command = [*COMMAND, "check", "app", str(path), "--endpoint-url", local_ecr.endpoint_url]
    with subprocess.Popen(
        [*command, "--format", "jsonl"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # The pipe is full long before the last row, so the command waits for the reader.
        rows = [process.stdout.readline()]
        process.send_signal(signal.SIGINT)
        assert b"keeping what is known" in process.stderr.readline()
        rows += process.stdout.readlines()
        process.communicate()
    assert len(rows) == 20_000
    assert process.returncode == 130


def test_a_broken_pipe_ends_a_plan_quietly(environment: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "plan", "--allow-empty"],
        env=environment,
        input=b"",
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 0
    assert done.stderr == b""
