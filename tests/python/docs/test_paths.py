"""The files, folders and make targets that the pages name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.pages import PAGES, ROOT, fences, prose


def tree() -> list[str]:
    """The folders of the tree on the page about the architecture, as paths."""
    (drawn,) = (text for _, text in fences(ROOT / "docs" / "architecture.md") if text.startswith("src/"))
    paths: list[str] = []
    above: list[str] = []
    for line in drawn.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        above[depth:] = [line.split()[0]]
        paths.append("".join(above))
    return paths


@pytest.mark.parametrize("path", tree())
def test_a_folder_of_the_tree_is_there(path: str) -> None:
    assert (ROOT / path).is_dir()


@pytest.mark.parametrize(
    ("above", "drawn"), [("src", "src/"), ("python/layercheck", "python/layercheck/"), ("bench", "bench/")]
)
def test_no_folder_is_missing_from_the_tree(above: str, drawn: str) -> None:
    hidden = ("__", ".")
    there = {f"{drawn}{path.name}/" for path in (ROOT / above).iterdir() if path.is_dir()}
    assert {path for path in there if not path.removeprefix(drawn).startswith(hidden)} <= set(tree())


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name not in {"CHANGELOG.md", "api.md"} and "fuzz" not in page.parts],
    ids=lambda page: page.name,
)
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    roots = [ROOT, ROOT / "python" / "layercheck", *(ROOT / "python" / "layercheck" / "dispatch").iterdir()]
    roots.append(ROOT / "python" / "layercheck" / "cli")
    named = re.findall(r"`([\w./]+(?:\.rs|\.py|\.md|/))`", prose(page))
    assert [path for path in named if not any((root / path).exists() for root in roots)] == []


def test_the_make_targets_that_the_pages_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    known = set(re.findall(r"^([a-z][a-z0-9-]*):", makefile, re.MULTILINE))
    known |= set(re.search(r"^\.PHONY: ((?:.*\\\n)*.*)", makefile, re.MULTILINE)[1].split())  # type: ignore[index]
    text = "".join(page.read_text() for page in PAGES if page.name != "CHANGELOG.md")
    assert set(re.findall(r"`make ([a-z][a-z-]+)`", text)) - known == set()


def test_every_measurement_is_on_the_page_about_speed() -> None:
    makefile = (ROOT / "Makefile").read_text()
    page = (ROOT / "docs" / "speed.md").read_text()
    targets = re.findall(r"^(bench[a-z-]*): .*## ", makefile, re.MULTILINE)
    helpers = {"bench-again", "bench-headlines"}
    assert [name for name in targets if f"`make {name}`" not in page and name not in helpers] == []
