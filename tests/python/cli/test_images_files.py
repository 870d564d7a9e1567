"""`layercheck images` and its files: a disk that is full, and images with as many tags as ECR allows."""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from layercheck.testing import ImageRule, LocalEcr
from made_images import REPOSITORY, index, manifest, put

from .conftest import COMMAND, Ended, Layercheck

ROOM = 4_000
"""The largest file, in bytes, that the command may write."""


@pytest.fixture
def many() -> Iterator[LocalEcr]:
    with LocalEcr({REPOSITORY: ImageRule(300, layers=2, broken=9)}, region_name="eu-west-1") as ecr:
        yield ecr


def with_a_full_disk(environment: dict[str, str], folder: Path, *arguments: str) -> Ended:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))

    ended = subprocess.run(
        [*COMMAND, "images", *arguments],
        # Python cuts its caches of modules off at the limit, too, and cannot read them then.
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        cwd=folder,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.parametrize("old", [None, "old"], ids=["a new file", "over an old file"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "arrow", "csv.gz", "csv.zst"])
def test_a_full_disk_leaves_a_table_whole_or_as_it_was(
    many: LocalEcr, environment: dict[str, str], tmp_path: Path, suffix: str, old: str | None
) -> None:
    """Case 50."""
    name = f"out.{suffix}"
    folder = tmp_path / "tables"
    folder.mkdir()
    if old is not None:
        (folder / name).write_text(old)
    ended = with_a_full_disk(environment, folder, "--endpoint-url", many.endpoint_url, REPOSITORY, "-o", name)
    assert ended.code == 1, ended.err
    assert "File too large" in ended.err
    assert "Traceback" not in ended.err
    assert {path.name for path in folder.iterdir()} == (set() if old is None else {name})
    if old is not None:
        assert (folder / name).read_text() == old


def test_a_full_disk_leaves_each_table_of_a_folder_whole_or_as_it_was(
    many: LocalEcr, environment: dict[str, str], tmp_path: Path
) -> None:
    """Case 50. The table of repositories is short, and the others do not fit."""
    folder = tmp_path / "tables"
    folder.mkdir()
    for table in ("images", "layers", "platforms", "repositories"):
        (folder / f"{table}.jsonl").write_text("old\n")
    ended = with_a_full_disk(
        environment,
        tmp_path,
        "--endpoint-url",
        many.endpoint_url,
        REPOSITORY,
        "-o",
        "tables/",
        "--format",
        "jsonl",
    )
    assert ended.code == 1, ended.err
    assert "File too large" in ended.err
    assert {path.name for path in folder.iterdir()} == {
        f"{table}.jsonl" for table in ("images", "layers", "platforms", "repositories")
    }
    assert (folder / "images.jsonl").read_text() == "old\n"
    for path in folder.iterdir():
        for line in path.read_text().splitlines():
            assert line == "old" or json.loads(line)["repository"] == REPOSITORY


def test_an_image_with_a_thousand_tags_is_one_line_everywhere(layercheck: Layercheck, tmp_path: Path) -> None:
    """Case 10. Also the image that its index lists, and tags of 300 letters."""
    tags = [f"v{number:03}-".ljust(300, "x") for number in range(1_000)]
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        put(ecr, manifest("a"), *tags, lacking=["a"])
        put(ecr, index(manifest("a")), *(f"multi-{number:03}" for number in range(1_000)))
        command = ("images", "--endpoint-url", ecr.endpoint_url, REPOSITORY)
        shown = layercheck(*command)
        assert layercheck(*command, "-o", f"{tmp_path}/", "--format", "csv").code == 3
        lines = layercheck(*command, "--format", "jsonl").out.splitlines()
        layers = layercheck(*command, "--format", "jsonl", "--table", "layers").out.splitlines()
        platforms = layercheck(*command, "--format", "jsonl", "--table", "platforms").out.splitlines()
    assert shown.code == 3
    assert max(map(len, shown.out.splitlines())) <= 80
    assert shown.out.count("997 more") == 2, shown.out
    by_kind = {line["kind"]: line for line in map(json.loads, lines)}
    assert sorted(by_kind["image"]["tags"]) == tags
    assert len(by_kind["index"]["tags"]) == 1_000
    assert (len(layers), len(platforms)) == (1, 2)
    assert json.loads(layers[0])["first_tag"] in tags
    assert len((tmp_path / "images.csv").read_text().splitlines()) == 1 + 2
