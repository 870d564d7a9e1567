"""Rows to ask about over each transport, and what a report says of them."""

from __future__ import annotations

from typing import Any

import pytest

import layercheck as lc
from fake_account import digests
from layercheck.dispatch.transport.selection import NAMES, TransportName
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy

ROWS = [*digests(750), "junk", digests(1)[0].upper()]
FASTER = NAMES[1:]

by_transport = pytest.mark.parametrize("transport", NAMES)


def table(report: lc.Report) -> list[dict[str, Any]]:
    """Everything a report says of its rows."""
    lines: list[dict[str, Any]] = report.to_arrow().to_pylist()
    return lines


def checked(url: str, transport: TransportName | None, **options: Any) -> lc.Report:
    limits = Limits(retry=RetryPolicy(back_off_base_s=0.001), tick_s=0.02)
    with lc.Checker("team/app", endpoint_url=url, transport=transport, _limits=limits, **options) as checker:
        return checker.check(ROWS)
