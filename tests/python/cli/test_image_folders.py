"""`layercheck images -o FOLDER/`: the folder is made before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from layercheck.testing import LocalEcr
from made_images import REPOSITORY, manifest, put

from .conftest import Ended, Layercheck

TABLES = ["images.parquet", "layers.parquet", "platforms.parquet", "repositories.parquet"]


@pytest.fixture
def images() -> Iterator[LocalEcr]:
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        put(ecr, manifest("a", "b"), "v1")
        yield ecr


def run(layercheck: Layercheck, ecr: LocalEcr, *words: str) -> Ended:
    return layercheck("images", REPOSITORY, "--endpoint-url", ecr.endpoint_url, *words)


@pytest.mark.parametrize("folder", ["audit/", "audits/today/"])
def test_a_folder_that_does_not_exist_is_made(
    folder: str, images: LocalEcr, layercheck: Layercheck, tmp_path: Path
) -> None:
    ended = run(layercheck, images, "-o", folder, "--format", "parquet")
    assert (ended.code, sorted(path.name for path in (tmp_path / folder).iterdir())) == (0, TABLES)


def test_a_dry_run_makes_no_folder(images: LocalEcr, layercheck: Layercheck, tmp_path: Path) -> None:
    assert run(layercheck, images, "-o", "audit/", "--dry-run").code == 0
    assert not (tmp_path / "audit").exists()


def test_a_file_in_the_place_of_the_folder_is_said_to_be_a_file(
    images: LocalEcr, layercheck: Layercheck, tmp_path: Path
) -> None:
    (tmp_path / "aud").write_text("")
    for folder in ("aud/", "aud/today/"):
        ended = run(layercheck, images, "-o", folder)
        assert (ended.code, len(images.calls)) == (1, 0)
        assert f"-o '{folder}': 'aud' is a file, not a folder; choose another name" in ended.err


def test_a_folder_that_cannot_be_made_says_why(
    images: LocalEcr, layercheck: Layercheck, tmp_path: Path
) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    words = ("images", REPOSITORY, "--endpoint-url", images.endpoint_url, "-o", "closed/audit/")
    ended = layercheck(*words, as_common_user=True)
    assert (ended.code, len(images.calls)) == (1, 0)
    assert "the folder cannot be made: permission denied; choose another" in ended.err
