"""The pages of the documentation, and what stands in them."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = [
    page
    for page in sorted(
        [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("README.md")]
    )
    if ".pytest_cache" not in page.parts  # pytest writes a README there
]

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def fences(page: Path) -> Iterator[tuple[str, str]]:
    """Language and text of each block of code, also of one in a list."""
    for _, language, text in _FENCE.findall(page.read_text()):
        yield language, textwrap.dedent(text)


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCE.sub("", page.read_text())


def command_lines(page: Path) -> Iterator[list[str]]:
    """The arguments of every `layercheck ...` that a page tells people to type."""
    for language, text in fences(page):
        if language:
            continue
        # A capture shows output too; there only what stands behind a prompt is typed.
        lines = text.splitlines()
        typed = [line[2:] for line in lines if line.startswith("$ ")] or lines
        for line in typed:
            yield from _of_this_program(line)


def _of_this_program(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    part: list[str] = []
    try:
        words = list(lexer)
    except ValueError:  # an answer with a lone quote, or a drawing
        return
    for word in [*words, "|"]:
        if word in {"|", "||", "&&", ";", ">", "<"}:
            if part[:1] == ["layercheck"]:
                yield part[1:]
            part = []
        else:
            part.append(word)
