"""`layercheck push-plan`: what it advises after wrong arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from push.layouts import Layout, layer

from .conftest import Layercheck


@pytest.fixture
def source(tmp_path: Path) -> Path:
    made = Layout(tmp_path / "layout")
    made.image([layer("base", 500)], name="v1")
    return made.folder


@pytest.mark.parametrize("words", [("--image", "v9"), ("--platform", "linux/arm64")], ids=" ".join)
def test_a_choice_that_the_source_lacks_is_not_blamed_on_the_registry(
    words: tuple[str, str], source: Path, layercheck: Layercheck
) -> None:
    ended = layercheck("push-plan", source, "team/app:v2", *words)
    assert ended.code == 1
    assert words[1] in ended.err
    assert "--registry-id" not in ended.err
    assert "REPOSITORY" not in ended.err


def test_swapped_arguments_are_explained(layercheck: Layercheck, tmp_path: Path) -> None:
    (tmp_path / "image.tar").write_bytes(b"x")
    ended = layercheck("push-plan", "team/app:v2", "image.tar")
    assert ended.code == 2
    assert "SOURCE comes first, and 'image.tar' is a file: " in ended.err
    assert "layercheck push-plan image.tar team/app:v2" in ended.err
