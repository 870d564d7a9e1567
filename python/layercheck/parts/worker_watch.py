"""`WorkerWatch`: says that a cluster has no workers, at the start of a run and while it waits."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from layercheck.errors import LayercheckError

_log = logging.getLogger("layercheck")

_LOOKS = 10
"""How often a driver waits for a result, half a second each, before the workers are counted again."""


class WorkerWatch:
    """What a driver says about the workers of its cluster.

    `slots` lets no run begin without workers; Ray does not ask it, because there a task makes a cluster grow.
    In mid-run they may come back, so the run waits and a warning is logged, once for each time that all are
    lost.

    Args:
        lack: What is missing: "the Dask cluster has no workers".
        advice: What to do at the start of a run.
    """

    def __init__(self, lack: str, advice: str) -> None:
        self._lack = lack
        self._advice = advice
        self._had_some = False
        self._waits = 0
        self._told = False

    def slots(self, count: int) -> int:
        """Return how many tasks can run at once: the count, or 1 in mid-run while there are no workers.

        Raises:
            LayercheckError: There were no workers yet.
        """
        if count < 1 and not self._had_some:
            raise LayercheckError(f"{self._lack}; {self._advice}, and run the same again")
        self._had_some = True
        return max(1, count)

    def answered(self) -> None:
        """Note that a result came, so that the run has begun."""
        self._had_some = True

    def waited(self, count: Callable[[], int]) -> None:
        """Note that no result came for a while. Every tenth time, count the workers.

        Args:
            count: Returns how many tasks can run at once.
        """
        self._waits += 1
        if self._waits % _LOOKS:
            return
        # If they cannot be counted, the cluster itself may be lost, and the driver finds that out.
        with contextlib.suppress(Exception):
            lacks = count() < 1
            if lacks and not self._told:
                _log.warning("%s; the run waits until there are some", self._lack)
            self._told = lacks
