"""The page on distributed runs: its messages are those of the package, its table is the schema."""

from __future__ import annotations

import re

import pytest

from docs.pages import ROOT
from layercheck import shard
from layercheck.shard.table import BATCH_ROWS

PAGE = (ROOT / "docs" / "guide" / "distributed.md").read_text()
SOURCES = re.sub(
    r'"\s*\n\s*f?"',
    "",
    "\n".join(each.read_text() for each in (ROOT / "python/layercheck/shard").glob("*.py")),
)
MESSAGES = re.findall(r"^\| `([^`]+)` \|", PAGE.partition("## Messages")[2], re.MULTILINE)


def test_the_page_has_the_messages() -> None:
    assert len(MESSAGES) >= 9


@pytest.mark.parametrize("message", MESSAGES)
def test_each_message_on_the_page_is_one_of_the_package(message: str) -> None:
    pieces = [piece.strip() for piece in message.replace('"', '"').split("...") if piece.strip()]
    assert [piece for piece in pieces if piece not in SOURCES] == []


def test_the_table_on_the_page_is_the_schema() -> None:
    table = PAGE.partition("## The verdict table")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", table, re.MULTILINE)
    kinds = {"timestamp(us, UTC)": "timestamp[us, tz=UTC]"}
    assert [(name, kinds.get(kind, kind)) for name, kind in rows] == [
        (each.name, str(each.type)) for each in shard.SCHEMA
    ]


def test_batches_are_as_small_as_engines_need_them() -> None:
    assert BATCH_ROWS == 50_000
