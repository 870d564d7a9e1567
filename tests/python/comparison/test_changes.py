"""The changes between two checks, from journals and report files of every format."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import layercheck as lc
from cli.conftest import Layercheck, environment, layercheck  # noqa: F401 - fixtures
from fake_account import digests
from layercheck.comparison.changes import _WINDOW, CHANGES, LISTED
from layercheck.journal.lock import JournalLock
from layercheck.testing import Fault, LocalEcr

D = digests(20)
SUFFIXES = ["journal", "parquet", "arrow", "csv", "jsonl"]
EXPECTED: dict[str, list[str]] = {
    "vanished": [D[0], D[1]],
    "appeared": [D[2], D[3]],
    "archived": [D[4]],
    "restored": [D[5]],
    "changed": [D[6]],
    "same": [D[7], D[8], D[9]],
    "unknown": [D[10]],
    "added": [D[11]],
    "removed": [D[12]],
}


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the same two checks in every format: `before.*` and `after.*`."""
    folder = tmp_path_factory.mktemp("checks")
    with LocalEcr({"app": [D[0], D[4], D[6], D[7], D[10], D[12]]}) as ecr:
        ecr.put("app", [D[1], D[5], D[8]], availability="ARCHIVED")
        write_check(folder, "before", [*D[:11], D[12], "junk", D[0].upper()], ecr)
        ecr.remove("app", [D[0], D[1], D[5]])
        ecr.put("app", [D[2], D[5]])
        ecr.put("app", [D[3], D[4]], availability="ARCHIVED")
        # In another order, with a digest that the service refuses, and a last one that it never answers.
        ecr.remove("app", [D[6]])
        write_check(folder, "after", [D[11], *D[9::-1], D[10], "junk"], ecr, open_digest=D[10])
        yield folder


def write_check(
    folder: Path, name: str, rows: list[str], ecr: LocalEcr, open_digest: str | None = None
) -> None:
    with lc.Checker("app", client=ecr.client(), max_in_flight=1, rate="max") as checker:
        journal = folder / f"{name}.journal"
        plan = lc.plan(rows, batch_size=1)
        if open_digest is not None:
            number = plan.texts(0, plan.unique).index(open_digest)
            first = ecr.calls[-1].number
            omit = Fault("omit", share=1.0, calls=(first + 1 + number, None))
            ecr.set_faults([Fault("poison", digests=(D[6],)), omit])
        report = checker.check(plan, journal=journal)
    for suffix in SUFFIXES[1:]:
        report.write(folder / f"{name}.{suffix}")


@pytest.mark.parametrize("after", SUFFIXES)
@pytest.mark.parametrize("before", SUFFIXES)
def test_every_kind_of_change_is_found_in_every_format(checks: Path, before: str, after: str) -> None:
    changes = lc.diff(checks / f"before.{before}", checks / f"after.{after}")
    assert {change: changes.digests(change) for change in CHANGES} == EXPECTED
    assert changes.counts == {change: len(found) for change, found in EXPECTED.items()}
    lines = list(changes.lines())
    listed = [digest for word in LISTED for digest in EXPECTED[word]]
    assert sorted(line.digest for line in lines) == sorted(listed)
    assert ("vanished", "archived", "unavailable") in {line[1:] for line in lines}


def test_a_check_compared_with_itself_has_no_changes(checks: Path) -> None:
    changes = lc.diff(checks / "before.journal", checks / "before.csv")
    assert changes.counts["same"] == 12
    assert list(changes.lines()) == []
    assert changes.to_arrow().num_rows == 0


def test_changes_are_written_as_jsonl_and_parquet(checks: Path, tmp_path: Path) -> None:
    changes = lc.diff(checks / "before.journal", checks / "after.journal")
    expected = [line._asdict() for line in changes.lines()]
    changes.write(tmp_path / "changes.jsonl")
    changes.write(tmp_path / "changes.parquet")
    assert [json.loads(line) for line in (tmp_path / "changes.jsonl").read_text().splitlines()] == expected
    assert pq.read_table(tmp_path / "changes.parquet").to_pylist() == expected
    with pytest.raises(ValueError, match="as jsonl, parquet or html, not csv"):
        changes.write(tmp_path / "changes.csv")
    assert len(list(tmp_path.iterdir())) == 2


def test_an_unknown_change_is_refused(checks: Path) -> None:
    changes = lc.diff(checks / "before.journal", checks / "after.journal")
    assert [line.digest for line in changes.lines(["archived", "vanished"])] == [D[0], D[1], D[4]]
    for ask in (changes.digests, lambda word: list(changes.lines([word]))):
        with pytest.raises(ValueError, match="unknown change 'gone'; expected one of: vanished, appeared"):
            ask("gone")  # type: ignore[arg-type]


def test_many_changes_are_listed_in_the_order_of_the_first_check(tmp_path: Path) -> None:
    # More than one window.
    count = 2 * _WINDOW + 3
    every = np.zeros((count, 32), dtype=np.uint8)
    every[:, :8] = np.arange(count, dtype=">u8").view(np.uint8).reshape(count, 8)
    texts = lc.plan(every).texts(0, count)
    for name, word in (("before", "available"), ("after", "unavailable")):
        rows = (f"{text},{'archived' if at % 5 == 0 else word}\n" for at, text in enumerate(texts))
        (tmp_path / f"{name}.csv").write_text("digest,verdict\n" + "".join(rows))
    changes = lc.diff(tmp_path / "before.csv", tmp_path / "after.csv")
    expected = [text for at, text in enumerate(texts) if at % 5]
    assert changes.digests("vanished") == expected
    assert changes.counts["same"] == count - len(expected)
    changes.write(tmp_path / "changes.parquet")
    changes.write(tmp_path / "changes.jsonl")
    assert pq.read_table(tmp_path / "changes.parquet")["digest"].to_pylist() == expected
    lines = (tmp_path / "changes.jsonl").read_text().splitlines()
    assert [json.loads(line)["digest"] for line in lines] == expected


def test_the_command_shows_the_vanished_digests(layercheck: Layercheck, checks: Path) -> None:  # noqa: F811
    ended = layercheck("diff", checks / "before.journal", checks / "after.parquet", cwd=checks)
    assert ended.code == 3
    shown = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert shown[0] == f"A {checks / 'before.journal'} 12 digests"
    assert shown[1] == f"B {checks / 'after.parquet'} 12 digests"
    assert "vanished 2 was in the repository, now is not" in shown
    assert "added 1 only in B" in shown
    assert shown[-3:] == ["vanished, 2 of 2", D[0], D[1]]
    rows = layercheck("diff", checks / "before.csv", checks / "after.jsonl", "--format", "jsonl")
    assert rows.code == 3
    changes = lc.diff(checks / "before.csv", checks / "after.csv")
    assert [json.loads(line) for line in rows.out.splitlines()] == [
        each._asdict() for each in changes.lines()
    ]
    back = layercheck("diff", checks / "after.journal", checks / "after.csv")
    assert back.code == 0


def test_the_command_shows_five_of_many_vanished_digests(layercheck: Layercheck, tmp_path: Path) -> None:  # noqa: F811
    for name, word in (("before", "available"), ("after", "unavailable")):
        (tmp_path / f"{name}.csv").write_text("digest,verdict\n" + "".join(f"{d},{word}\n" for d in D[:7]))
    out = layercheck("diff", "before.csv", "after.csv").out.splitlines()
    assert out[-7:] == ["vanished, 5 of 7", *D[:5], "all of them: --format jsonl, or -o FILE"]


@pytest.mark.parametrize("format_", ["table", "jsonl"])
def test_the_command_names_digests_that_are_not_compared(
    layercheck: Layercheck,  # noqa: F811
    checks: Path,
    format_: str,
) -> None:
    what = "after.{}: 1 of 12 digests without a final verdict, not compared; {}\n"
    report, run = (
        "it is the report of an incomplete run",
        "the run is not complete: the command that began it",
    )
    for name, after in (("csv", report), ("journal", f"{run}, with this --journal, goes on with it")):
        ended = layercheck("diff", "before.csv", f"after.{name}", "--format", format_, cwd=checks)
        assert (ended.code, ended.err) == (3, "layercheck: " + what.format(name, after))
    back = layercheck("diff", "after.csv", "before.csv", cwd=checks)
    assert back.err == "layercheck: " + what.format("csv", report)
    with JournalLock(checks / "after.journal"):
        ended = layercheck("diff", "before.journal", "after.journal", cwd=checks)
    assert ended.code == 3
    assert f"not compared; its run goes on: process {os.getpid()}" in ended.err


def test_the_command_warns_of_likely_mistakes(
    layercheck: Layercheck,  # noqa: F811
    checks: Path,
    tmp_path: Path,
) -> None:
    same = layercheck("diff", "before.csv", checks / "before.csv", cwd=checks)
    assert (same.code, same.err) == (
        0,
        "layercheck: A and B are the same file, so nothing can have changed\n",
    )
    with LocalEcr({"other": D[13:]}) as ecr:
        lc.check(D[13:], "other", client=ecr.client(), journal=tmp_path / "other.journal")
        other = layercheck("diff", checks / "before.journal", "other.journal")
    places = r"layercheck: two places are compared: app at http://\S+ and other at http://\S+\n"
    strangers = "layercheck: A and B have no digest in common: are they audits of the same digests\\?\n"
    assert other.code == 0
    assert re.fullmatch(places + strangers, other.err)
    (tmp_path / "none.jsonl").touch()
    assert layercheck("diff", "none.jsonl", checks / "before.csv").err == ""


def test_the_command_reads_a_report_from_standard_input(layercheck: Layercheck, checks: Path) -> None:  # noqa: F811
    for form in ("jsonl", "csv"):
        content = (checks / f"before.{form}").read_bytes()
        ended = layercheck("diff", "-", checks / "after.parquet", stdin=content)
        assert ended.code == 3
        assert " ".join(ended.out.splitlines()[0].split()) == "A standard input 12 digests"


def test_the_command_writes_changes_to_a_file(layercheck: Layercheck, checks: Path, tmp_path: Path) -> None:  # noqa: F811
    both = [checks / "before.journal", checks / "after.journal"]
    assert layercheck("diff", *both, "-o", "changes.parquet").code == 3
    assert pq.read_table(tmp_path / "changes.parquet").num_rows == 7
    assert layercheck("diff", *both, "-o", "changes.csv").code == 2
    for output in ([], ["-o", "-"]):
        assert layercheck("diff", *both, "--format", "parquet", *output).code == 2
    # The output exists, but A does not.
    missing = layercheck("diff", "none.csv", both[0], "-o", "changes.parquet")
    assert missing.err.startswith("layercheck: cannot read 'none.csv': no such file or directory; ")
    assert pq.read_table(tmp_path / "changes.parquet").num_rows == 7


def test_an_error_of_the_command_is_one_line(layercheck: Layercheck, checks: Path, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "odd\x1b.csv").write_text("digest,verdict\n\x1b,available\n")
    (tmp_path / "odd.gz").write_bytes(b"\x1f\x8b")
    for name, said in (
        ("none.journal", "there is no journal "),
        (
            "none.csv",
            "cannot read 'none.csv': no such file or directory; give two journals or written reports",
        ),
        (".", "cannot read '.': is a folder, not a file; give "),
        ("odd\x1b.csv", "cannot compare: odd\\x1b.csv: line 2: "),
        ("odd.gz", "cannot read: odd.gz: broken gzip data"),
        ("https://me:hunter2@host/a.csv", "'https://***@host/a.csv' is a URL; download the file, and name "),
    ):
        for both in ((checks / "before.csv", name), (name, checks / "before.csv")):
            ended = layercheck("diff", *both)
            assert (ended.code, ended.out) == (1, "")
            assert ended.err.startswith(f"layercheck: {said}")
            assert len(ended.err.splitlines()) == 1


def test_journals_are_shown_exported_and_verified(
    layercheck: Layercheck,  # noqa: F811
    checks: Path,
    tmp_path: Path,
) -> None:
    journal = tmp_path / "after.journal"
    journal.write_bytes((checks / "after.journal").read_bytes())
    shown = layercheck("journal", "show", journal)
    assert shown.code == 0
    assert "1 digest without a final verdict" in shown.out
    status = json.loads(layercheck("journal", "show", journal, "--format", "jsonl").out)
    assert (status["settled"], status["unique"], status["owner"], status["complete"]) == (11, 12, None, False)
    exported = layercheck("journal", "export", journal)
    assert exported.code == 4
    assert exported.out == (checks / "after.jsonl").read_text()
    assert layercheck("journal", "export", checks / "before.journal", "-o", "out.csv").code == 0
    assert (tmp_path / "out.csv").read_bytes() == (checks / "before.csv").read_bytes()
    assert layercheck("journal", "verify", journal).out == f"{journal}: sound\n"
    base = sqlite3.connect(journal)
    base.execute("UPDATE batches SET payload = zeroblob(length(payload)) WHERE id = 2")
    base.commit()
    base.close()
    bad = layercheck("journal", "verify", journal)
    assert bad.code == 1
    assert bad.out.startswith("1 batch cannot be read")
    assert layercheck("journal", "show", "none").code == 1
