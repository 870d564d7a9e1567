"""A run in a process of its own, to be killed: by its parent, or by itself at a named step of writing.

Called with the endpoint, the journal, and optionally a step and how often it is reached before the end, and
the durability.
Groups are small here, so that some hundred batches make many of them.
"""

from __future__ import annotations

import os
import signal
import sys

import layercheck as lc
from layercheck.dispatch.tuning import Tuning
from layercheck.journal import recorder, store
from layercheck.journal.options import Durability

DIGESTS = 12_000
BATCH = 20
SLOTS = 6
UNSAVED = 16

STEPS = ("begun", "created", "part", "ready", "group", "inserted", "committed", "closing", "merged")
"""Every step that `store.reached` is told of."""


def rows() -> list[str]:
    """What is checked: digests with a row that is none and a row that comes again."""
    return [f"sha256:{number * 2_654_435_761 % 2**256:064x}" for number in range(DIGESTS)] + [
        "junk",
        "0" * 64,
    ]


def main(
    endpoint_url: str, journal: str, last: str = "", times: str = "1", durability: Durability = "normal"
) -> None:
    recorder.GROUP, recorder.GROUP_S, recorder.UNSAVED = 8, 0.02, UNSAVED
    left = int(times)

    def reached(step: str) -> None:
        nonlocal left
        if step == last:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    store.reached = reached
    plan = lc.plan(rows(), batch_size=BATCH)
    with lc.Checker(
        "app",
        endpoint_url=endpoint_url,
        rate="max",
        max_in_flight=SLOTS,
        _tuning=Tuning(back_off_base_s=0.01),
    ) as checker:
        checker.check(plan, journal=journal, durability=durability)


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
