"""The last printed line is the command that continues the run, and a shell accepts it unchanged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import layercheck as lc
from cli.conftest import COMMAND, Ended, Layercheck, digest
from layercheck.cli.resume_command import quoted
from layercheck.testing import Fault, LocalEcr

JOURNAL = ("--journal", "audit.journal", "--max-in-flight", "1")


def pasted(line: str, environment: dict[str, str], folder: Path) -> Ended:
    """Runs the line in a shell, as a user would paste it."""
    shell = shutil.which("bash")
    assert shell is not None
    done = subprocess.run(
        [shell, "-c", line], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def last_line(ended: Ended) -> str:
    return ended.err.splitlines()[-1]


@pytest.mark.parametrize(
    "name",
    [
        "it's  here.txt",
        '"$(touch pwned)" `touch pwned` \\.txt',
        "two\nlines\t.txt",
        "colour\x1b[31m.txt",
        "turned \u202e round.txt",
        "caf\udce9's \\x41.txt",
        "schöne Grüße.txt",
        "-dashed",
    ],
    ids=ascii,
)
def test_unusual_names_are_quoted_so_that_the_command_works(
    layercheck: Layercheck,
    local_ecr: LocalEcr,
    digests: Path,
    tmp_path: Path,
    environment: dict[str, str],
    name: str,
) -> None:
    digests.rename(tmp_path / name)
    local_ecr.set_faults([Fault("omit", share=0.5)])
    options = ("--endpoint-url", local_ecr.endpoint_url, "--journal", f"{name}.journal")
    first = layercheck("check", "app", *options, "--", name)
    assert first.code == 4
    again = last_line(first)
    assert again.isprintable()
    local_ecr.set_faults([])
    assert again.endswith(f" -- {quoted(name)}")
    done = pasted(again, environment, tmp_path)
    assert done.code == 3
    assert "digests known from the journal" in done.out
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("how", ["raw", "delimiter"])
def test_the_options_that_say_what_rows_mean_are_repeated_and_belong_to_the_run(
    layercheck: Layercheck, local_ecr: LocalEcr, tmp_path: Path, environment: dict[str, str], how: str
) -> None:
    path = tmp_path / ("rows.parquet" if how == "raw" else "rows.csv")
    if how == "raw":
        options = ["--raw"]
        pq.write_table(pa.table({"layer": [bytes.fromhex(digest(row)[7:]) for row in range(9)]}), path)
    else:
        options = ["--delimiter", "\t", "--column", "b,c"]
        path.write_text("a\tb,c\n" + "".join(f"{digest(9)}\t{digest(row)}\n" for row in range(9)))
    command = (
        "check",
        "app",
        str(path),
        "--endpoint-url",
        local_ecr.endpoint_url,
        "--journal",
        "audit.journal",
    )
    local_ecr.set_faults([Fault("omit", share=0.5)])
    first = layercheck(*command, *options)
    assert first.code == 4
    local_ecr.set_faults([])
    if how == "raw":
        other = layercheck(*command)
        assert other.code == 1
        assert "belongs to another run" in other.err
    else:
        assert " --delimiter $'\\011' " in last_line(first)
    done = pasted(last_line(first), environment, tmp_path)
    assert done.code == 3
    assert "digests known from the journal" in done.out


def denied_run(check: Layercheck, ecr: LocalEcr, *arguments: str | Path) -> Ended:
    """Runs `check` with three calls, of which the third is denied."""
    ecr.set_faults([Fault("access_denied", calls=(3, None))])
    ended = check("app", *arguments)
    ecr.set_faults([])
    return ended


@pytest.fixture
def many(tmp_path: Path) -> Path:
    path = tmp_path / "many.txt"
    path.write_text("".join(f"{digest(number)}\n" for number in range(300)))
    return path


def test_a_fatal_error_in_mid_run_prints_the_command(
    check: Layercheck, local_ecr: LocalEcr, many: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    ended = denied_run(check, local_ecr, many, *JOURNAL, "-o", "found.csv")
    assert ended.code == 1
    assert "AccessDeniedException" in ended.err
    assert (tmp_path / "found.csv").exists()
    done = pasted(last_line(ended), environment, tmp_path)
    assert (done.code, local_ecr.counters.calls) == (3, 4)
    assert "200 digests known from the journal" in done.out


def test_without_a_journal_a_fatal_error_is_one_line(
    check: Layercheck, local_ecr: LocalEcr, many: Path
) -> None:
    ended = denied_run(check, local_ecr, many, "--max-in-flight", "1")
    assert (ended.code, ended.err.count("\n")) == (1, 1)


def test_an_error_from_the_start_prints_no_command(check: Layercheck, many: Path) -> None:
    ended = check("misspelt", many, *JOURNAL)
    assert ended.code == 1
    assert "RepositoryNotFoundException" in last_line(ended)


def test_an_unexpected_error_prints_the_command(
    local_ecr: LocalEcr, many: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    broken = (
        "import sys\n"
        "from layercheck.cli import main, progress\n"
        "progress.NotesOnly.on_progress = lambda self, progress: 1 / (300 - progress.settled)\n"
        "sys.exit(main())"
    )
    arguments = ["check", "app", str(many), *JOURNAL, "--endpoint-url", local_ecr.endpoint_url]
    ended = subprocess.run(
        [sys.executable, "-c", broken, *arguments],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    *_, unexpected, go_on, command = ended.stderr.splitlines()
    assert unexpected.startswith("layercheck: unexpected ZeroDivisionError")
    assert (go_on, command) == ("layercheck: go on with:", " ".join(["layercheck", *arguments]))
    with lc.Journal(tmp_path / "audit.journal") as journal:
        assert journal.status().settled == 300


def test_a_report_that_cannot_be_written_is_not_lost(
    check: Layercheck, local_ecr: LocalEcr, many: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.fail("needs /dev/full, which Linux has")
    shell = f"{' '.join(COMMAND)} check app {many} --journal audit.journal --format csv"
    shell += f" --endpoint-url {local_ecr.endpoint_url}"
    ended = pasted(f"{shell} > /dev/full", environment, tmp_path)
    assert ended.code == 1
    assert "cannot write to standard output" in ended.err
    assert last_line(ended) == shell
    done = pasted(last_line(ended), environment, tmp_path)
    assert (done.code, len(done.out.splitlines())) == (3, 301)
    assert local_ecr.counters.calls == 3


def test_a_file_on_standard_input_is_named(
    local_ecr: LocalEcr, many: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    local_ecr.set_faults([Fault("omit", share=0.5)])
    command = f"{' '.join(COMMAND)} check app --journal audit.journal --endpoint-url {local_ecr.endpoint_url}"
    first = pasted(f"{command} < many.txt", environment, tmp_path)
    assert first.code == 4
    assert last_line(first) == f"{command} < {os.path.realpath(many)}"
    local_ecr.set_faults([])
    assert pasted(last_line(first), environment, tmp_path).code == 3


@pytest.mark.parametrize(
    ("feeding", "fed_by"),
    [
        ("cat many.txt | {} -", "standard input"),
        ("(read skipped; {}) < many.txt", "standard input"),
        ("{} <(cat many.txt)", "/dev/fd/"),
    ],
    ids=["pipe", "begun", "substitution"],
)
def test_input_that_a_command_line_cannot_name_is_requested(
    local_ecr: LocalEcr,
    many: Path,
    tmp_path: Path,
    environment: dict[str, str],
    feeding: str,
    fed_by: str,
) -> None:
    local_ecr.set_faults([Fault("omit", share=0.5)])
    command = f"{' '.join(COMMAND)} check app --journal audit.journal --endpoint-url {local_ecr.endpoint_url}"
    first = pasted(feeding.format(command), environment, tmp_path)
    assert first.code == 4
    asked, again = first.err.splitlines()[-2:]
    assert f"go on with (with the same rows on {fed_by}" in asked
    assert again.startswith("... | " if fed_by == "standard input" else command)
    assert command in again
