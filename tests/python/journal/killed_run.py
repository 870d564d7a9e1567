"""The command in a process of its own, which kills itself at a named step of writing its journal.

`python -m journal.killed_run SIZES STEP TIMES check app rows.txt --journal FILE ...`: the process ends by
`kill -9` when it reaches STEP for the TIMES-th time; it never reaches an empty STEP. SIZES is `shipped` or
`small`; with small groups, a few hundred batches make many groups.

Temporary files have predictable names, so that strace can make system calls on them fail.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from itertools import repeat

from layercheck.cli import main
from layercheck.journal import store, writer

UNSAVED = 16
"""`writer.UNSAVED` with small sizes."""

STEPS = ("begun", "created", "part", "ready", "group", "inserted", "committed", "closing", "merged")
"""Every step that calls `store.failpoint`, in the order of a run."""


def run(sizes: str, last: str, times: str, *command: str) -> int:
    """Run the command; return its exit code if it survives."""
    if sizes == "small":
        writer.GROUP, writer.GROUP_S, writer.UNSAVED = 8, 0.02, UNSAVED
    left = int(times)
    tempfile._name_sequence = repeat("known")  # type: ignore[attr-defined]

    def failpoint(step: str) -> None:
        nonlocal left
        if step == last:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    store.failpoint = failpoint
    sys.argv = ["layercheck", *command]
    return main()


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
