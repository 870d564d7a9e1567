"""A journal that is removed, moved or replaced in mid-run: the run notices, and nothing is lost unsaid."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import layercheck as lc
from journal.conftest import ROWS, Check, table
from journal.interrupted_runs import ENVIRONMENT
from layercheck.journal import store, writer
from layercheck.journal.options import JournalOptions
from layercheck.journal.resume import open_writer
from layercheck.testing import LocalEcr
from layercheck.types import Target

Harm = Callable[[Path], object]


def beside(journal: Path, suffix: str) -> Path:
    return journal.with_name(journal.name + suffix)


def remove(journal: Path) -> None:
    journal.unlink()


def move(journal: Path) -> None:
    journal.rename(journal.with_name("elsewhere"))


def move_folder(journal: Path) -> None:
    journal.parent.rename(journal.parent.with_name("moved"))


def remove_folder(journal: Path) -> None:
    shutil.rmtree(journal.parent)


def clean(journal: Path) -> None:
    """What `git clean -fdx` does."""
    for each in journal.parent.iterdir():
        each.unlink()


def replace(journal: Path) -> None:
    journal.with_name("other").write_bytes(b"precious")
    journal.with_name("other").replace(journal)


def swap_for_link(journal: Path) -> None:
    journal.rename(journal.with_name("elsewhere"))
    journal.symlink_to("elsewhere")


HARMS: dict[str, tuple[Harm, str]] = {
    "removed": (remove, "was removed or moved in mid-run"),
    "moved": (move, "was removed or moved in mid-run"),
    "folder_moved": (move_folder, "was removed or moved in mid-run"),
    "folder_removed": (remove_folder, "was removed or moved in mid-run"),
    "cleaned": (clean, "was removed or moved in mid-run"),
    "replaced": (replace, "was replaced by another file in mid-run"),
    "link": (swap_for_link, "was replaced by another file in mid-run"),
    "log": (lambda journal: beside(journal, "-wal").unlink(), "its log 'audit.journal-wal' was removed"),
    "index": (
        lambda journal: beside(journal, "-shm").unlink(),
        "its log 'audit.journal-shm' was removed",
    ),
}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder / "audit.journal"


@pytest.fixture
def harmed_after(monkeypatch: pytest.MonkeyPatch, journal: Path) -> Callable[[Harm, int], None]:
    """Harms the journal after so many commits of a run; the first commit is the run's start."""

    def prepare(harm: Harm, commits: int) -> None:
        done = [0]

        def failpoint(step: str) -> None:
            done[0] += step == "committed"
            if step == "committed" and done[0] == commits:
                harm(journal)

        monkeypatch.setattr(store, "failpoint", failpoint)
        monkeypatch.setattr(writer, "GROUP", 2)

    return prepare


@pytest.mark.parametrize(("harm", "said"), HARMS.values(), ids=HARMS)
def test_a_journal_that_goes_away_in_mid_run_ends_the_run_with_its_report(
    check: Check, ecr: LocalEcr, harmed_after: Callable[[Harm, int], None], harm: Harm, said: str
) -> None:
    harmed_after(harm, 2)
    ecr.set_latency(5)
    with pytest.raises(lc.JournalError, match=said) as caught:
        check(max_in_flight=1)
    report = caught.value.report
    assert report is not None
    assert report.stats.ended == "journal"
    assert 200 <= 1_000 - report.unique_counts["not_checked"] < 1_000
    assert sum(report.counts.values()) == report.rows


@pytest.mark.parametrize(("harm", "said"), HARMS.values(), ids=HARMS)
def test_a_journal_that_goes_away_after_the_last_group_is_noticed_too(
    check: Check,
    journal: Path,
    monkeypatch: pytest.MonkeyPatch,
    harmed_after: Callable[[Harm, int], None],
    harm: Harm,
    said: str,
) -> None:
    harmed_after(harm, 2)
    monkeypatch.setattr(writer, "GROUP", 10_000)
    monkeypatch.setattr(writer, "GROUP_S", 60.0)
    with pytest.raises(lc.JournalError, match=said) as caught:
        check()
    assert caught.value.report is not None
    assert caught.value.report.complete
    assert caught.value.report.stats.ended == "journal"


@pytest.mark.parametrize("name", ["log", "index"])
def test_a_journal_without_its_log_keeps_everything_that_was_known(
    check: Check, journal: Path, harmed_after: Callable[[Harm, int], None], name: str
) -> None:
    harmed_after(HARMS[name][0], 2)
    with pytest.raises(lc.JournalError) as caught:
        check(max_in_flight=1)
    report = caught.value.report
    assert report is not None
    assert [each.name for each in journal.parent.iterdir()] == [journal.name]
    with lc.Journal(journal) as opened:
        assert opened.verify() == []
        assert opened.status().settled == 1_000 - report.unique_counts["not_checked"]


def test_a_moved_journal_is_whole_and_goes_on_at_its_new_place(
    check: Check, ecr: LocalEcr, journal: Path, harmed_after: Callable[[Harm, int], None]
) -> None:
    harmed_after(move, 3)
    ecr.set_latency(5)
    with pytest.raises(lc.JournalError):
        check(max_in_flight=1)
    elsewhere = journal.with_name("elsewhere")
    assert list(journal.parent.iterdir()) == [elsewhere]
    with lc.Journal(elsewhere) as opened:
        assert opened.verify() == []
        known = opened.status().settled
    assert known >= 200
    ecr.set_latency(0)
    again = check(journal=elsewhere)
    assert again.stats.restored == known
    assert table(again) == table(check(journal=None))


def test_a_file_that_replaced_the_journal_is_not_touched(
    check: Check, journal: Path, harmed_after: Callable[[Harm, int], None]
) -> None:
    harmed_after(replace, 2)
    with pytest.raises(lc.JournalError):
        check(max_in_flight=1)
    assert [each.name for each in journal.parent.iterdir()] == [journal.name]
    assert journal.read_bytes() == b"precious"


def test_a_run_that_took_the_place_of_a_removed_journal_keeps_its_log(
    check: Check, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `git clean` a second run starts a new journal while the first has not noticed yet."""
    second: list[writer.JournalWriter] = []
    steps: list[str] = []

    def failpoint(step: str) -> None:
        steps.append(step)
        if step == "committed" and steps.count(step) == 2:
            clean(journal)
        elif step == "closing" and not second:
            second.append(open_writer(JournalOptions(journal), lc.plan(ROWS), Target("app"), None))
            second[0]._begin()

    monkeypatch.setattr(store, "failpoint", failpoint)
    monkeypatch.setattr(writer, "GROUP", 2)
    with pytest.raises(lc.JournalError, match="was removed or moved"):
        check(max_in_flight=1)
    # It looks after its files like every run.
    assert second[0].finish() is None
    with lc.Journal(journal) as opened:
        assert opened.verify() == []


HARMED_COMMAND = """
import subprocess, sys
from layercheck.cli import main
from layercheck.journal import store, writer
harm, commits, done = sys.argv[1], int(sys.argv[2]), 0
writer.GROUP = 2
def failpoint(step):
    global done
    done += step == "committed"
    if step == "committed" and done == commits:
        subprocess.run(harm, shell=True, check=True)
store.failpoint = failpoint
sys.argv = ["layercheck", *sys.argv[3:]]
sys.exit(main())
"""


@pytest.mark.parametrize("commits", [2, 3])
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("rm audit.journal", "journal '{}' was removed or moved in mid-run"),
        ("rm audit.journal*", "journal '{}' was removed or moved in mid-run"),
        ("mv audit.journal other", "journal '{}' was removed or moved in mid-run"),
        ("rm audit.journal-wal", "journal '{}': its log 'audit.journal-wal' was removed or replaced"),
        ("truncate -s 0 audit.journal-wal", "journal '{}': 'audit.journal-wal' was cut short in mid-run"),
        ("truncate -s 100 audit.journal", "journal '{}': 'audit.journal' was cut short in mid-run"),
    ],
)
def test_the_command_ends_with_exit_code_4_and_writes_its_report(
    tmp_path: Path, ecr: LocalEcr, harm: str, said: str, commits: int
) -> None:
    rows = tmp_path / "rows.txt"
    rows.write_text("\n".join(f"sha256:{number:064x}" for number in range(1_000)))
    ecr.set_latency(5)
    place = ["--region", "eu-west-1", "--endpoint-url", ecr.endpoint_url]
    slowly = ["--max-in-flight", "1", "--rate", "max", "--fail-on", "none"]
    command = ["check", "app", "rows.txt", "--journal", "audit.journal", "-o", "report.csv", *slowly, *place]
    done = subprocess.run(
        [sys.executable, "-c", HARMED_COMMAND, harm, str(commits), *command],
        cwd=tmp_path,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert f"layercheck: {said.format(tmp_path / 'audit.journal')}" in done.stderr
    assert "Traceback" not in done.stderr
    lines = (tmp_path / "report.csv").read_text().splitlines()
    assert len(lines) == 1_001
    assert any(",unavailable," in line for line in lines)
