"""Rows that are not as they should be, and runs that go on after a check that did not end well."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pyarrow.parquet as pq
import pytest

import layercheck as lc
from fake_account import SECRET
from layercheck import shard
from layercheck.parts.files import Files
from layercheck.parts.image_parts import check_group, read_image_table
from layercheck.shard import image_result
from layercheck.spark import images as spark_images
from layercheck.testing import Fault, LocalEcr

from .test_drive_images import NAMES, REPOSITORIES, Lines, audit, ecr, lines, rows, single

__all__ = ["ecr", "single"]


@pytest.mark.parametrize("wrong", ["/empty", "./empty", "~empty", "empty/", "X" * 400])
def test_a_row_that_names_no_repository_takes_nothing_from_its_group(
    ecr: LocalEcr, single: Lines, tmp_path: Path, wrong: str
) -> None:
    found = audit(ecr, tmp_path, rows([*NAMES, wrong]), askers=1)
    repositories = found.pop("repositories").to_pylist()
    assert lines(found) == {name: single[name] for name in found}
    states = {line["repository"]: line["state"] for line in repositories}
    assert len(states) == len(NAMES) + 1
    assert states.pop(wrong[:300]) == "failed"
    assert states.pop("no/such") == "failed"
    assert set(states.values()) == {"done"}


def test_each_row_has_a_key_of_its_own_that_its_lines_have_too(ecr: LocalEcr, tmp_path: Path) -> None:
    given = [(None, "us-east-1", "team/whole"), (None, "us-east-1/team", "whole"), (None, None, "X" * 400)]
    given += [(None, None, "X" * 399 + "Y")]
    work = shard.ImageWork(Files.at(tmp_path).records, shard.ImageSettings(), given)
    assert [(*lane, name) for lane, name in work.open] == given
    made = shard.ImageSettings(endpoint_url=ecr.endpoint_url, rate=4_000)
    result = shard.ImageResult()
    for group in [group for groups in work.groups(2) for group in groups]:
        for batch in shard.ask_images([group.batch()], made, shard.share_of(500.0)).tables():
            result.see(batch.select(["key", "repositories", "outcome"]).to_pylist())
    assert result.repositories.keys() == {lane.key(name) for lane, name in work.open}
    assert all(len(key) < 1_000 for key in result.repositories)


def test_a_check_that_failed_after_one_that_was_too_old_is_made_again(single: Lines, tmp_path: Path) -> None:
    with LocalEcr(REPOSITORIES, region_name=None) as server:
        audit(server, tmp_path, rows(NAMES))
        server.set_faults([Fault("access_denied", operations=("DescribeImages", "ListImages"))])
        with pytest.raises(lc.LayercheckError):
            audit(server, tmp_path, rows(NAMES), max_age_s=0)
        server.set_faults([])
        assert lines(audit(server, tmp_path, rows(NAMES))) == single


def session_that_shows_its_account() -> boto3.Session:
    return boto3.Session(
        aws_access_key_id="ASIAQNZGKIQY56JQ7WML", aws_secret_access_key=SECRET, region_name="us-east-1"
    )


@pytest.mark.parametrize("other", [(None, "us-east-1"), (None, None), ("029608264753", None)])
def test_rows_that_name_one_registry_in_two_ways_are_refused(
    tmp_path: Path, other: tuple[str | None, str | None]
) -> None:
    given = [("029608264753", "us-east-1", "empty"), (*other, "empty"), (*other, "team/whole")]
    with (
        LocalEcr(REPOSITORIES, region_name=None, account_id="029608264753") as server,
        pytest.raises(lc.InvalidParameterError, match="fill the columns registry_id and region in all rows"),
    ):
        audit(server, tmp_path, given, session=f"{__name__}:session_that_shows_its_account")


@pytest.mark.parametrize(
    "wrong", [(123456789012, None, "empty"), (None, 1.5, "empty"), (None, None, b"empty")]
)
def test_a_value_that_is_not_text_is_refused_and_does_not_count_as_missing(
    tmp_path: Path, wrong: tuple[Any, ...]
) -> None:
    with pytest.raises(TypeError, match="expected text"):
        shard.ImageWork(Files.at(tmp_path).records, shard.ImageSettings(), [wrong])
    work = shard.ImageWork(
        Files.at(tmp_path).records, shard.ImageSettings(), [(float("nan"), None, "a"), (pd.NA, pd.NaT, "a")]
    )
    assert work.open == [(shard.Lane(None, None), "a")]


@pytest.mark.parametrize("askers", [1, 20])
def test_the_manifest_of_a_wave_on_spark_can_be_read_again(tmp_path: Path, askers: int) -> None:
    given = [(f"{lane:012}", "us-east-1", f"\xe9{at:05}") for lane in range(20) for at in range(2_000)]
    folder = Files.at(tmp_path).records
    work = shard.ImageWork(folder, shard.ImageSettings(), given)
    end = image_result.RepositoryEnd("done", 10**9, 10**9, 0)
    for number, groups in enumerate(spark_images._waves(work.groups(askers), askers)):
        ends = {group.lane.key(name): end for group in groups for name in group.names}
        places = {f"{group.lane[0]}/us-east-1": (str(group.lane[0]), "us-east-1") for group in groups}
        work.finish(shard.ImageResult(ends, places), f"images/{number:x}")
    assert not shard.ImageWork(folder, shard.ImageSettings(), given).open


@pytest.mark.parametrize("wrong", [{"newest": 0}, {"status": "old"}, {"platforms": ["linux"]}])
def test_options_that_cannot_be_right_are_refused_before_a_path_is_theirs(wrong: dict[str, Any]) -> None:
    with pytest.raises(lc.InvalidParameterError) as alone:
        lc.ImageChecker("empty", region_name="us-east-1", **wrong)
    with pytest.raises(lc.InvalidParameterError, match=re.escape(str(alone.value))):
        shard.ImageSettings(**wrong)


class _Successor:
    """Checks a group while an asker that was given up is at the same one."""

    act: Callable[[], None] | None = None

    @classmethod
    def session(cls) -> boto3.Session:
        act, cls.act = cls.act, None
        if act is not None:
            act()
        return boto3.Session(
            aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key=SECRET, region_name="us-east-1"
        )


def test_an_asker_that_ends_after_its_successor_leaves_the_lines_of_that_one(tmp_path: Path) -> None:
    files = Files.at(tmp_path)
    group = image_result.ImageGroup(shard.Lane(None, "us-east-1"), ("team/whole", "empty"))
    with LocalEcr(REPOSITORIES, region_name=None) as server:
        made = shard.ImageSettings(f"{__name__}:_Successor.session", server.endpoint_url)
        found = []

        def check() -> None:
            found.append(check_group(files.path, "images/0", group, made, shard.share_of(500.0)))
            server.set_faults([Fault("access_denied")])

        _Successor.act = check
        check()
    first, second = found
    assert first.file == second.file
    assert {end.state for end in first.repositories.values()} == {"done"}
    assert second.repositories == first.repositories
    written = read_image_table(files.path, shard.ImageFile(first.file), "repositories")
    assert set(written["state"].to_pylist()) == {"done"}


def test_a_group_of_small_repositories_is_one_row_group(tmp_path: Path) -> None:
    names = tuple(f"empty/{number}" for number in range(50))
    group = image_result.ImageGroup(shard.Lane(None, "us-east-1"), names)
    with LocalEcr(list(names), region_name=None) as server:
        made = shard.ImageSettings("layercheck.testing:dummy_session", server.endpoint_url)
        name = check_group(str(tmp_path), "images/0", group, made, shard.share_of(500.0)).file
    assert pq.read_metadata(tmp_path / name).num_row_groups == 1
    assert read_image_table(str(tmp_path), shard.ImageFile(name), "repositories").num_rows == 50


def test_a_listing_that_did_not_end_is_said_and_made_again_by_the_next_call(
    single: Lines, tmp_path: Path
) -> None:
    with LocalEcr(REPOSITORIES, region_name=None) as server:
        server.set_faults([Fault("token_endless", operations=("DescribeImages",))])
        found = audit(server, tmp_path, rows(REPOSITORIES))["repositories"]
        assert set(found["code"].to_pylist()) == {"IncompleteListing"}
        assert all("the listing is incomplete: " in reason for reason in found["reason"].to_pylist())
        server.set_faults([])
        again = audit(server, tmp_path, rows(REPOSITORIES))
    wanted = [line for line in single["repositories"] if "no/such" not in line]
    assert lines({"repositories": again["repositories"]}) == {"repositories": wanted}
