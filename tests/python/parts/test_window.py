"""What an engine may begin: never more tasks of a lane than share its rate, nor more than it has room for."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from layercheck.parts.window import Window


@given(
    st.lists(st.integers(0, 8), max_size=5),
    st.integers(1, 3),
    st.none() | st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_every_task_begins_once_and_never_too_many_at_once(
    sizes: list[int], at_once: int, in_all: int | None, dice: random.Random
) -> None:
    lanes = [[(lane, number) for number in range(size)] for lane, size in enumerate(sizes)]
    window = Window(lanes, at_once, in_all)
    running: list[tuple[int, tuple[int, int]]] = []
    begun: list[tuple[int, int]] = []
    while True:
        for lane, task in window.ready():
            assert lane == task[0]
            running.append((lane, task))
            begun.append(task)
        of_lane = [sum(1 for lane, _ in running if lane == each) for each in range(len(sizes))]
        assert all(count <= at_once for count in of_lane)
        assert in_all is None or len(running) <= in_all
        if not running:
            break
        left = [len(tasks) - sum(1 for task in begun if task[0] == lane) for lane, tasks in enumerate(lanes)]
        is_full = in_all is not None and len(running) == in_all
        assert is_full or all(count == at_once or not more for count, more in zip(of_lane, left, strict=True))
        lane, _ = running.pop(dice.randrange(len(running)))
        window.done(lane)
    assert sorted(begun) == sorted(task for tasks in lanes for task in tasks)


def test_a_task_is_not_taken_before_there_is_room_for_it() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(9):
            taken.append(number)
            yield number

    window = Window([tasks()], 2)
    assert [task for _, task in window.ready()] == [0, 1]
    assert taken == [0, 1]
    window.done(0)
    assert [task for _, task in window.ready()] == [2]
