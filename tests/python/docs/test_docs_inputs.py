"""The page on inputs: every expression in its tables gives what stands beside it."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import layercheck as lc

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "inputs.md").read_text()


def names() -> dict[str, Any]:
    """What the expressions on the page speak of."""
    digest = "sha256:" + "ab" * 32
    return {
        "digest": digest,
        "gzip": gzip,
        "io": io,
        "lc": lc,
        "np": np,
        "pa": pa,
        "pd": pd,
        "pl": pl,
        "table": pa.table({"image": ["app"], "layer": [digest]}),
        "csv": io.BytesIO(f"image,layer\napp,{digest}\n".encode()),
    }


def lines(heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    text = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) > 6, f"no table under {heading!r}"
    cells = [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in rows[2:]]
    return [[cell.replace("\\|", "|") for cell in row] for row in cells]


def expression(cell: str) -> str:
    return cell.strip("`").strip()


def raised(code: str) -> BaseException:
    """What an expression raises; an expression that is not a call is an input for `lc.plan`."""
    try:
        lc.plan(eval(code, names()))  # noqa: S307 - our own page
    except Exception as error:  # noqa: BLE001 - that it raises, and what, is the question
        return error
    raise AssertionError(f"{code} raised nothing")


@pytest.mark.parametrize("row", lines("Rows that are rejected"), ids=lambda row: row[0])
def test_a_rejected_row_has_the_message_on_the_page(row: list[str]) -> None:
    kind, example, message = row
    strict = kind.endswith("(strict)")
    plan = lc.plan([eval(expression(example), names())], strict=strict)  # noqa: S307 - our own page
    assert (plan.rejects[0].kind, plan.rejects[0].message) == (expression(kind.split()[0]), message)


def test_every_kind_of_rejection_is_on_the_page() -> None:
    shown = {expression(row[0].split()[0]) for row in lines("Rows that are rejected")}
    assert shown == set(lc.plan([]).reject_counts)


@pytest.mark.parametrize("row", lines("Spellings that are accepted"), ids=lambda row: row[0])
def test_an_accepted_spelling_is_counted_by_the_name_on_the_page(row: list[str]) -> None:
    kind, example = row[:2]
    plan = lc.plan([eval(expression(example), names())])  # noqa: S307 - our own page
    assert {word for word, rows in plan.spellings.items() if rows} == {expression(kind)}


def test_every_accepted_spelling_is_on_the_page() -> None:
    shown = {expression(row[0]) for row in lines("Spellings that are accepted")}
    assert shown == set(lc.plan([]).spellings)


@pytest.mark.parametrize("row", lines("Inputs that hold no digests"), ids=lambda row: row[1])
def test_an_input_without_digests_has_the_hint_on_the_page(row: list[str]) -> None:
    rows, hint = row
    given = eval(expression(rows), names())  # noqa: S307 - our own page
    plan = given if isinstance(given, lc.Plan) else lc.plan(given)
    assert plan.hint == hint.replace("&#124;", "|")


@pytest.mark.parametrize("row", lines("Inputs that are refused"), ids=lambda row: row[0])
def test_a_refused_input_raises_what_is_on_the_page(row: list[str]) -> None:
    code, error, message = row
    found = raised(expression(code))
    assert (type(found).__name__, str(found)) == (expression(error), message)
