"""Images on an engine, without one: the tables are those of one process, however repositories are grouped."""

from __future__ import annotations

import dataclasses
import json
import pickle
import tempfile
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import layercheck as lc
from fake_account import SECRET
from layercheck import shard
from layercheck.parts.drive import Task
from layercheck.parts.drive_images import ImageAudit
from layercheck.parts.files import Files
from layercheck.parts.image_parts import read_image_table
from layercheck.parts.image_rows import rows_of
from layercheck.shard import image_result
from layercheck.testing import Fault, ImageRule, LocalEcr
from parts.one_by_one import DriverDiedError, OneByOne

REPOSITORIES: dict[str, Any] = {
    "team/whole": ImageRule(30, layers=3, seed=1),
    "team/broken": ImageRule(40, layers=3, broken=5, seed=2),
    "team/indexes": ImageRule(20, layers=2, indexes=4, broken=2, seed=3),
    "empty": (),
    **{f"small/{number}": ImageRule(3, layers=2, broken=number % 2, seed=number) for number in range(6)},
}
NAMES = sorted([*REPOSITORIES, "no/such"])
VOLATILE = ("listed_at", "pulled_at", "calls", "duration_ms", "pull_through")
"""Times, calls, and the rules of pull-through caches, which may be learned after a small repository."""

FAST = {"rate": 4_000, "image_rate": 10_000, "list_rate": 10_000}


class Lines(dict[str, list[tuple[Any, ...]]]):
    """The lines of each table; as text, only how many there are."""

    def __repr__(self) -> str:
        return str({name: len(found) for name, found in self.items()})


@pytest.fixture(scope="module")
def ecr() -> Iterator[LocalEcr]:
    with LocalEcr(REPOSITORIES, region_name=None) as server:
        yield server


@pytest.fixture(scope="module")
def single(ecr: LocalEcr) -> Lines:
    return of_one_process(ecr, NAMES)


def of_one_process(ecr: LocalEcr, names: list[str]) -> Lines:
    report = lc.check_images(
        names,
        session=ecr.session(),
        region_name="us-east-1",
        endpoint_url=ecr.endpoint_url,
        rate="max",
        image_rate="max",
        list_rate="max",
    )
    return lines({name: report.to_arrow(name) for name in shard.IMAGE_TABLES})


def lines(tables: dict[str, pa.Table]) -> Lines:
    """The lines of the tables in any order, without times and numbers of calls."""
    found = Lines()
    for name, table in tables.items():
        columns = [each for each in table.column_names if each not in VOLATILE]
        rows = [tuple(str(row[column]) for column in columns) for row in table.to_pylist()]
        found[name] = sorted(rows)
    return found


def rows(names: Iterable[str], region: str | None = "us-east-1") -> list[tuple[Any, ...]]:
    return [(None, region, name) for name in names]


def audit(
    ecr: LocalEcr, path: Path, names: list[tuple[Any, ...]], *, engine: Any = None, **options: Any
) -> dict[str, pa.Table]:
    """Check the repositories; returns the tables."""
    known = {field.name for field in dataclasses.fields(shard.ImageSettings)}
    given = {name: options.pop(name) for name in list(options) if name in known}
    made = shard.ImageSettings(**{"endpoint_url": ecr.endpoint_url, **FAST, **given})
    ImageAudit(engine or OneByOne(), names, made, Files.at(path), **options).run()
    return tables_at(path)


def tables_at(path: Path) -> dict[str, pa.Table]:
    files = Files.at(path)
    found = shard.image_files(files.records)
    return {
        name: pa.concat_tables(
            [
                shard.image_table_schema(name).empty_table(),
                *(read_image_table(files.path, file, name) for file in found),
            ]
        )
        for name in shard.IMAGE_TABLES
    }


@settings(max_examples=10)
@given(st.permutations(NAMES), st.integers(1, 4), st.integers(1, 11))
def test_any_grouping_gives_the_tables_of_one_process(
    ecr: LocalEcr, single: Lines, names: list[str], askers: int, most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(
            shard.ImageWork, "groups", lambda work, askers: shard.image_groups(work.open, askers, most)
        )
        engine = OneByOne(slots=8)
        found = audit(ecr, Path(folder), [*rows(names), *rows(names[:3])], engine=engine, askers=askers)
        assert {name: table.schema for name, table in found.items()} == {
            name: shard.image_table_schema(name) for name in shard.IMAGE_TABLES
        }
        assert lines(found) == single
        groups = [task for task in engine.ran if task.startswith("group")]
        assert len(groups) == min(len(names), max(askers, -(-len(names) // most)))


@pytest.mark.parametrize("dies_after", range(4))
def test_the_same_call_goes_on_with_the_repositories_that_are_left(
    ecr: LocalEcr, single: Lines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_after: int
) -> None:
    monkeypatch.setattr(
        shard.ImageWork, "groups", lambda work, askers: shard.image_groups(work.open, askers, 3)
    )
    with pytest.raises(DriverDiedError):
        audit(ecr, tmp_path, rows(NAMES), engine=OneByOne(dies_after=dies_after))
    done = tables_at(tmp_path)["repositories"]["repository"].to_pylist()
    settled = [name for name in done if name != "no/such"]
    assert (len(done) > 0) == (dies_after > 0)
    ecr.reset()
    assert lines(audit(ecr, tmp_path, rows(NAMES))) == single
    # A call for each repository, and for each with broken images one more that makes sure of them.
    assert ecr.counters.operations["DescribeImages"] <= 2 * (len(NAMES) - len(settled))


def test_a_second_call_asks_nothing_if_all_is_settled(ecr: LocalEcr, tmp_path: Path) -> None:
    audit(ecr, tmp_path, rows(REPOSITORIES))
    before = ecr.counters.calls
    engine = OneByOne()
    audit(ecr, tmp_path, rows(REPOSITORIES), engine=engine)
    assert (ecr.counters.calls, engine.ran) == (before, [])


def test_a_file_of_lines_that_is_gone_is_said_and_checked_again_without_its_manifest(
    ecr: LocalEcr, tmp_path: Path
) -> None:
    first = audit(ecr, tmp_path, rows(REPOSITORIES))
    file = min((tmp_path / "images").rglob("*.parquet"))
    file.unlink()
    options: dict[str, Any] = {"endpoint_url": ecr.endpoint_url, **FAST}
    made = shard.ImageSettings(**options)
    again = ImageAudit(OneByOne(), rows(REPOSITORIES), made, Files.at(tmp_path))
    with pytest.raises(lc.JournalError, match=rf"{file.name} is gone; delete .* and run the same") as said:
        again.run()  # before a table is read
    Path(str(said.value).partition("delete ")[2].partition(" and run")[0]).unlink()
    assert lines(audit(ecr, tmp_path, rows(REPOSITORIES))) == lines(first)


def test_what_is_too_old_is_checked_again_and_has_its_lines_once(
    ecr: LocalEcr, single: Lines, tmp_path: Path
) -> None:
    audit(ecr, tmp_path, rows(NAMES))
    assert lines(audit(ecr, tmp_path, rows(NAMES), max_age_s=0)) == single


def test_images_without_a_verdict_are_checked_once_more_by_the_next_call(
    tmp_path: Path, single: Lines
) -> None:
    with LocalEcr(REPOSITORIES, region_name=None) as server:
        server.set_faults([Fault("access_denied", operations=("BatchGetImage",))])
        first = audit(server, tmp_path, rows(NAMES))
        assert lines(first) != single
        server.set_faults([])
        assert lines(audit(server, tmp_path, rows(NAMES))) == single


def session_of_account(registry_id: str | None, region_name: str) -> boto3.Session:
    if registry_id == "210987654321":
        raise RuntimeError(f"cannot assume the role of {registry_id} with {SECRET}")
    return boto3.Session(
        aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key=SECRET, region_name=region_name
    )


def test_an_account_that_cannot_be_asked_is_data(ecr: LocalEcr, tmp_path: Path) -> None:
    given = [("123456789012", "us-east-1", "empty"), ("210987654321", "us-east-1", "empty")]
    found = audit(ecr, tmp_path, given, session=f"{__name__}:session_of_account")["repositories"]
    said = {line["account_id"]: (line["state"], line["code"]) for line in found.to_pylist()}
    assert said == {"123456789012": ("done", None), "210987654321": ("failed", "CredentialsError")}
    assert SECRET.encode() not in b"".join(each.read_bytes() for each in tmp_path.rglob("*.*"))


def test_if_nothing_can_be_checked_the_driver_raises_our_class_and_the_way_to_go_on(
    ecr: LocalEcr, tmp_path: Path
) -> None:
    with pytest.raises(lc.RepositoryNotFoundError) as raised:
        audit(ecr, tmp_path, rows(["no/such", "not/this"]))
    assert raised.value.__notes__ == [f"what is finished stays in {tmp_path}; run the same again to go on"]
    with pytest.raises(lc.CredentialsError, match="session_of_account"):
        audit(
            ecr,
            tmp_path / "other",
            [("210987654321", "us-east-1", "empty")],
            session=f"{__name__}:session_of_account",
        )


def test_a_row_that_names_no_repository_is_data(ecr: LocalEcr, tmp_path: Path) -> None:
    found = audit(ecr, tmp_path, [*rows(["empty", "Upper", "team/*", ""]), (None, "us-east-1", None)])
    states = {line["repository"]: line["state"] for line in found["repositories"].to_pylist()}
    assert states == {"empty": "done", "Upper": "failed", "team/*": "failed", "": "failed"}


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["empty", "team/whole"], {}, "'?repositories'? 2 instead of 1|had .*repositories 1 instead of 2"),
        (["team/whole"], {}, "repositories_hash"),
        (["empty"], {"newest": 3}, "newest None instead of 3"),
        (["empty"], {"platforms": ("linux/amd64",)}, "platforms"),
    ],
)
def test_another_run_at_the_same_path_is_refused(
    ecr: LocalEcr, tmp_path: Path, names: list[str], options: dict[str, Any], message: str
) -> None:
    audit(ecr, tmp_path, rows(["empty"]))
    with pytest.raises(lc.JournalError, match=message):
        audit(ecr, tmp_path, rows(names), **options)


def test_another_run_that_takes_the_path_meanwhile_is_noticed(ecr: LocalEcr, tmp_path: Path) -> None:
    class Disturbed(OneByOne):
        def run(self, tasks: Iterable[Task], at_once: int) -> Generator[tuple[Task, Any], None, None]:
            for task, result in super().run(tasks, at_once):
                if task.asks:
                    (tmp_path / "_layercheck" / "images.json").unlink()
                    audit(ecr, tmp_path, rows(["team/whole"]))
                yield task, result

    with pytest.raises(lc.JournalError, match="pass what it had to go on, or another path to begin anew"):
        audit(ecr, tmp_path, rows(["empty"]), engine=Disturbed())


@pytest.mark.parametrize(
    "harm",
    ["[" * 100_000, "[]", '{"format": 1}', '{"format": 1, "repositories": [], "places": {}}'],
)
def test_a_manifest_that_was_changed_is_said(ecr: LocalEcr, tmp_path: Path, harm: str) -> None:
    audit(ecr, tmp_path, rows(["empty"]))
    (manifest,) = (tmp_path / "_layercheck").glob("images=*.json")
    manifest.write_text(harm)
    with pytest.raises(lc.JournalError, match="is not a manifest of layercheck"):
        audit(ecr, tmp_path, rows(["empty"]))


def test_a_manifest_names_no_file_elsewhere(ecr: LocalEcr, tmp_path: Path) -> None:
    audit(ecr, tmp_path, rows(["empty"]))
    (manifest,) = (tmp_path / "_layercheck").glob("images=*.json")
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "file": "images/../../secret"}))
    with pytest.raises(lc.JournalError, match="'file' is not the name of a file of lines"):
        tables_at(tmp_path)


def test_a_group_whose_worker_was_lost_after_it_had_written_asks_nothing(
    ecr: LocalEcr, tmp_path: Path
) -> None:
    class Twice(OneByOne):
        def run(self, tasks: Iterable[Task], at_once: int) -> Generator[tuple[Task, Any], None, None]:
            for task, first in super().run(tasks, at_once):
                if not task.asks:
                    yield task, first
                    continue
                before = ecr.counters.calls
                again = task.function(*task.arguments)
                assert ecr.counters.calls == before
                assert again == first
                yield task, again

    audit(ecr, tmp_path, rows(NAMES), engine=Twice())


def test_workers_that_ask_different_registries_are_noticed() -> None:
    result = shard.ImageResult()
    line = {"state": "done", "images": 0, "incomplete": 0, "unreadable": 0, "undecided": 0, "not_checked": 0}
    result.see(
        [
            {
                "key": "//app",
                "outcome": None,
                "repositories": {**line, "account_id": "1" * 12, "region": "us-east-1"},
            }
        ]
    )
    with pytest.raises(lc.InvalidParameterError, match="give all workers the same credentials"):
        result.see(
            [
                {
                    "key": "//web",
                    "outcome": None,
                    "repositories": {**line, "account_id": "2" * 12, "region": "us-east-1"},
                }
            ]
        )


def test_what_is_sent_for_a_group_is_small_and_holds_no_secret() -> None:
    made = shard.ImageSettings(session=session_of_account)
    group = image_result.ImageGroup(shard.Lane(None, None), ("team/app",) * 50)
    sent = pickle.dumps((group, made, shard.share_of(500.0)))
    assert len(sent) < 2_000
    assert SECRET.encode() not in sent


def test_small_repositories_share_the_calls_of_a_group(ecr: LocalEcr, tmp_path: Path) -> None:
    names = [name for name in REPOSITORIES if name.startswith("small/")]
    ecr.reset()
    of_one_process(ecr, names)
    alone = ecr.counters.calls
    ecr.reset()
    audit(ecr, tmp_path, rows(names), askers=1)
    assert ecr.counters.calls <= alone


def test_progress_is_told_after_each_group(ecr: LocalEcr, tmp_path: Path) -> None:
    seen: list[lc.ImageProgress] = []
    audit(ecr, tmp_path, rows(NAMES), askers=2, progress=seen.append)
    assert [each.done for each in seen] == [False, True]
    assert (seen[-1].repositories, seen[-1].repositories_done) == (len(NAMES), len(NAMES))
    assert (seen[-1].images, seen[-1].incomplete) == (108, 10)


def test_rows_come_from_tables_and_files(tmp_path: Path) -> None:
    table = pa.table({"other": [1], "repository": ["app"], "region": ["eu-west-1"]})
    wanted = [(None, "eu-west-1", "app")]
    pq.write_table(table, tmp_path / "rows.parquet")
    for form in (table, [table], tmp_path / "rows.parquet", str(tmp_path), table.to_pandas()):
        assert rows_of(form) == wanted
    with pytest.raises(lc.InvalidParameterError, match="no column 'repository'; there are 'name'"):
        rows_of(pa.table({"name": ["app"]}))
    with pytest.raises(TypeError, match="the column 'registry_id' is int64; expected text"):
        rows_of(pa.table({"repository": ["app"], "registry_id": [12345678901]}))
    assert rows_of({"repository": ["app"]}) is None


def test_no_repositories_give_tables_without_lines(ecr: LocalEcr, tmp_path: Path) -> None:
    assert {name: len(table) for name, table in audit(ecr, tmp_path, []).items()} == dict.fromkeys(
        shard.IMAGE_TABLES, 0
    )
