"""`layercheck images`: what it prints, writes and ends with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from layercheck.testing import Fault, ImageRule, LocalEcr
from made_images import MANIFEST, REPOSITORY, index, manifest, put, sha

from .conftest import SECRET, TOKEN, Layercheck


@pytest.fixture
def images() -> Iterator[LocalEcr]:
    with LocalEcr({"base/python": ImageRule(30, layers=2)}, region_name="eu-west-1") as ecr:
        put(ecr, manifest("a", "b"), "v1", "latest")
        put(ecr, manifest("c", "d"), "x" * 300, "v2", "v3", "v4", "v5", lacking=["d"])
        put(ecr, index(manifest("a", "b"), manifest("c", "d")), "multi")
        ecr.put_image(REPOSITORY, "not json", ["bad"], media_type=MANIFEST, force=True)
        yield ecr


def at(ecr: LocalEcr) -> tuple[str, ...]:
    return ("images", "--endpoint-url", ecr.endpoint_url)


def test_the_summary_names_verdicts_and_broken_images(images: LocalEcr, layercheck: Layercheck) -> None:
    ended = layercheck(*at(images), REPOSITORY)
    assert ended.code == 3
    lines = [line.split()[:2] for line in ended.out.splitlines()]
    assert ["incomplete", "2"] in lines
    assert ["unreadable", "1"] in lines
    assert "1 of 2 layers is missing" in ended.out
    assert "v2, v3 and 2 more" in ended.out
    assert "x" * 100 not in ended.out
    assert ended.err.count("register-pull-time-update-exclusion") == 1
    assert max(map(len, ended.out.splitlines())) <= 80


def test_a_healthy_repository_ends_with_zero(images: LocalEcr, layercheck: Layercheck) -> None:
    ended = layercheck(*at(images), "base/*")
    assert (ended.code, "30  100 %" in ended.out.replace("   ", "  ")) == (0, True)
    assert layercheck(*at(images), REPOSITORY, "--fail-on", "none").code == 0
    assert layercheck(*at(images), REPOSITORY, "--fail-on", "unreadable", "-q").code == 3


def test_no_target_is_wrong_usage_that_says_both_ways(images: LocalEcr, layercheck: Layercheck) -> None:
    ended = layercheck(*at(images))
    assert ended.code == 2
    assert "'team/*'" in ended.err
    assert "--all" in ended.err
    assert layercheck(*at(images), "--all", REPOSITORY).code == 2
    assert layercheck(*at(images), REPOSITORY, "--platform", "nonsense").code == 2
    assert not images.calls


def test_a_glob_without_a_match_ends_with_one_and_the_nearest_names(
    images: LocalEcr, layercheck: Layercheck
) -> None:
    """Case 48."""
    ended = layercheck(*at(images), "team/ap?s")
    assert (ended.code, ended.out) == (1, "")
    assert "near it are: team/app" in ended.err


def test_a_denied_repository_is_named_and_ends_with_four(images: LocalEcr, layercheck: Layercheck) -> None:
    """Case 2."""
    images.set_faults([Fault("access_denied", operations=("BatchGetImage",), calls=(1, 1))])
    ended = layercheck(*at(images), "--all")
    assert ended.code == 4
    assert "could not be checked" in ended.err
    assert "BatchGetImage" in ended.err
    assert "layers" not in ended.err


def test_the_tables_are_written_to_a_folder_a_file_or_standard_output(
    images: LocalEcr, layercheck: Layercheck, tmp_path: Path
) -> None:
    folder = tmp_path / "audit"
    folder.mkdir()
    assert layercheck(*at(images), "--all", "-o", f"{folder}/", "--format", "jsonl").code == 3
    assert sorted(path.name for path in folder.iterdir()) == [
        *("images.jsonl", "layers.jsonl", "platforms.jsonl", "repositories.jsonl"),
    ]
    ended = layercheck(*at(images), "--all", "--format", "jsonl", "--table", "repositories")
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert [(line["repository"], line["images"]) for line in lines] == [("base/python", 30), (REPOSITORY, 4)]
    ended = layercheck(*at(images), REPOSITORY, "-o", str(tmp_path / "images.csv.gz"))
    assert "report: " in ended.out
    ended = layercheck(*at(images), REPOSITORY, "-o", f"{tmp_path}/none/images.csv")
    assert ended.code == 1


def test_a_dry_run_counts_calls_and_reads_nothing(images: LocalEcr, layercheck: Layercheck) -> None:
    ended = layercheck(*at(images), "--all", "--dry-run")
    assert ended.code == 0
    assert "2 repositories, 34 images" in ended.out
    assert "BatchCheckLayerAvailability" in ended.out
    assert images.counters.operations["BatchGetImage"] == 0
    assert images.counters.operations["BatchCheckLayerAvailability"] == 0


def test_a_second_check_with_a_store_reads_nothing(
    images: LocalEcr, layercheck: Layercheck, tmp_path: Path
) -> None:
    first = layercheck(*at(images), "base/python", "--manifests", str(tmp_path / "kept"))
    read = images.counters.operations["BatchGetImage"]
    second = layercheck(*at(images), "base/python", "--manifests", str(tmp_path / "kept"))
    assert (first.code, second.code) == (0, 0)
    assert "30 manifests were known" in second.out
    assert images.counters.operations["BatchGetImage"] == read
    assert "pull time" not in second.err


def test_a_required_exclusion_that_is_not_there_ends_with_one(
    images: LocalEcr, layercheck: Layercheck
) -> None:
    ended = layercheck(*at(images), REPOSITORY, "--require-exclusion")
    assert (ended.code, ended.out) == (1, "")
    assert "nothing was read" in ended.err


def test_quiet_hides_the_line_on_pull_times_and_the_page_has_it(
    images: LocalEcr, layercheck: Layercheck, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    ended = layercheck(*at(images), REPOSITORY, "-q", "-o", page)
    assert (ended.code, ended.out, ended.err) == (3, "", "")
    assert "reading 4 images renews their pull times" in page.read_text()


def test_a_timeout_ends_with_four_and_writes_what_is_known(images: LocalEcr, layercheck: Layercheck) -> None:
    images.set_faults([Fault("latency", ms=60_000, operations=("BatchGetImage",))])
    ended = layercheck(*at(images), REPOSITORY, "--timeout", "1")
    assert ended.code == 4
    assert "the time of --timeout is up: 4 images have no verdict" in ended.err
    images.set_faults([])


def test_a_server_that_echoes_secrets_gives_none_away(images: LocalEcr, layercheck: Layercheck) -> None:
    said = f"token {TOKEN} and key {SECRET} of you"
    for operations in (
        ("DescribeRepositories",),
        ("DescribeImages", "ListImages"),
        ("BatchGetImage",),
        ("BatchCheckLayerAvailability",),
    ):
        fault = Fault("error", code="AccessDeniedException", message=said, operations=operations)
        images.set_faults([fault])
        ended = layercheck(*at(images), "--all", "--format", "jsonl", "--table", "repositories")
        assert ended.code in (1, 4)
        assert TOKEN not in ended.out + ended.err
        assert SECRET not in ended.out + ended.err
        assert "token" in ended.err


def test_a_listing_that_never_ends_is_said_and_ends_with_four(
    images: LocalEcr, layercheck: Layercheck
) -> None:
    """Case 8."""
    images.set_faults([Fault("token_endless", operations=("DescribeImages",))])
    ended = layercheck(*at(images), "base/python", "--list-rate", "max")
    assert ended.code == 4
    said = " ".join(ended.out.split())
    assert "the listing of base/python is incomplete: 22 pages in a row named nothing new" in said
    assert "complete 30 100 %" in said
    assert "a listing is incomplete; run the same command again" in ended.err


def test_incomplete_attestations_are_found_only_where_they_are_asked_for(layercheck: Layercheck) -> None:
    """Case 21."""
    statement = manifest("statement")
    listed = json.loads(index(manifest("a"), statement))
    listed["manifests"][1] |= {
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    }
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        put(ecr, manifest("a"))
        put(ecr, json.dumps(listed), "multi")
        ended = layercheck(*at(ecr), REPOSITORY)
        assert (ended.code, "attestations" in ended.out + ended.err) == (0, False)
        ended = layercheck(*at(ecr), REPOSITORY, "--fail-on", "unreadable,attestations")
        assert ended.code == 3
        assert "1 image has attestations that are incomplete; first: team/app multi" in ended.err
        ended = layercheck(*at(ecr), REPOSITORY, "--fail-on", "attestations", "-q")
        assert (ended.code, ended.err) == (3, "")
        put(ecr, statement)
        assert layercheck(*at(ecr), REPOSITORY, "--fail-on", "attestations").code == 0
        ended = layercheck(*at(ecr), REPOSITORY, "--fail-on", "attestation")
        assert (ended.code, "undecided, attestations" in ended.err) == (2, True)


def test_a_layer_that_three_repositories_lack_is_one_layer_of_the_summary(layercheck: Layercheck) -> None:
    """Case 43."""
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        for name in "abc":
            put(ecr, manifest("x"), "v1", repository=f"team/{name}", lacking=["x"])
        ended = layercheck(*at(ecr), "team/*")
        said = f"not available: 1; {sha('x')[:19]}… is needed by 3 images of 3 repositories (--table layers)"
        assert said in " ".join(ended.out.split())
        rows = layercheck(*at(ecr), "team/*", "--format", "jsonl", "--table", "layers").out.splitlines()
        assert [json.loads(row)["repository"] for row in rows] == ["team/a", "team/b", "team/c"]
        put(ecr, manifest("x", "y"), "v2", repository="team/a", lacking=["x", "y"])
        said = f"not available: 2; {sha('x')[:19]}… is needed by 2 images (--table layers)"
        assert said in " ".join(layercheck(*at(ecr), "team/a").out.split())


def test_a_platform_that_no_index_has_is_said_on_standard_error(layercheck: Layercheck) -> None:
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        put(ecr, manifest("a"))
        put(ecr, index(manifest("a")), "multi")
        ended = layercheck(*at(ecr), f"{REPOSITORY}:multi", "--platform", "linux/amd65")
        assert ended.code == 0
        assert "no index that was read has an image for linux/amd65; there are: linux/arch0\n" in ended.err
        ended = layercheck(*at(ecr), f"{REPOSITORY}:multi", "--platform", "linux/arch0")
        assert (ended.code, "no index" in ended.err) == (0, False)
