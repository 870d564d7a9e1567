"""An audit in parts, without an engine: the table is that of one process, however it is cut and ended."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import layercheck as lc
from fake_account import digests
from layercheck import shard
from layercheck.parts.drive import Task
from layercheck.parts.pieces import listed
from layercheck.testing import Fault, LocalEcr, dummy_session
from parts.one_by_one import REPOSITORY, DriverDiedError, OneByOne, audit, lines, table_at

DIGESTS = digests(1_000)
ROWS = [*DIGESTS, *DIGESTS[:50], "junk", "", None]


def server(**options: Any) -> LocalEcr:
    """A server that has a half of all digests."""
    ecr = LocalEcr([REPOSITORY, "team/other"], region_name=None, **options)
    for name in ecr.repositories:
        ecr.set_rule(name, "fraction", fraction=0.5)
    return ecr


def of_one_process(ecr: LocalEcr, rows: list[Any]) -> list[tuple[Any, ...]]:
    """The lines that one process makes."""
    report = lc.check(rows, REPOSITORY, session=ecr.session(), endpoint_url=ecr.endpoint_url, rate="max")
    assert report.complete
    return lines(report.to_arrow(unique=True))


def pieces(rows: list[Any], cuts: list[int]) -> list[pa.Table]:
    """Rows cut at some places."""
    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    return [pa.table({"digest": pa.array(rows[start:stop], pa.string())}) for start, stop in pairwise(bounds)]


@settings(max_examples=8)
@given(
    cuts=st.lists(st.integers(0, len(ROWS)), max_size=5),
    slices=st.sampled_from([1, 4, 4096]),
    askers=st.integers(1, 3),
)
def test_any_cutting_gives_the_table_of_one_process(cuts: list[int], slices: int, askers: int) -> None:
    with server() as ecr, tempfile.TemporaryDirectory() as folder:
        engine = OneByOne(slots=3)
        rows = ROWS if slices < 4096 else ROWS[:20]  # a file for each part
        table = audit(
            ecr, pieces(rows, cuts), Path(folder) / "run", engine=engine, slices=slices, askers=askers
        )
        assert table.schema == shard.schema()
        assert lines(table) == of_one_process(ecr, rows)
        seen = shard.summary(Path(folder) / "run")
        assert (seen.rows, seen.digests, seen.complete) == (len(rows), len(table), True)


PANDAS: dict[str, Callable[[], Any]] = {
    "a frame": lambda: pd.DataFrame({"digest": ROWS, "row": range(len(ROWS))}),
    "a Series": lambda: pd.Series(ROWS, name="layer"),
    "an Index": lambda: pd.Index(ROWS),
    "Series in a list": lambda: [pd.Series(ROWS[:600]), pd.Series(ROWS[600:], index=ROWS[600:])],
}


@pytest.mark.parametrize("form", PANDAS)
def test_tables_of_pandas_give_the_table_of_one_process(tmp_path: Path, form: str) -> None:
    with server() as ecr:
        found = listed(PANDAS[form]())
        assert found is not None
        assert lines(audit(ecr, found, tmp_path)) == of_one_process(ecr, ROWS)


@pytest.mark.parametrize("dies_after", range(8))
def test_the_same_call_goes_on_with_the_parts_that_are_left(tmp_path: Path, dies_after: int) -> None:
    with server() as ecr:
        options: dict[str, Any] = {"slices": 4, "askers": 2}
        with pytest.raises(DriverDiedError):
            audit(ecr, pieces(ROWS, []), tmp_path, engine=OneByOne(dies_after=dies_after), **options)
        finished = sum(pq.read_metadata(file).num_rows for file in tmp_path.glob("slice=*/*"))
        before = ecr.counters.digests
        table = audit(ecr, pieces(ROWS, [300, 700]), tmp_path, engine=OneByOne(), **options)
        assert ecr.counters.digests - before == len(DIGESTS) - finished + 1  # the look first asks for one
        assert lines(table) == of_one_process(ecr, ROWS)
    assert (finished > 0) == (dies_after > 0)


def test_a_second_audit_asks_nothing(tmp_path: Path) -> None:
    with server() as ecr:
        audit(ecr, pieces(ROWS, []), tmp_path, slices=4)
        before = ecr.counters.calls
        audit(ecr, pieces(ROWS, []), tmp_path)
        assert ecr.counters.calls == before + 1  # the look first


@pytest.mark.parametrize("again_with_answers", [True, False])
def test_what_has_no_answer_is_asked_once_more_and_has_one_line(
    tmp_path: Path, again_with_answers: bool
) -> None:
    with server(faults=[Fault("omit", share=0.3)]) as ecr:
        engine = OneByOne()
        first = audit(ecr, pieces(ROWS, []), tmp_path, engine=engine, slices=2)
        assert "what is still open" in engine.ran
        assert sorted(first["digest"].to_pylist()) == sorted(DIGESTS)
        open_now = sum(verdict == "unanswered" for verdict in first["verdict"].to_pylist())
        assert open_now > 0
        assert shard.summary(tmp_path).counts["unanswered"] == open_now
        if again_with_answers:
            ecr.set_faults([])
        before = ecr.counters.digests
        table = audit(ecr, pieces(ROWS, []), tmp_path)
        assert sorted(table["digest"].to_pylist()) == sorted(DIGESTS)
        if again_with_answers:
            assert ecr.counters.digests - before < 600
            assert lines(table) == of_one_process(ecr, ROWS)
            assert shard.summary(tmp_path).complete


def test_slices_that_are_too_old_are_asked_again_and_have_one_line(tmp_path: Path) -> None:
    with server(faults=[Fault("omit", share=0.3)]) as ecr:
        audit(ecr, pieces(ROWS, []), tmp_path, slices=2)
        ecr.set_faults([])
        before = ecr.counters.digests
        table = audit(ecr, pieces(ROWS, []), tmp_path, max_age_s=0.0)
        assert ecr.counters.digests - before == len(DIGESTS) + 1  # the look first asks for one
        assert lines(table) == of_one_process(ecr, ROWS)


@pytest.mark.parametrize("rows", [ROWS[1:], [*ROWS, DIGESTS[0]], [*ROWS, "more junk"]])
def test_other_rows_are_refused(tmp_path: Path, rows: list[Any]) -> None:
    with server() as ecr:
        audit(ecr, pieces(ROWS, []), tmp_path)
        with pytest.raises(lc.JournalError, match="the input is not that of the run that began here"):
            audit(ecr, pieces(rows, []), tmp_path)


def test_another_repository_is_refused_before_anything_is_prepared(tmp_path: Path) -> None:
    with server() as ecr:
        with pytest.raises(DriverDiedError):
            audit(ecr, pieces(ROWS, []), tmp_path, engine=OneByOne(dies_after=1), slices=1, askers=2)
        engine = OneByOne()
        with pytest.raises(lc.JournalError, match="repository_name 'team/app' instead of 'team/other'"):
            audit(ecr, pieces(ROWS, []), tmp_path, engine=engine, repository="team/other")
        assert engine.ran == ["the first look"]
        assert lines(audit(ecr, pieces(ROWS, []), tmp_path)) == of_one_process(ecr, ROWS)


def test_an_audit_is_not_put_into_a_folder_with_other_files(tmp_path: Path) -> None:
    pq.write_table(pa.table({"digest": ROWS}), tmp_path / "rows.parquet")
    engine = OneByOne()
    with (
        server() as ecr,
        pytest.raises(lc.InvalidParameterError, match=r"'rows.parquet' is and no run"),
    ):
        audit(ecr, pieces(ROWS, []), tmp_path, engine=engine)
    assert (engine.ran, [each.name for each in tmp_path.iterdir()]) == ([], ["rows.parquet"])


@pytest.mark.parametrize(
    ("name", "replaces", "is_own"),
    [
        ("slice=0", False, True),
        (
            "slice=0",
            True,
            False,
        ),  # Spark would write over such a folder of another table
        ("last-0a", True, True),
        ("lost+found", True, True),
        (".hidden", True, True),
        ("images", True, True),
        ("date=2026-01-31", False, False),
    ],
)
def test_a_run_begins_beside_what_an_earlier_one_left(
    tmp_path: Path, name: str, replaces: bool, is_own: bool
) -> None:
    (tmp_path / name).mkdir()
    folder = shard.open_folder(tmp_path)
    if not is_own:
        with pytest.raises(lc.InvalidParameterError, match="no run began"):
            shard.folder.check_own(folder, replaces=replaces)
        (tmp_path / "_layercheck").mkdir()
    shard.folder.check_own(folder, replaces=replaces)


def test_another_number_of_slices_is_refused(tmp_path: Path) -> None:
    with server() as ecr:
        audit(ecr, pieces(ROWS, []), tmp_path, slices=2)
        with pytest.raises(lc.JournalError, match="has 2 slices and slices is 4; leave it out"):
            audit(ecr, pieces(ROWS, []), tmp_path, slices=4)


def test_two_audits_at_one_path_never_mix_their_verdicts(tmp_path: Path) -> None:
    class Disturbed(OneByOne):
        """Another audit has the same path while this one is at its first part."""

        def run(self, tasks: Iterable[Task], at_once: int) -> Generator[tuple[Task, Any], None, None]:
            for task, result in super().run(tasks, at_once):
                if task.what == "slice 0, part 1 of 2":
                    (tmp_path / "_layercheck" / "run.json").unlink()  # as if both began together
                    audit(ecr, pieces(ROWS, []), tmp_path, repository="team/other")
                yield task, result

    with server() as ecr:
        ecr.set_rule("team/other", "fraction", fraction=0.0)
        with pytest.raises(lc.JournalError, match=r"another audit used .* at the same time"):
            audit(ecr, pieces(ROWS, []), tmp_path, engine=Disturbed(), slices=1, askers=2)
        with pytest.raises(lc.JournalError, match="two audits wrote into"):
            table_at(tmp_path)


class _GivenUp:
    """What an asker does before it asks: nothing, or what happens while it is slow."""

    act: Callable[[], None] | None = None

    @classmethod
    def session(cls) -> boto3.Session:
        act, cls.act = cls.act, None
        if act is not None:
            act()
        return dummy_session()


def test_an_asker_that_ends_after_its_successor_leaves_the_verdicts_of_that_one(tmp_path: Path) -> None:
    class Hasty(OneByOne):
        """Gives the first part to a second worker while the first one still asks."""

        def run(self, tasks: Iterable[Task], at_once: int) -> Generator[tuple[Task, Any], None, None]:
            for task in tasks:
                outcomes: list[Any] = []

                def ask_again(task: Task = task, outcomes: list[Any] = outcomes) -> None:
                    outcomes.append(task.function(*task.arguments))
                    ecr.set_rule(REPOSITORY, "fraction", fraction=0.0)

                _GivenUp.act = ask_again if task.what == "slice 0, part 1 of 1" else None
                outcomes.append(task.function(*task.arguments))
                yield task, outcomes[0]

    with server() as ecr:
        wanted = of_one_process(ecr, ROWS)
        options: dict[str, Any] = {"slices": 1, "askers": 1, "session": f"{__name__}:_GivenUp.session"}
        assert lines(audit(ecr, pieces(ROWS, []), tmp_path, engine=Hasty(), **options)) == wanted
        assert ecr.counters.digests == 3 * len(DIGESTS) + 1  # both asked, and the single process


def test_a_file_that_is_written_after_it_was_recorded_is_said(tmp_path: Path) -> None:
    with server() as ecr:
        audit(ecr, pieces(ROWS, []), tmp_path / "run", slices=1, askers=1)
        (file,) = (tmp_path / "run").glob("slice=*/*")
        recorded = file.read_bytes()
        record = tmp_path / "run" / "_layercheck" / "slice=0000.json"
        kept = record.read_bytes()
        file.unlink()
        record.unlink()
        audit(ecr, pieces(ROWS, []), tmp_path / "run")
        late = file.read_bytes()
        file.write_bytes(recorded)  # the first attempt comes late
        with pytest.raises(lc.JournalError, match=r"was written again after it had been recorded") as said:
            table_at(tmp_path / "run")
        assert f"delete {record} and run the same audit again" in str(said.value)
        written = record.read_bytes()
        record.unlink()
        audit(ecr, pieces(ROWS, []), tmp_path / "run")
        assert len(table_at(tmp_path / "run")) == len(DIGESTS)
        file.write_bytes(late)
        record.write_bytes(written)
        assert len(table_at(tmp_path / "run")) == len(DIGESTS)
        # A newer file than the manifest is of a run that asks again, and counts.
        record.write_bytes(kept)
        assert len(table_at(tmp_path / "run")) == len(DIGESTS)


def test_a_slice_of_which_a_part_is_too_old_is_asked_again(tmp_path: Path) -> None:
    with server() as ecr:
        options: dict[str, Any] = {"slices": 1, "askers": 2}
        with pytest.raises(DriverDiedError):
            audit(ecr, pieces(ROWS, []), tmp_path, engine=OneByOne(dies_after=1), **options)
        between = time.time()
        ecr.set_rule(REPOSITORY, "fraction", fraction=1.0)
        audit(ecr, pieces(ROWS, []), tmp_path, **options)
        manifest = tmp_path / "_layercheck" / "slice=0000.json"
        values = json.loads(manifest.read_text())
        manifest.write_text(json.dumps({**values, "ended": "2100-01-01T00:00:00+00:00"}))
        age = time.time() - between  # the first part is older, the manifest is not
        table = audit(ecr, pieces(ROWS, []), tmp_path, **options, max_age_s=age)
        assert set(table["verdict"].to_pylist()) == {"available"}
        assert lines(table) == of_one_process(ecr, ROWS)


def test_what_a_killed_worker_left_is_no_part(tmp_path: Path) -> None:
    class Kills(OneByOne):
        """A worker that wrote digests was killed, and its task ran again."""

        def run(self, tasks: Iterable[Task], at_once: int) -> Generator[tuple[Task, Any], None, None]:
            for task, result in super().run(tasks, at_once):
                yield task, result
                if task.what.startswith("the digests of slice"):
                    for whole in tmp_path.glob("_layercheck/digests-*/slice=*/*.parquet"):
                        (whole.parent / f".{whole.name}.0123").write_bytes(whole.read_bytes()[:-9])
                        (whole.parent / f".{whole.name}.4567").write_bytes(whole.read_bytes())

    with server() as ecr:
        table = audit(ecr, pieces(ROWS, []), tmp_path, engine=Kills(), slices=2, askers=2)
        assert list(tmp_path.glob("_layercheck/digests-*/slice=*/.*"))
        assert lines(table) == of_one_process(ecr, ROWS)


def test_an_input_that_cannot_be_read_is_not_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    rows = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"digest": DIGESTS}), rows, compression="none")
    with rows.open("r+b") as file:
        file.seek(10)
        file.write(b"\xff" * 500)
    with server() as ecr, pytest.raises(OSError, match=r"Couldn.t deserialize|column|page|thrift") as said:
        audit(ecr, [str(rows)], tmp_path / "run")
    assert "cannot be written" not in str(said.value)


def test_slices_are_small_enough_for_one_task_whatever_the_rate() -> None:
    for rate in (1.0, 500.0, 50_000.0):
        for count in (1, 4_000_001, 10**9):
            assert count / shard.slice_count(count, rate, most=4_000_000) <= 4_000_000
    assert shard.slice_count(10**9, 500.0) == 128


def test_a_table_that_another_audit_writes_into_is_not_read(tmp_path: Path) -> None:
    with server() as ecr:
        audit(ecr, pieces(ROWS, []), tmp_path / "one", slices=1, askers=1)
        audit(ecr, pieces(ROWS, []), tmp_path / "other", slices=1, askers=1, repository="team/other")
        (one,) = (tmp_path / "one").glob("slice=*/*")
        (other,) = (tmp_path / "other").glob("slice=*/*")
        one.write_bytes(other.read_bytes())
        with pytest.raises(lc.JournalError, match="two audits wrote into"):
            table_at(tmp_path / "one")


def test_files_of_an_older_preparation_are_no_part_of_the_table(tmp_path: Path) -> None:
    with server() as ecr:
        audit(ecr, pieces(ROWS, []), tmp_path, slices=1, askers=2)
        shutil.rmtree(tmp_path / "_layercheck")
        table = audit(ecr, pieces(ROWS, []), tmp_path, engine=OneByOne(slots=3), slices=1, askers=3)
        assert lines(table) == of_one_process(ecr, ROWS)


def test_numbers_of_numpy_make_the_run_of_those_of_python(tmp_path: Path) -> None:
    with server() as ecr:
        options: dict[str, Any] = {"slices": np.int64(2), "askers": np.int64(2)}
        audit(ecr, pieces(ROWS, []), tmp_path, **options)
        table = audit(ecr, pieces(ROWS, []), tmp_path, **options, max_age_s=np.float32(3_600))
        assert lines(table) == of_one_process(ecr, ROWS)


def test_a_file_of_verdicts_that_is_gone_is_said_and_asked_again_without_its_manifest(tmp_path: Path) -> None:
    with server() as ecr:
        audit(ecr, pieces(ROWS, []), tmp_path, slices=1, askers=2)
        file = min(tmp_path.glob("slice=*/*"))
        file.unlink()
        manifest = tmp_path / "_layercheck" / "slice=0000.json"
        message = f"{file} is gone; delete {manifest} and run the same audit again"
        with pytest.raises(lc.JournalError, match=re.escape(message)):
            audit(ecr, pieces(ROWS, []), tmp_path)
        manifest.unlink()
        assert lines(audit(ecr, pieces(ROWS, []), tmp_path)) == of_one_process(ecr, ROWS)


@pytest.mark.parametrize("dies_after", [0, 1, 3])
def test_a_digest_has_one_line_while_old_slices_are_asked_again(tmp_path: Path, dies_after: int) -> None:
    with server(faults=[Fault("omit", share=0.3)]) as ecr:
        audit(ecr, pieces(ROWS, []), tmp_path, slices=2)
        ecr.set_faults([])
        audit(ecr, pieces(ROWS, []), tmp_path)
        with pytest.raises(DriverDiedError):
            audit(ecr, pieces(ROWS, []), tmp_path, engine=OneByOne(dies_after=dies_after), max_age_s=0.0)
        assert sorted(table_at(tmp_path)["digest"].to_pylist()) == sorted(DIGESTS)
        assert lines(audit(ecr, pieces(ROWS, []), tmp_path)) == of_one_process(ecr, ROWS)


HOSTILE_NOTES = {
    "deep": "[" * 100_000,
    "a list": "[]",
    "infinite": '{"calls": Infinity}',
    "negative": '{"calls": -5}',
    "never old": '{"began": NaN}',
}


@pytest.mark.parametrize("case", HOSTILE_NOTES)
def test_a_file_of_verdicts_with_a_hostile_note_is_asked_again(tmp_path: Path, case: str) -> None:
    with server() as ecr:
        options: dict[str, Any] = {"slices": 1, "askers": 2}
        with pytest.raises(DriverDiedError):
            audit(ecr, pieces(ROWS, []), tmp_path, engine=OneByOne(dies_after=1), **options)
        (file,) = tmp_path.glob("slice=*/*")
        with pq.ParquetFile(file) as parquet:
            rows, known = parquet.read(), json.loads(parquet.metadata.metadata[b"layercheck.outcome"])
        note = HOSTILE_NOTES[case]
        if note.startswith("{"):
            note = json.dumps({**known, **json.loads(note)})
        with pq.ParquetWriter(file, rows.schema.remove_metadata()) as writer:
            writer.write_table(rows.replace_schema_metadata())
            writer.add_key_value_metadata({"layercheck.outcome": note})
        before = ecr.counters.digests
        assert lines(audit(ecr, pieces(ROWS, []), tmp_path, **options)) == of_one_process(ecr, ROWS)
        assert ecr.counters.digests - before == 2 * len(DIGESTS) + 1  # the look, and the single process


@pytest.mark.parametrize("harm", ["cut", "emptied", "note"])
def test_a_file_of_verdicts_that_is_broken_is_asked_again(tmp_path: Path, harm: str) -> None:
    with server() as ecr:
        options: dict[str, Any] = {"slices": 1, "askers": 2}
        with pytest.raises(DriverDiedError):
            audit(ecr, pieces(ROWS, []), tmp_path, engine=OneByOne(dies_after=1), **options)
        (file,) = tmp_path.glob("slice=*/*")
        whole = file.read_bytes()
        if harm == "note":
            pq.write_table(pq.read_table(file).slice(1).replace_schema_metadata(), file)
        else:
            file.write_bytes(whole[: len(whole) // 2] if harm == "cut" else b"")
        assert lines(audit(ecr, pieces(ROWS, []), tmp_path, **options)) == of_one_process(ecr, ROWS)


def test_a_dead_end_leaves_no_file_and_is_raised_with_the_way_to_go_on(tmp_path: Path) -> None:
    with server(faults=[Fault("access_denied", calls=(4, None))]) as ecr:
        with pytest.raises(lc.AccessDeniedError) as raised:
            audit(ecr, pieces(ROWS, []), tmp_path, slices=1, askers=1)
        assert not list(tmp_path.glob("slice=*/*"))
        assert raised.value.__notes__ == [
            f"what is finished stays in {tmp_path}; run the same again to go on"
        ]
        ecr.set_faults([])
        assert lines(audit(ecr, pieces(ROWS, []), tmp_path)) == of_one_process(ecr, ROWS)


def test_no_file_has_a_temporary_name_at_the_end(tmp_path: Path) -> None:
    with server() as ecr:
        audit(ecr, pieces(ROWS, []), tmp_path, slices=2)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if path.name.startswith(".")] == []
    assert not list(tmp_path.glob("_layercheck/pieces-*"))


@pytest.mark.parametrize("rows", [[], [None, None], ["junk"]], ids=["none", "nulls", "junk"])
def test_an_input_without_digests_has_a_table_without_lines(tmp_path: Path, rows: list[Any]) -> None:
    with server() as ecr:
        table = audit(ecr, pieces(rows, []), tmp_path)
        assert (table.schema, len(table)) == (shard.schema(), 0)
        assert table_at(tmp_path).schema == shard.schema()
        assert shard.summary(tmp_path).invalid == len(rows)
