# pyright: strict
"""A program of a user, for strict type checkers and for the interpreter: `make wheel-check`."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import assert_type

import layercheck as lc
from layercheck.testing import Fault, LocalEcr

HELD, GONE = "sha256:" + "a0" * 32, "sha256:" + "b1" * 32


def look(report: lc.Report) -> int:
    assert_type(report.counts["available"], int)
    assert_type(report.counts[lc.Verdict.UNAVAILABLE], int)
    assert_type(report[HELD].verdict, lc.Verdict)
    assert_type(report.row(0).size, int | None)
    assert_type(report.plan[0], list[str])
    assert_type(report.plan.rejects[0].message, str)
    return sum(row.verdict is lc.Verdict.UNAVAILABLE for row in report)


async def main(checker: lc.Checker) -> lc.Report:
    async for answer in checker.stream_async([HELD, GONE]):
        assert_type(answer, lc.Answer)
    return assert_type(await checker.check_async([HELD, GONE, "junk"]), lc.Report)


if __name__ == "__main__":
    with LocalEcr({"app": [HELD]}, faults=[Fault("throttle", calls=(1, 1))]) as ecr:
        with lc.Checker("app", client=ecr.client()) as checker:
            found = asyncio.run(main(checker))
        changes = lc.diff(lc.check([HELD, GONE], "app", client=ecr.client()), found)
    assert_type(changes.counts, dict[str, int])
    with tempfile.TemporaryDirectory() as folder:
        # The template, the style and the script of pages are files of the wheel.
        found.write(Path(folder) / "page.html")
    if look(found) != 1 or changes.counts["same"] != 2:
        raise SystemExit(f"wrong verdicts: {found}")
    print(f"layercheck {lc.__version__} ({lc.build_info()['profile']}): {found}")  # noqa: T201 (a program)
