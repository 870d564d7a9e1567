"""`--journal`: a run that ends in any way continues, and the command says how."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

import layercheck as lc
from cli.conftest import COMMAND, Layercheck, digest
from layercheck.journal.lock import JournalLock
from layercheck.testing import Fault, LocalEcr

MANY = 3_000


@pytest.fixture
def many(tmp_path: Path) -> Path:
    path = tmp_path / "many.txt"
    path.write_text("".join(f"{digest(number)}\n" for number in range(MANY)))
    return path


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def batches(path: Path) -> int:
    """Number of batches in the journal of a run in progress."""
    try:
        with lc.Journal(path) as journal:
            return journal.status().batches
    except lc.JournalError:
        return 0


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda it: it.name)
def test_an_ended_run_continues_with_the_command_printed_last(
    check: Layercheck,
    local_ecr: LocalEcr,
    many: Path,
    tmp_path: Path,
    environment: dict[str, str],
    ending: signal.Signals,
) -> None:
    whole = tmp_path / "whole.jsonl"
    assert check("app", many, "-o", whole).code == 3
    local_ecr.set_latency(20)
    said = tmp_path / "said"
    arguments = ["check", "app", str(many), "--journal", "audit.journal", "-o", "found.jsonl"]
    arguments += ["--endpoint-url", local_ecr.endpoint_url, "--max-in-flight", "1", "--format", "jsonl"]
    with (
        said.open("wb") as file,
        subprocess.Popen(
            [*COMMAND, *arguments], env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=file
        ) as run,
    ):
        while run.poll() is None and batches(tmp_path / "audit.journal") < 5:
            os.sched_yield()
        run.send_signal(ending)
    assert run.returncode == (130 if ending != signal.SIGKILL else -signal.SIGKILL)
    assert (tmp_path / "found.jsonl").exists() == (ending != signal.SIGKILL)
    local_ecr.set_latency(0)
    again = said.read_text().splitlines()[-1]
    calls = local_ecr.counters.calls
    done = subprocess.run(
        ["sh", "-c", again], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert "digests known from the journal" in done.stdout
    assert local_ecr.counters.calls - calls <= MANY // 100 - 5
    assert lines(tmp_path / "found.jsonl") == lines(whole)
    assert not list(tmp_path.glob("audit.journal-*"))


def test_a_finished_run_asks_nothing(check: Layercheck, local_ecr: LocalEcr, digests: Path) -> None:
    first = check("app", digests, "--journal", "audit.journal")
    assert first.code == 3
    assert "however this run ends, the same command goes on with it:\n" in first.err
    assert first.err.splitlines()[-1].startswith(" ".join([*COMMAND, "check app "]))
    again = check("app", digests, "--journal", "audit.journal")
    assert (again.code, local_ecr.counters.calls) == (3, 1)
    assert "nothing was sent: 10 digests known from the journal" in again.out
    older = check("app", digests, "--journal", "audit.journal", "--max-age", "0s", "--durability", "full")
    assert (older.code, local_ecr.counters.calls) == (3, 2)
    quiet = check("app", digests, "--journal", "audit.journal", "--quiet")
    assert (quiet.out, quiet.err) == ("", "")


def test_another_run_is_refused(check: Layercheck, local_ecr: LocalEcr, digests: Path, many: Path) -> None:
    check("app", digests, "--journal", "audit.journal")
    refused = check("app", many, "--journal", "audit.journal")
    assert refused.code == 1
    assert "the input had 10 rows with 10 digests and has now 3,000 rows with 3,000 digests" in refused.err
    # A journal in use would be refused as well.
    assert "the same command" not in refused.err
    assert check("empty", digests, "--journal", "audit.journal").code == 1
    assert local_ecr.counters.calls == 1


def test_a_journal_in_use_is_refused_before_the_input_is_read(check: Layercheck, tmp_path: Path) -> None:
    with JournalLock(tmp_path / "audit.journal"):
        # The pipe has no writer, so reading it would block for ever.
        os.mkfifo(tmp_path / "endless")
        refused = check("app", "endless", "--journal", "audit.journal")
    assert refused.code == 1
    assert f"is in use by process {os.getpid()} on " in refused.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--max-age", "1h"), 2, "add --journal FILE"),
        (("--journal", "audit.journal", "--max-age", "soon"), 2, "90s, 30m, 12h or 7d"),
        (("--journal", "no/audit.journal"), 1, "there is no folder"),
        (("--journal", "."), 1, "is a folder"),
        (("--journal", "digests.txt"), 1, "this file is not a journal"),
        (("--journal", "x.jsonl", "-o", "./x.jsonl"), 1, "is also the journal"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_an_unusable_journal_is_refused(
    check: Layercheck, local_ecr: LocalEcr, digests: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    before = digests.read_text()
    ended = check("app", digests, *arguments)
    assert (ended.code, local_ecr.counters.calls) == (code, 0)
    assert said in ended.err
    assert digests.read_text() == before


def test_a_read_only_folder_is_refused(check: Layercheck, digests: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir()
    folder.chmod(0o555)
    ended = check("app", digests, "--journal", folder / "audit.journal", as_common_user=True)
    folder.chmod(0o755)
    assert ended.code == 1
    assert "cannot be written: permission denied" in ended.err


def test_incomplete_runs_continue(check: Layercheck, local_ecr: LocalEcr, digests: Path) -> None:
    local_ecr.set_faults([Fault("omit", share=0.5)])
    first = check("app", digests, "--journal", "audit.journal")
    assert first.code == 4
    local_ecr.set_faults([])
    assert check("app", digests, "--journal", "audit.journal").code == 3


def test_after_a_disk_failure_the_report_is_written_and_the_run_can_continue(
    check: Layercheck, local_ecr: LocalEcr, many: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    whole = tmp_path / "whole.csv"
    assert check("app", many, "-o", whole).code == 3
    local_ecr.set_latency(2)
    command = [*COMMAND, "check", "app", str(many), "--journal", "audit.journal", "--format", "csv"]
    command += ["--endpoint-url", local_ecr.endpoint_url, "--max-in-flight", "1", "--batch-size", "5"]

    def limit() -> None:
        # A file of this process may hold the plan and little more.
        room = 32 * MANY + 80_000
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    failed = subprocess.run(
        command, env=environment, cwd=tmp_path, preexec_fn=limit, capture_output=True, text=True, check=False
    )
    assert failed.returncode == 4, failed.stderr
    assert "the disk" in failed.stderr
    assert failed.stderr.splitlines()[-2:] == ["layercheck: go on with:", " ".join(command)]
    known = failed.stdout.splitlines()
    assert len(known) == MANY + 1
    verdicts = [line.split(",")[2] for line in known[1:]]
    assert 0 < verdicts.count("not_checked") < MANY
    with lc.Journal(tmp_path / "audit.journal") as journal:
        assert journal.verify() == []
    local_ecr.set_latency(0)
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, whole.read_text())
