"""Standard streams that are closed, full, left by their reader, or lack a character."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from layercheck.testing import LocalEcr

from .conftest import COMMAND, SECRET, TOKEN, Ended, Layercheck, digest

LAYERCHECK = shlex.join(COMMAND)
STREAMS = {"closed": ">&-", "full": ">/dev/full"}


def in_shell(line: str, environment: dict[str, str], folder: Path, **variables: str) -> Ended:
    """Runs a line of bash, in which `layercheck` is the command."""
    done = subprocess.run(
        ["bash", "-c", f'layercheck() {{ {LAYERCHECK} "$@"; }}; {line}'],
        env=environment | variables,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    ended = Ended(done.returncode, done.stdout.decode("latin-1"), done.stderr.decode("latin-1"))
    assert "Traceback" not in ended.err
    assert "Exception ignored" not in ended.err
    for secret in (SECRET, TOKEN):
        assert secret not in ended.out + ended.err
    return ended


@pytest.fixture
def journal(layercheck: Layercheck, local_ecr: LocalEcr, digests: Path, tmp_path: Path) -> Path:
    path = tmp_path / "run.journal"
    layercheck("check", "app", digests, "--endpoint-url", local_ecr.endpoint_url, "--journal", path)
    return path


@pytest.fixture
def lines(local_ecr: LocalEcr, digests: Path, journal: Path) -> dict[str, str]:
    """Commands that end by themselves, by name."""
    check = f"layercheck check app {digests} --endpoint-url {local_ecr.endpoint_url}"
    return {
        "check": f"{check} -o made.csv",
        "rows": f"{check} --format jsonl",
        "dry run": f"{check} --dry-run",
        "plan": f"layercheck plan {digests}",
        "show": f"layercheck journal show {journal}",
        "export": f"layercheck journal export {journal}",
        "verify": f"layercheck journal verify {journal}",
        "diff": f"layercheck diff {journal} {journal}",
        "demo": "layercheck demo --digests 2000 --latency-ms 0",
        "version": "layercheck --version",
        "help": "layercheck check --help",
        "completion": "layercheck completion bash",
        "usage": "layercheck check",
        "missing": "layercheck plan no-such-file",
    }


NAMES = [
    *("check", "rows", "dry run", "plan", "show", "export", "verify", "diff", "demo"),
    *("version", "help", "completion", "usage", "missing"),
]


@pytest.mark.parametrize("name", NAMES)
def test_closed_streams_change_no_exit_code_and_no_file(
    name: str, lines: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    usual = in_shell(lines[name], environment, tmp_path)
    made = sorted(path.name for path in tmp_path.rglob("*"))
    report = (tmp_path / "made.csv").read_bytes() if name == "check" else b""
    for closed in (">&-", "2>&-", "<&- >&- 2>&-"):
        ended = in_shell(f"{lines[name]} {closed}", environment, tmp_path)
        assert ended.code == usual.code, (closed, ended)
        assert ended.out == ("" if " >&-" in f" {closed}" else usual.out) or name in {"check", "rows", "demo"}
        assert sorted(path.name for path in tmp_path.rglob("*")) == made
        if name == "check":
            assert (tmp_path / "made.csv").read_bytes() == report


@pytest.mark.parametrize("name", NAMES)
def test_a_full_standard_error_changes_no_exit_code_and_no_output(
    name: str, lines: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    usual = in_shell(lines[name], environment, tmp_path)
    ended = in_shell(f"{lines[name]} 2>/dev/full", environment, tmp_path)
    assert ended.code == usual.code
    assert ended.out == usual.out or name in {"check", "rows", "demo"}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"usage", "missing"}])
def test_a_full_standard_output_is_a_failure_in_one_line(
    name: str, lines: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    ended = in_shell(f"{lines[name]} >/dev/full", environment, tmp_path)
    assert ended.code == 1
    said = [line for line in ended.err.splitlines() if "No space left" in line]
    assert said == ["layercheck: cannot write to standard output: No space left on device; make room there"]
    if name == "check":
        assert (tmp_path / "made.csv").read_bytes().startswith(b"row,digest")


def test_a_full_standard_output_hides_neither_that_a_run_is_incomplete_nor_how_it_goes_on(
    local_ecr: LocalEcr, digests: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    local_ecr.set_latency(200)
    line = f"layercheck check app {digests} --endpoint-url {local_ecr.endpoint_url} --batch-size 1 --rate 5"
    ended = in_shell(f"{line} --timeout 1 --journal j >/dev/full", environment, tmp_path)
    assert ended.code == 1
    assert "cannot write to standard output" in ended.err
    assert "the same command goes on with it" in ended.err


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"usage", "missing", "demo"}])
def test_a_reader_that_leaves_changes_no_exit_code(
    name: str, lines: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    usual = in_shell(lines[name], environment, tmp_path)
    # The reader is gone before the command begins.
    ended = in_shell(f"set -o pipefail; ( sleep 0.01; {lines[name]} ) | true", environment, tmp_path)
    assert (ended.code, ended.err) == (usual.code, usual.err) or (name == "rows" and ended.code == usual.code)


def test_a_damaged_journal_is_a_failure_even_if_the_reader_leaves(
    journal: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    with sqlite3.connect(journal) as database:
        database.execute("UPDATE batches SET payload = x'00'")
    line = f"layercheck journal verify {journal}"
    assert in_shell(line, environment, tmp_path).code == 1
    assert in_shell(f"set -o pipefail; ( sleep 0.01; {line} ) | true", environment, tmp_path).code == 1


@pytest.mark.parametrize(
    "line", ["check app", "check app -", "plan", "plan -", "diff - x.csv", "check app - --dry-run"]
)
def test_a_closed_standard_input_is_named_where_it_is_needed(
    line: str, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_text(f"digest,verdict\n{digest(1)},available\n")
    ended = in_shell(f"layercheck {line} <&-", environment, tmp_path)
    assert ended.code == 1
    assert ended.out == ""
    assert ended.err.startswith("layercheck: standard input is closed; name ")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_serve_runs_with_closed_streams(closed: str, environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    line = f"exec {LAYERCHECK} serve --port {port} {closed}"
    with subprocess.Popen(
        ["bash", "-c", line], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                continue
        while process.poll() is None and not _waits_for_signals(process.pid):
            continue
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0


def _waits_for_signals(process: int) -> bool:
    """Whether the process has its own handler for SIGHUP, the last one that it sets, and sleeps."""
    status = Path(f"/proc/{process}/status").read_text()
    caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (signal.SIGHUP - 1) & 1) and "State:\tS" in status


ENCODINGS = ["ascii", "iso-8859-1", "cp437", "ascii:strict"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_characters_that_the_encoding_lacks_are_escaped(
    encoding: str, local_ecr: LocalEcr, environment: dict[str, str], tmp_path: Path
) -> None:
    name = os.fsdecode(b"caf\xc3\xa9-\xff-\xe2\x82\xac.txt")
    (tmp_path / name).write_text(f"{digest(0)}\n{'日本' * 60}\n{'x' * 200}\n", encoding="utf-8")
    line = f"layercheck check app {shlex.quote(name)} --endpoint-url {local_ecr.endpoint_url}"
    for end in ("", " -o '€ü.csv'", " --format csv", " --format jsonl", " --dry-run", " --journal '€ü'"):
        ended = in_shell(line + end, environment, tmp_path, PYTHONIOENCODING=encoding)
        assert ended.code == (0 if "dry" in end else 3), (end, ended)
    missing = in_shell("layercheck plan '日本'", environment, tmp_path, PYTHONIOENCODING=encoding)
    assert missing.code == 1
    assert r"no such file: '\u65e5\u672c'" in missing.err


def test_the_c_locale_is_no_obstacle(
    local_ecr: LocalEcr, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "日本.txt").write_text(f"{digest(0)}\n")
    line = f"layercheck check app 日本.txt --endpoint-url {local_ecr.endpoint_url} -o 本.csv"
    for locale in ("C", "POSIX", "en_US.ISO-8859-1"):
        ended = in_shell(line, environment, tmp_path, LANG=locale, LC_ALL=locale, PYTHONCOERCECLOCALE="0")
        assert ended.code == 0
    ended = in_shell(line, environment, tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert ended.code == 0


def test_no_stream_gets_a_character_that_a_terminal_acts_on(
    layercheck: Layercheck, local_ecr: LocalEcr, tmp_path: Path
) -> None:
    name = "a\x1b]0;title\x07\u202eb\x9b2Jc\u2028d"
    path = tmp_path / name
    path.write_text(f"{digest(0)}\n\x1b[2J{name}\n", encoding="utf-8")
    commands = [
        (
            "check",
            "app",
            path,
            "--endpoint-url",
            local_ecr.endpoint_url,
            "-o",
            f"{path}.csv",
            "--journal",
            "j",
        ),
        ("check", "app", path, "--endpoint-url", local_ecr.endpoint_url, "--format", "csv"),
        ("check", "app", path, "--endpoint-url", local_ecr.endpoint_url, "--format", "jsonl"),
        ("check", name, path),
        ("check", "app", f"{path}.none"),
        ("plan", path),
        ("plan", path, "--column", name),
        ("journal", "show", f"{path}.none"),
        ("journal", "verify", "j"),
        ("journal", "export", "j"),
        ("diff", f"{path}.csv", f"{path}.csv"),
        ("diff", "j", path),
        ("serve", "--repository", f"{name}={path}"),
        ("serve", "--oci-layout", name),
        ("demo", "--directory", path),
        (name,),
        ("check", f"--{name}"),
    ]
    for command in commands:
        ended = layercheck(*command)
        for text in (ended.out, ended.err):
            assert all(line.isprintable() for line in text.split("\n")), command
    (tmp_path / "j").rename(tmp_path / f"{name}.j")
    for verb in (("show",), ("verify",), ("show", "--format", "jsonl")):
        ended = layercheck("journal", *verb, f"{path}.j")
        assert ended.code == 0
        assert all(line.isprintable() for line in (ended.out + ended.err).split("\n"))
    shown = layercheck("journal", "show", f"{path}.j", "--format", "jsonl")
    assert json.loads(shown.out)["path"] == f"{path}.j"


def test_a_non_blocking_standard_output_gets_every_row(
    local_ecr: LocalEcr, environment: dict[str, str], tmp_path: Path
) -> None:
    rows = "".join(f"sha256:{number:064x}\n" for number in range(5_000))
    (tmp_path / "rows.txt").write_text(rows)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with subprocess.Popen(
        [*COMMAND, "check", "app", "rows.txt", "--endpoint-url", local_ecr.endpoint_url, "--format", "jsonl"],
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd=tmp_path,
    ) as process:
        os.close(writing)
        with open(reading, "rb") as pipe:  # noqa: PTH123 - a descriptor, not a path
            assert pipe.read().count(b"\n") == 5_000
    assert process.returncode == 3
