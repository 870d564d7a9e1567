"""The file of a journal: where it may be, one writer at a time, and errors for other or damaged files."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

import layercheck as lc
from journal.conftest import Check, table
from layercheck._core import JOURNAL_VERSION
from layercheck.journal.filesystems import network_file_system
from layercheck.journal.lock import JournalLock, owner_of
from layercheck.testing import LocalEcr


def hold(path: Path, held: Event, released: Event) -> None:
    with JournalLock(path):
        held.set()
        released.wait(60)


def test_a_second_process_is_refused_at_once_with_the_name_of_the_first(
    check: Check, ecr: LocalEcr, journal: Path
) -> None:
    first = check()
    calls, before = ecr.counters.calls, journal.read_bytes()
    context = multiprocessing.get_context("spawn")
    held, released = context.Event(), context.Event()
    other = context.Process(target=hold, args=(journal, held, released))
    other.start()
    try:
        assert held.wait(60)
        with pytest.raises(lc.JournalError, match=rf"in use by process {other.pid} on \S+ since 20\d\d-"):
            check()
        owner = owner_of(journal)
        assert owner is not None
        assert owner.pid == other.pid
        # Any process may read meanwhile.
        with lc.Journal(journal) as opened:
            assert opened.status().owner == owner
            assert table(opened.report()) == table(first)
    finally:
        released.set()
        other.join(60)
    assert (ecr.counters.calls, journal.read_bytes()) == (calls, before)
    assert owner_of(journal) is None
    assert table(check()) == table(first)


def test_a_killed_process_leaves_no_lock(check: Check, journal: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, released = context.Event(), context.Event()
    other = context.Process(target=hold, args=(journal, held, released))
    other.start()
    assert held.wait(60)
    assert other.pid is not None
    os.kill(other.pid, signal.SIGKILL)
    other.join(60)
    assert owner_of(journal) is None
    assert check().complete


def test_a_second_run_in_the_same_process_is_refused_too(check: Check, journal: Path) -> None:
    with JournalLock(journal), pytest.raises(lc.JournalError, match=f"in use by process {os.getpid()} "):
        check()


def test_a_journal_and_a_link_to_it_share_one_lock(check: Check, journal: Path) -> None:
    link = journal.with_name("link")
    link.symlink_to(journal)
    with JournalLock(link), pytest.raises(lc.JournalError, match="in use"):
        check()


def foreign(path: Path) -> None:
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE mine (data)")
    base.commit()
    base.close()


def newer(path: Path) -> None:
    base = sqlite3.connect(path)
    base.execute(f"PRAGMA user_version={JOURNAL_VERSION + 1}")
    base.commit()
    base.close()


def nameless(path: Path) -> None:
    base = sqlite3.connect(path)
    base.execute("DELETE FROM meta WHERE key = 'repository_name'")
    base.commit()
    base.close()


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (foreign, "is a database, but not a journal of layercheck"),
        (lambda path: path.write_text("sha256:" + "ab" * 32 + "\n" * 5000), "this file is not a journal"),
        (lambda path: path.write_bytes(os.urandom(5000)), "this file is not a journal"),
        (folder, "is a folder"),
    ],
    ids=["database", "text", "noise", "folder"],
)
def test_a_file_that_is_not_a_journal_is_refused_and_not_changed(
    check: Check, ecr: LocalEcr, journal: Path, spoil: object, said: str
) -> None:
    spoil(journal)  # type: ignore[operator]
    before = journal.read_bytes() if journal.is_file() else None
    with pytest.raises(lc.JournalError, match=said):
        check()
    assert (journal.read_bytes() if journal.is_file() else None) == before
    assert ecr.counters.requests == 0
    with pytest.raises(lc.JournalError):
        lc.Journal(journal)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (newer, "was written by a newer layercheck"),
        (nameless, "is damaged: its repository_name is missing"),
        (lambda path: os.truncate(path, path.stat().st_size // 2 // 4096 * 4096), "is damaged"),
        (lambda path: os.truncate(path, 100), "is damaged|is not a journal"),
    ],
    ids=["newer", "nameless", "half", "head"],
)
def test_a_damaged_or_newer_journal_is_refused(
    check: Check, ecr: LocalEcr, journal: Path, spoil: object, said: str
) -> None:
    check()
    spoil(journal)  # type: ignore[operator]
    calls = ecr.counters.calls
    with pytest.raises(lc.JournalError, match=said):
        check()
    assert ecr.counters.calls == calls


def test_an_empty_file_becomes_a_new_journal(check: Check, journal: Path) -> None:
    journal.touch()
    assert check().complete
    assert check().stats.calls == 0


def test_a_batch_with_a_wrong_bit_is_asked_again(check: Check, ecr: LocalEcr, journal: Path) -> None:
    first = check()
    base = sqlite3.connect(journal)
    ((payload,),) = base.execute("SELECT payload FROM batches WHERE id = 4").fetchall()
    base.execute("UPDATE batches SET payload = ? WHERE id = 4", (payload[:-1] + bytes([payload[-1] ^ 1]),))
    # The right verdicts at the wrong digests.
    base.execute("UPDATE batches SET start = start + 1 WHERE id = 7")
    base.execute("UPDATE batches SET stop = 'many' WHERE id = 9")
    base.commit()
    base.close()
    with lc.Journal(journal) as opened:
        assert opened.verify() == ["3 batches cannot be read; a resumed run asks these digests again"]
        assert opened.report().unique_counts["not_checked"] == 300
    calls = ecr.counters.calls
    again = check()
    assert table(again) == table(first)
    assert ecr.counters.calls == calls + 3


def test_a_wrong_bit_anywhere_never_makes_a_wrong_verdict(check: Check, ecr: LocalEcr, journal: Path) -> None:
    first = check()
    whole = journal.read_bytes()
    refused = 0
    for at in range(0, len(whole), len(whole) // 60):
        broken = bytearray(whole)
        broken[at] ^= 0x10
        journal.write_bytes(broken)
        try:
            again = check()
        except lc.JournalError:
            refused += 1
        else:
            assert table(again) == table(first), f"byte {at}"
        for beside in journal.parent.glob(f"{journal.name}-*"):
            beside.unlink()
    assert refused > 0


def test_a_changed_plan_is_reported_as_damage(check: Check, journal: Path) -> None:
    check()
    base = sqlite3.connect(journal)
    base.execute("UPDATE plan SET part = part + 100 WHERE part = 1")
    base.commit()
    base.close()
    with lc.Journal(journal) as opened:
        with pytest.raises(lc.JournalError, match="is damaged"):
            opened.report()
        assert len(opened.verify()) == 1


def test_too_long_names_devices_and_pipes_are_refused(check: Check, journal: Path) -> None:
    with pytest.raises(lc.JournalError, match="cannot be opened: file name too long"):
        check(journal=journal.with_name("x" * 300))
    with pytest.raises(lc.JournalError, match=r"is a device or a pipe\. Name a file"):
        check(journal="/dev/null")
    os.mkfifo(journal)
    with pytest.raises(lc.JournalError, match=r"is a device or a pipe\. Name a file"):
        check()


def test_a_missing_folder_or_journal_is_an_error(check: Check, journal: Path) -> None:
    with pytest.raises(lc.JournalError, match="there is no folder"):
        check(journal=journal.parent / "no" / "x.journal")
    with pytest.raises(lc.JournalError, match="there is no journal"):
        lc.Journal(journal)


MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /mnt rw - nfs4 server:/export rw
31 30 0:27 / /mnt/local\\040disk rw - xfs /dev/vdb rw
32 22 0:28 / /home/me/s3 rw - fuse.s3fs s3fs rw
33 22 0:29 / /home/me/zip rw - fuse.archivemount x rw
34 22 0:30 / /over rw - ext4 /dev/vdc rw
35 22 0:31 / /over rw - cifs //server/share rw
odd line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/audit.journal", None),
        ("/mnt/audit.journal", "nfs4"),
        ("/mnt/deep/er/audit.journal", "nfs4"),
        ("/mnt/local disk/audit.journal", None),
        ("/mntx/audit.journal", None),
        ("/home/me/s3/audit.journal", "fuse.s3fs"),
        ("/home/me/zip/audit.journal", None),
        ("/over/audit.journal", "cifs"),
    ],
)
def test_network_file_systems_are_recognized_by_their_mount(
    tmp_path: Path, path: str, kind: str | None
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert network_file_system(Path(path), mounts) == kind
    assert network_file_system(Path(path), tmp_path / "none") is None


def test_a_journal_on_a_network_file_system_is_refused(
    check: Check, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layercheck.journal.lock.network_file_system", lambda path: "nfs4")
    with pytest.raises(lc.JournalError, match=r"network file system \(nfs4\).*Use a local disk"):
        check()
    assert not journal.exists()


READ = """
import sys, layercheck as lc
with lc.Journal(sys.argv[1]) as journal:
    print(journal.status().settled, journal.report().complete)
"""


def test_a_closed_journal_can_be_read_from_a_read_only_folder(check: Check, journal: Path) -> None:
    setpriv = shutil.which("setpriv")
    assert setpriv is not None, "part of util-linux, which every Linux has"
    check()
    # The file no longer asks for a write-ahead log, so that any SQLite can open it alone.
    assert journal.read_bytes()[18:20] == b"\x01\x01"
    journal.chmod(0o444)
    journal.parent.chmod(0o555)
    # Root ignores permission bits. Without these capabilities, the bits count for root too.
    drop = "-dac_override,-dac_read_search"
    common = [setpriv, "--inh-caps", drop, "--bounding-set", drop] if os.geteuid() == 0 else []
    read = subprocess.run(
        [*common, sys.executable, "-c", READ, journal], capture_output=True, text=True, check=False
    )
    journal.parent.chmod(0o755)
    assert (read.stdout, read.returncode) == ("1000 True\n", 0), read.stderr
