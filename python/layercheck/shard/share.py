"""`Share`: the part of one rate that each of several askers gets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from layercheck._core import Pacer
from layercheck.errors import InvalidParameterError
from layercheck.limits import DEFAULT_MAX_IN_FLIGHT
from layercheck.shard.arguments import real_number, whole_number

DEFAULT_RATE = 500.0
"""Calls per second of all workers together, unless told otherwise: half of the default quota."""
CALLS_PER_ASKER = 500.0
"""Calls per second that one asker makes without effort; one process makes about 2,500."""
LEAST_RATE = 50.0
"""Below so many calls per second an asker is throttled more often: 1.2 % at 50, 2.5 % at 31, 18 % at 5, where
others leave 300 of a quota (simulated with the package's own pacer)."""
_LEAST_IN_FLIGHT = 8


@dataclass(frozen=True, slots=True)
class Share:
    """What each of `askers` tasks may do.

    Attributes:
        askers: Tasks that ask at the same time. The engine must start no more.
        rate: Calls per second of each.
        max_in_flight: Calls at once of each.
        floor: The lowest rate of each after throttles, calls per second.

    Examples:
        >>> share_of(1000.0)
        Share(askers=2, rate=500.0, max_in_flight=16, floor=2.5)
    """

    askers: int
    rate: float
    max_in_flight: int
    floor: float

    @property
    def part(self) -> float:
        """The part of the lane that each has, from 0 to 1."""
        return self.floor / Pacer.FLOOR


def share_of(
    rate: float,
    *,
    slots: int | None = None,
    askers: int | None = None,
    speculation: bool = False,
) -> Share:
    """Divide a rate among askers.

    Args:
        rate: Calls per second of all askers together, for one account and region.
        slots: Tasks that the engine can run at the same time; None if it is not known. More askers than that
            would only wait, and the rate of those that wait would be lost.
        askers: How many; None for two, or one for each 500 calls per second if that is more, yet never so
            many that one gets under 50 calls per second.
        speculation: The engine may run a second copy of a task beside the first, so that each gets half.

    Raises:
        InvalidParameterError: `rate`, `slots` or `askers` is not a number above 0.

    Examples:
        >>> share_of(5000.0).askers, share_of(60.0).askers, share_of(5000.0, slots=4).askers
        (10, 1, 4)
        >>> share_of(500.0, speculation=True).rate
        125.0
    """
    calls = real_number(rate)
    if calls is None or not (math.isfinite(calls) and calls > 0):
        raise InvalidParameterError(f"rate is {rate!r}; expected calls per second, more than 0")
    count = _count("askers", askers)
    if count is None:
        count = min(max(2, math.ceil(calls / CALLS_PER_ASKER)), max(1, int(calls // LEAST_RATE)))
    count = min(count, _count("slots", slots) or count)
    copies = count * 2 if speculation else count
    in_flight = max(_LEAST_IN_FLIGHT, math.ceil(DEFAULT_MAX_IN_FLIGHT / count))
    return Share(count, calls / copies, in_flight, Pacer.FLOOR / copies)


def _count(name: str, given: object) -> int | None:
    number = whole_number(given)
    if given is not None and (number is None or number < 1):
        raise InvalidParameterError(f"{name} is {given!r}; expected a whole number of at least 1, or None")
    return number
