"""What changed between two audits, however they were kept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import layercheck as lc
from cli.conftest import Layercheck, environment, layercheck  # noqa: F401 - fixtures
from dispatch.conftest import digests
from layercheck.journal.diff import CHANGES, TOLD
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
def audits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the same two audits in every form: `before.*` and `after.*`."""
    folder = tmp_path_factory.mktemp("audits")
    with LocalEcr({"app": [D[0], D[4], D[6], D[7], D[10], D[12]]}) as ecr:
        ecr.put("app", [D[1], D[5], D[8]], availability="ARCHIVED")
        audit(folder, "before", [*D[:11], D[12], "junk", D[0].upper()], ecr)
        ecr.remove("app", [D[0], D[1], D[5]])
        ecr.put("app", [D[2], D[5]])
        ecr.put("app", [D[3], D[4]], availability="ARCHIVED")
        # In another order, with a digest that the service refuses and one that it leaves out.
        ecr.remove("app", [D[6]])
        audit(folder, "after", [D[11], *D[10::-1], "junk"], ecr, open_digest=D[10])
        yield folder


def audit(folder: Path, name: str, rows: list[str], ecr: LocalEcr, open_digest: str | None = None) -> None:
    with lc.Checker("app", client=ecr.client(), max_in_flight=1, rate="max") as checker:
        journal = folder / f"{name}.journal"
        plan = lc.plan(rows, batch_size=1)
        if open_digest is not None:
            number = plan.texts(0, plan.unique).index(open_digest)
            first = ecr.calls[-1].number
            omit = Fault("omit", share=1.0, calls=(first + 1 + number,) * 2)
            ecr.set_faults([Fault("poison", digests=(D[6],)), omit])
        report = checker.check(plan, journal=journal)
    for suffix in SUFFIXES[1:]:
        report.write(folder / f"{name}.{suffix}")


@pytest.mark.parametrize("after", SUFFIXES)
@pytest.mark.parametrize("before", SUFFIXES)
def test_every_change_is_told_from_every_form(audits: Path, before: str, after: str) -> None:
    changes = lc.diff(audits / f"before.{before}", audits / f"after.{after}")
    assert {change: changes.digests(change) for change in CHANGES} == EXPECTED
    assert changes.counts == {change: len(found) for change, found in EXPECTED.items()}
    lines = list(changes.lines())
    told = [digest for word in TOLD for digest in EXPECTED[word]]
    assert sorted(line.digest for line in lines) == sorted(told)
    assert ("vanished", "archived", "unavailable") in {line[1:] for line in lines}


def test_nothing_changed(audits: Path) -> None:
    changes = lc.diff(audits / "before.journal", audits / "before.csv")
    assert changes.counts["same"] == 12
    assert list(changes.lines()) == []
    assert changes.to_arrow().num_rows == 0


def test_changes_become_files(audits: Path, tmp_path: Path) -> None:
    changes = lc.diff(audits / "before.journal", audits / "after.journal")
    expected = [line._asdict() for line in changes.lines()]
    changes.write(tmp_path / "changes.jsonl")
    changes.write(tmp_path / "changes.parquet")
    assert [json.loads(line) for line in (tmp_path / "changes.jsonl").read_text().splitlines()] == expected
    assert pq.read_table(tmp_path / "changes.parquet").to_pylist() == expected
    with pytest.raises(ValueError, match="as jsonl or parquet, not csv"):
        changes.write(tmp_path / "changes.csv")
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [("row,other\n1,2\n", "has not the columns"), ("digest,verdict\n" + D[0] + ",gone\n", "'gone'")],
)
def test_what_is_no_report_is_refused(audits: Path, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "odd.csv").write_text(text)
    with pytest.raises(ValueError, match=said):
        lc.diff(audits / "before.csv", tmp_path / "odd.csv")


def test_the_command_tells_what_vanished(layercheck: Layercheck, audits: Path) -> None:  # noqa: F811
    ended = layercheck("diff", audits / "before.journal", audits / "after.parquet")
    assert (ended.code, ended.err) == (3, "")
    assert "vanished   2" in " ".join(ended.out.split()).replace("vanished 2", "vanished   2")
    assert D[0] in ended.out
    rows = layercheck("diff", audits / "before.csv", audits / "after.jsonl", "--format", "jsonl")
    assert rows.code == 3
    assert len(rows.out.splitlines()) == 7
    back = layercheck("diff", audits / "after.journal", audits / "after.journal")
    assert back.code == 0


def test_the_command_writes_changes(layercheck: Layercheck, audits: Path, tmp_path: Path) -> None:  # noqa: F811
    both = [audits / "before.journal", audits / "after.journal"]
    assert layercheck("diff", *both, "-o", "changes.parquet").code == 3
    assert pq.read_table(tmp_path / "changes.parquet").num_rows == 7
    assert layercheck("diff", *both, "-o", "changes.csv").code == 2
    assert layercheck("diff", *both, "--format", "parquet").code == 2
    assert layercheck("diff", "none.journal", both[0]).code == 1
    assert layercheck("diff", "none.csv", both[0]).code == 1


def test_journals_are_shown_exported_and_verified(
    layercheck: Layercheck,  # noqa: F811
    audits: Path,
    tmp_path: Path,
) -> None:
    journal = tmp_path / "after.journal"
    journal.write_bytes((audits / "after.journal").read_bytes())
    shown = layercheck("journal", "show", journal)
    assert shown.code == 0
    assert "1 digest without a final verdict" in shown.out
    status = json.loads(layercheck("journal", "show", journal, "--format", "jsonl").out)
    assert (status["settled"], status["unique"], status["owner"], status["complete"]) == (11, 12, None, False)
    exported = layercheck("journal", "export", journal)
    assert exported.code == 4
    written = [json.loads(line) for line in (audits / "after.jsonl").read_text().splitlines()]
    for line in written:
        if line["verdict"] == "unanswered":
            line.update(verdict="not_checked", code=None, reason=None)
    assert [json.loads(line) for line in exported.out.splitlines()] == written
    assert layercheck("journal", "export", audits / "before.journal", "-o", "out.csv").code == 0
    assert (tmp_path / "out.csv").read_bytes() == (audits / "before.csv").read_bytes()
    assert layercheck("journal", "verify", journal).out == f"{journal}: sound\n"
    base = sqlite3.connect(journal)
    base.execute("UPDATE batches SET payload = zeroblob(length(payload)) WHERE id = 2")
    base.commit()
    base.close()
    bad = layercheck("journal", "verify", journal)
    assert bad.code == 1
    assert bad.out.startswith("1 batch cannot be read")
    assert layercheck("journal", "show", "none").code == 1
