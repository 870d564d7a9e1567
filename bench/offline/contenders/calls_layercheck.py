"""layercheck with a ready client and without a limit of rate."""

from __future__ import annotations

from typing import Any

import layercheck as lc
from offline.data.calls import REPOSITORY, Calls, answer, session

__all__ = ["answer", "calls", "ready_calls"]

Ready = tuple[lc.Checker, list[str]]


def ready_calls(source: dict[str, Any]) -> Ready:
    what = Calls.of(source)
    checker = lc.Checker(
        REPOSITORY,
        session=session(),
        endpoint_url=what.endpoint_url,
        rate="max",
        max_in_flight=what.in_flight,
    )
    return checker, what.digests


def calls(ready: Ready) -> bytes:
    checker, digests = ready
    return checker.check(digests).unique_verdicts.tobytes()
