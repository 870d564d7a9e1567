"""Every block of code on the pages is run, or stands in a table here that says why it is not."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from docs.pages import PAGES, ROOT, fences

PROSE = {"CHANGELOG.md", "STYLE.md", "docs/architecture.md", "docs/reference/api.md"}
"""No commands to type: bad examples, drawings and tables. The examples of api.md run in the docstrings."""

RUN_ELSEWHERE = {
    "git clone": "names this repository; a release is tried from a clone",
    "make": "test_paths.py compares the targets with the Makefile",
    "pip install": "`make wheels` and `make wheel-check` install what is built",
    "pip wheel": "`make wheels` builds by the same backend",
    "zcat digests.txt.gz | layercheck": "test_command_lines.py runs what stands behind the bar",
    "cat image.tar | layercheck": "test_command_lines.py runs what stands behind the bar",
    "python examples/dask_audit.py": "tests/engines/on_dask",
    "python examples/ray_audit.py": "tests/engines/on_ray",
    "spark-submit --master": "tests/engines/on_spark/test_example.py",
}
NOT_RUN = {
    "export AWS_": "sets variables for the next line; the tests of the engines set the same",
    "sqlite3 -readonly": "needs the program sqlite3; the tests of journals ask the same tables",
    "crane manifest": "needs crane and a registry",
    "skopeo copy": "needs skopeo and a registry",
    "aws ecr": "needs the AWS CLI and an account",
}
PYTHON_ELSEWHERE = {
    "docs/guide/dask.md": "tests/engines/on_dask",
    "docs/guide/ray.md": "tests/engines/on_ray",
    "docs/guide/spark.md": "tests/engines/on_spark",
    "docs/guide/testing.md": "tests/python/testing/test_pytest_plugin.py",
}
"""Python without a prompt: these call what the named tests call on real engines, or are run there."""

BLOCKS = [
    pytest.param(page, language, text, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    if str(page.relative_to(ROOT)) not in PROSE and "tests" not in page.parts
    for number, (language, text) in enumerate(fences(page), 1)
]


def typed(text: str) -> list[str]:
    """The commands of a block, with their continuation lines; none if the block is only output."""
    lines = text.splitlines()
    if any(line.startswith("$ ") for line in lines):
        return [line[2:] for line in lines if line.startswith("$ ")]
    if lines[0].startswith("verdict "):
        return []
    commands: list[str] = []
    for line in lines:
        if commands and (line.startswith(" ") or commands[-1].endswith(("|", "\\"))):
            commands[-1] += "\n" + line
        else:
            commands.append(line)
    return commands


@pytest.mark.parametrize(("page", "language", "text"), BLOCKS)
def test_a_block_is_run_or_says_why_not(page: Path, language: str, text: str) -> None:
    if language == "python":
        if ">>> " not in text:
            assert str(page.relative_to(ROOT)) in PYTHON_ELSEWHERE, "write it with >>>, so that it runs"
            ast.parse(text)
        return
    if language == "json":
        json.loads(text)
        return
    assert language == "", f"no test runs a block of {language!r}"
    known = ("layercheck ", *RUN_ELSEWHERE, *NOT_RUN)
    assert [command for command in typed(text) if command and not command.startswith(known)] == []


@pytest.mark.parametrize("start", [*RUN_ELSEWHERE, *NOT_RUN])
def test_no_exception_is_left_over(start: str) -> None:
    shells = [text for page, language, text in (each.values for each in BLOCKS) if language == ""]
    assert any(command.startswith(start) for text in shells for command in typed(str(text)))


@pytest.mark.parametrize("folder", sorted(set(PYTHON_ELSEWHERE.values())))
def test_the_tests_that_are_named_are_there(folder: str) -> None:
    assert (ROOT / folder).exists()
