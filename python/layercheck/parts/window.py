"""`Window`: which tasks an engine may begin next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Window(Generic[T]):
    """Gives tasks out, never more than `at_once` of one lane and `in_all` together at the same time.

    Args:
        lanes: The tasks of each lane. They are taken one by one, when there is room for one.
        at_once: Most tasks of a lane.
        in_all: Most tasks of all lanes; None for no limit.
    """

    def __init__(self, lanes: Iterable[Iterable[T]], at_once: int, in_all: int | None = None) -> None:
        self._lanes = [iter(tasks) for tasks in lanes]
        self._running = [0] * len(self._lanes)
        self._at_once = at_once
        self._in_all = in_all

    def ready(self) -> Iterator[tuple[int, T]]:
        """Yield the tasks that may begin now, each with the number of its lane."""
        for lane, tasks in enumerate(self._lanes):
            while self._running[lane] < self._at_once and self._has_room():
                task = next(tasks, None)
                if task is None:
                    break
                self._running[lane] += 1
                yield lane, task

    def done(self, lane: int) -> None:
        """Note that a task of a lane has ended."""
        self._running[lane] -= 1

    def _has_room(self) -> bool:
        return self._in_all is None or sum(self._running) < self._in_all
