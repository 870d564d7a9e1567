"""Plain lines of progress: by elapsed time, in words and numbers."""

from __future__ import annotations

from typing import Any

import pytest

import layercheck as lc
from layercheck.cli import progress as cli_progress
from layercheck.display import plain_lines
from layercheck.display.plain_lines import PlainLines


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def state(settled: int, **other: Any) -> lc.Progress:
    values: dict[str, Any] = {
        "unique": 10_000_000,
        "settled": settled,
        "counts": {"available": settled - 5, "unavailable": 5, "not_checked": 10_000_000 - settled},
        "calls": settled // 100,
        "requests": settled // 100,
        "throttles": 0,
        "in_flight": 32,
        "seconds": 100.0,
        "rate": 500.0,
    }
    return lc.Progress(**{**values, **other})


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_line_is_said_every_30_seconds_and_not_in_a_short_run(clock: Clock) -> None:
    lines: list[str] = []
    said = PlainLines(lines.append, clock=clock)
    for second in range(29):
        clock.now = 1000.0 + second
        said(state(5_000))
    assert lines == []
    for second in range(29, 301):
        clock.now = 1000.0 + second
        said(state(5_000))
    assert len(lines) == 10


def test_a_line_has_digests_percent_speed_time_left_throttles_and_verdicts(clock: Clock) -> None:
    lines: list[str] = []
    said = PlainLines(lines.append, clock=clock)
    clock.now += 30
    said(state(1_230_000, seconds_left=754.0, throttles=7))
    assert lines == [
        "checked 1,230,000 of 10,000,000 digests (12.3 %), 123 calls/s, 12 min 34 s left, 7 throttled: "
        "1,229,995 available, 5 unavailable"
    ]


def test_reading_says_bytes_percent_and_speed(clock: Clock) -> None:
    lines: list[str] = []
    said = PlainLines(lines.append, clock=clock)
    said.reading(12_000_000_000)
    for _ in range(60):
        clock.now += 1
        said.on_bytes(50_000_000)
    said.reading(None)
    clock.now += 30
    said.on_bytes(3_000_000)
    assert lines == [
        "read 1.5 GB of 12.0 GB (12.5 %), 50 MB/s",
        "read 3.0 GB of 12.0 GB (25.0 %), 50 MB/s",
        "read 3 MB, 100 kB/s",
    ]


def test_reading_and_checking_share_one_interval(clock: Clock) -> None:
    lines: list[str] = []
    said = PlainLines(lines.append, clock=clock)
    said.reading(100)
    clock.now += 30
    said.on_bytes(50)
    clock.now += 1
    said(state(5_000))
    assert len(lines) == 1


def test_a_process_that_slept_says_one_line(clock: Clock) -> None:
    lines: list[str] = []
    said = PlainLines(lines.append, clock=clock)
    clock.now += 3_600
    for _ in range(3):
        said(state(5_000))
    assert len(lines) == 1


def test_the_end_of_a_run_is_left_to_its_summary(clock: Clock) -> None:
    lines: list[str] = []
    said = PlainLines(lines.append, clock=clock)
    clock.now += 30
    said(state(10_000_000, done=True))
    assert lines == []


@pytest.mark.parametrize(
    ("style", "quiet", "lines"),
    [("auto", False, 1), ("plain", False, 1), ("bar", False, 1), ("none", False, 0), ("plain", True, 0)],
)
def test_the_command_says_plain_lines_where_no_bar_can_be_drawn(
    style: cli_progress.ProgressStyle,
    quiet: bool,
    lines: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(plain_lines, "INTERVAL_S", 0.0)
    with cli_progress.display(quiet=quiet, progress=style) as shown:
        shown.on_progress(state(5_000))
    assert capsys.readouterr().err.count("layercheck: checked 5,000 of 10,000,000 digests") == lines
