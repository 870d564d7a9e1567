"""The local endpoint in a process of its own, so that its cost is not part of a trial."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

LATENCY_MS = 10


@contextmanager
def on_demand() -> Iterator[Callable[[], str]]:
    """Yield a function that starts the endpoint at its first call, and returns its address."""
    known: list[str] = []
    with ExitStack() as running:

        def endpoint_url() -> str:
            if not known:
                known.append(running.enter_context(_serving()))
            return known[0]

        yield endpoint_url


@contextmanager
def _serving() -> Iterator[str]:
    command = [sys.executable, "-m", "layercheck", "serve", "--quiet", "--repository", "app"]
    with subprocess.Popen(
        [*command, "--latency-ms", str(LATENCY_MS)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
