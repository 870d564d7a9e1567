"""Images on an engine: a repository is the unit of work, and each has at least one line."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import layercheck as lc
from fake_account import SECRET
from layercheck import shard
from layercheck.shard.packing import SPLIT_DIGESTS
from layercheck.testing import ImageRule, LocalEcr

from .test_settings import session

FAST = {"image_rate": 10_000, "list_rate": 10_000}
REPOSITORIES = {
    "team/whole": ImageRule(30, layers=3, seed=1),
    "team/broken": ImageRule(40, layers=3, broken=5, seed=2),
    "team/indexes": ImageRule(20, layers=2, indexes=4, broken=2, seed=3),
    "empty": (),
}


@pytest.fixture(scope="module")
def ecr() -> Iterator[LocalEcr]:
    with LocalEcr(REPOSITORIES, region_name=None) as server:
        yield server


def _settings(ecr: LocalEcr, **given: Any) -> shard.ImageSettings:
    return shard.ImageSettings(**{"endpoint_url": ecr.endpoint_url, "rate": 4_000, **FAST, **given})


def _rows(*names: str | None, **columns: Any) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "registry_id": pa.array([columns.get("registry_id")] * len(names), pa.string()),
            "region": pa.array([columns.get("region", "us-east-1")] * len(names), pa.string()),
            "repository": pa.array(names, pa.string()),
        }
    )


def _table(asking: shard.ImageAsking) -> pa.Table:
    batches = list(asking)
    assert all(batch.schema.equals(shard.images_schema()) for batch in batches)
    return pa.Table.from_batches(batches, schema=shard.images_schema())


@pytest.fixture(scope="module")
def single(ecr: LocalEcr) -> dict[tuple[str, str], str]:
    report = lc.check_images(
        list(REPOSITORIES), client=ecr.client(), rate="max", image_rate="max", list_rate="max"
    )
    lines = report.to_arrow().to_pylist()
    return {(line["repository"], line["digest"]): line["verdict"] for line in lines}


@settings(max_examples=12)
@given(st.permutations(sorted(REPOSITORIES)), st.integers(1, 4))
def test_any_division_into_parts_gives_the_verdicts_of_one_process(
    ecr: LocalEcr, single: dict[tuple[str, str], str], names: list[str], askers: int
) -> None:
    share = shard.share_of(4_000.0, askers=askers)
    found: dict[tuple[str, str], str] = {}
    outcome = shard.ImageOutcome()
    for lane, part in shard.image_parts(((None, "us-east-1", name) for name in names), askers):
        asking = shard.ask_images([_rows(*part, region=lane.region)], _settings(ecr), share)
        for line in _table(asking).to_pylist():
            assert line["state"] == "done"
            if line["digest"] is not None:
                found[line["repository"], line["digest"]] = line["verdict"]
        outcome += asking.outcome
    assert found == single
    assert outcome.repositories == {"done": 4}
    assert {word: number for word, number in outcome.counts.items() if number} == Counter(single.values())
    assert outcome.error is None
    assert outcome.calls["DescribeImages"] >= 4


def test_every_repository_has_a_line_that_says_how_it_ended(ecr: LocalEcr) -> None:
    rows = _rows("empty", "no/such", "team/*", "team/whole:v1", "Upper", None, "")
    asking = shard.ask_images([rows], _settings(ecr), shard.share_of(500.0))
    lines = _table(asking).to_pylist()
    assert [line["digest"] for line in lines] == [None] * 7
    said = {line["repository"]: (line["state"], line["code"]) for line in lines}
    wrong = ("failed", "InvalidParameterError")
    assert said == {
        "empty": ("done", None),
        "no/such": ("failed", "RepositoryNotFoundException"),
        "team/*": wrong,
        "team/whole:v1": wrong,
        "Upper": wrong,
        None: wrong,
        "": wrong,
    }
    assert asking.outcome.repositories == {"done": 1, "failed": 6}


def test_an_account_that_cannot_be_asked_leaves_the_others_alone(ecr: LocalEcr) -> None:
    good = _rows("empty", registry_id="123456789012")
    bad = _rows("empty", "other", registry_id="210987654321")
    asking = shard.ask_images(
        [good, bad], _settings(ecr, session=f"{__name__}:session_of_account"), shard.share_of(500.0)
    )
    lines = _table(asking).to_pylist()
    assert [(line["account_id"], line["state"], line["code"]) for line in lines] == [
        ("123456789012", "done", None),
        ("210987654321", "failed", "CredentialsError"),
        ("210987654321", "failed", "CredentialsError"),
    ]
    assert SECRET not in str(lines)
    assert asking.outcome.error is not None
    assert asking.outcome.error.kind == "CredentialsError"


def test_repositories_that_nothing_was_asked_about_say_why(
    ecr: LocalEcr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    asking = shard.ask_images([_rows("empty", "team/whole")], _settings(ecr), shard.share_of(500.0))
    lines = _table(asking).to_pylist()
    assert [(line["state"], line["code"]) for line in lines] == [("failed", "CredentialsError")] * 2
    assert asking.outcome.repositories == {"failed": 2}
    assert asking.outcome.error is not None


def session_of_account(registry_id: str, region_name: str) -> boto3.Session:
    if registry_id != "123456789012":
        raise RuntimeError(f"cannot assume the role of {registry_id} with {SECRET}")
    return boto3.Session(
        aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key=SECRET, region_name=region_name
    )


def test_a_part_without_repositories_makes_no_client() -> None:
    asking = shard.ask_images([_rows()], shard.ImageSettings(), shard.share_of(500.0))
    assert _table(asking).num_rows == 0
    assert asking.outcome == shard.ImageOutcome()


def test_the_images_table_has_only_types_that_every_engine_takes() -> None:
    kinds = {str(each.type) for each in shard.images_schema()}
    assert kinds == {"string", "int64", "bool", "list<element: string>", "timestamp[us, tz=UTC]"}
    assert all(each.nullable for each in shard.images_schema())


def test_image_settings_are_small_and_take_no_session() -> None:
    with pytest.raises(TypeError, match="session is a boto3 Session"):
        shard.ImageSettings(session=session())  # type: ignore[arg-type] # what is tested
    made = shard.ImageSettings(session=session, platforms=("linux/amd64",), rate=100)
    assert len(pickle.dumps(made)) < 2_000
    assert SECRET.encode() not in pickle.dumps(made)
    for name in ("rate", "image_rate", "list_rate"):
        for value in ("max", "quota", 0, True, float("inf")):
            with pytest.raises(lc.InvalidParameterError, match=f"{name} is .*; expected calls per second"):
                shard.ImageSettings(**{name: value})  # type: ignore[arg-type] # what is tested


@example({"large": 10**7, "small": 1}, 3)
@given(st.dictionaries(st.text(max_size=3), st.integers(0, 10**6), max_size=30), st.integers(1, 20))
def test_packing_keeps_small_repositories_whole_and_parts_even(digests: dict[str, int], parts: int) -> None:
    packed = shard.pack_repositories(digests, parts)
    assert packed == shard.pack_repositories(digests, parts)
    assert set(packed) == set(digests)
    loads = Counter(dict.fromkeys(range(parts), 0))
    for key, pieces in packed.items():
        assert [piece.piece for piece in pieces] == list(range(pieces[0].pieces)) == list(range(len(pieces)))
        if digests[key] <= SPLIT_DIGESTS:
            assert len(pieces) == 1
        for piece in pieces:
            loads[piece.part] += max(1, -(-digests[key] // len(pieces) // 100))
    least = sum(max(1, -(-number // 100)) for number in digests.values())
    assert sum(loads.values()) <= least + sum(len(pieces) for pieces in packed.values())
    largest = max(
        (max(1, number // 100) for number in digests.values() if number <= SPLIT_DIGESTS), default=1
    )
    assert (
        max(loads.values())
        <= least / parts
        + max(largest, SPLIT_DIGESTS / 100, max(digests.values(), default=0) / parts / 100)
        + parts
        + 1
    )
