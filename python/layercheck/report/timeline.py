"""`Timeline`: the requests of a run over time, as a bounded table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

MAX_INTERVALS = 120
"""The largest number of intervals of a timeline. They become twice as long when a run has more."""

SHORTEST_S = 1 / 64
"""The length of an interval in a short run, seconds. A power of two, so that a doubled length is exact."""


class Interval(NamedTuple):
    """What happened in one interval of a run.

    Attributes:
        second: When the interval begins, seconds from the first request of the run.
        requests: Requests that ended in it: answered, throttled or failed.
        throttles: Those of them that the service throttled.
        digests: Digests that its answers had.
        rate: The pacer's rate in it, as it was last seen, in calls per second; None without a limit.
    """

    second: float
    requests: int
    throttles: int
    digests: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class Timeline(Sequence[Interval]):
    """The requests of a run over time: a sequence of at most 120 intervals of the same length.

    Attributes:
        started_at: When the first request started, seconds since 1970.
        interval_s: The length of each interval, seconds.
        intervals: The intervals, from the first request to the last answer.

    Examples:
        >>> import layercheck as lc
        >>> from layercheck.testing import LocalEcr
        >>> digest = "sha256:" + "aa" * 32
        >>> with LocalEcr({"app": [digest]}) as ecr:
        ...     timeline = lc.check([digest], "app", client=ecr.client()).timeline
        >>> sum(interval.requests for interval in timeline)
        1
    """

    started_at: float = 0.0
    interval_s: float = SHORTEST_S
    intervals: tuple[Interval, ...] = ()

    def __len__(self) -> int:
        return len(self.intervals)

    @overload
    def __getitem__(self, at: int) -> Interval: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Interval, ...]: ...
    def __getitem__(self, at: int | slice) -> Interval | tuple[Interval, ...]:
        """Return an interval, or a tuple of several."""
        return self.intervals[at]

    def __iter__(self) -> Iterator[Interval]:
        return iter(self.intervals)

    @property
    def seconds(self) -> float:
        """The length of the whole timeline, seconds."""
        return len(self.intervals) * self.interval_s

    def within(self, most: int) -> Timeline:
        """Return the same timeline in at most `most` intervals, each of them 2, 4, 8 ... times as long."""
        timeline = self
        while len(timeline) > most:
            timeline = timeline._with_pairs()
        return timeline

    def _with_pairs(self) -> Timeline:
        pairs = (self.intervals[at : at + 2] for at in range(0, len(self.intervals), 2))
        return Timeline(self.started_at, 2 * self.interval_s, tuple(map(_sum, pairs)))


def merged(timelines: Iterable[Timeline]) -> Timeline:
    """Return the timelines of several runs as one, on the clock of the machine.

    Runs at the same time share the limit of the lane, so the rate is the last that was seen.
    """
    parts = [timeline for timeline in timelines if timeline]
    if len(parts) < 2:
        return parts[0] if parts else Timeline()
    start = min(part.started_at for part in parts)
    seconds = max(part.started_at - start + part.seconds for part in parts)
    length = max(part.interval_s for part in parts)
    while seconds >= length * MAX_INTERVALS:
        length *= 2
    sums: dict[int, Interval] = {}
    for part in sorted(parts, key=lambda part: part.started_at):
        for interval in part:
            at = int((part.started_at - start + interval.second) / length)
            moved = interval._replace(second=at * length)
            sums[at] = _sum((sums[at], moved)) if at in sums else moved
    last_rate: float | None = None
    intervals = []
    for at in range(max(sums) + 1):
        intervals.append(sums.get(at) or Interval(at * length, 0, 0, 0, last_rate))
        last_rate = intervals[-1].rate
    return Timeline(start, length, tuple(intervals))


def _sum(parts: Sequence[Interval]) -> Interval:
    return Interval(
        parts[0].second,
        sum(part.requests for part in parts),
        sum(part.throttles for part in parts),
        sum(part.digests for part in parts),
        parts[-1].rate,
    )
