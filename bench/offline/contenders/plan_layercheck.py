"""Plans by layercheck, through its public interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import layercheck as lc
from offline.harness.expected import Answer, blocks


def text_file(path: Path) -> lc.Plan:
    return lc.plan(path)


def text_list(rows: list[str]) -> lc.Plan:
    return lc.plan(rows)


def polars_column(rows: Any) -> lc.Plan:
    return lc.plan(rows)


def pyarrow_column(rows: Any) -> lc.Plan:
    return lc.plan(rows)


def raw(digests: Any) -> lc.Plan:
    return lc.plan(digests)


def answer(plan: lc.Plan) -> Answer:
    return Answer.of(plan.rows, plan.invalid, blocks(plan.digests))
