"""Recovery: how far a rate falls when the service throttles, and by which curve it comes back.

A recovery is a policy without state: it maps seconds to factors. The `Pacer` holds the times and the rates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Recovery(Protocol):
    """The curve of a rate after a throttle. The rate that was too much counts as 1."""

    @property
    def name(self) -> str:
        """The name by which it is chosen."""

    @property
    def decrease(self) -> float:
        """The factor of an ordinary decrease."""

    @property
    def deepest(self) -> float:
        """The smallest factor of one decrease, however few calls were accepted."""

    @property
    def outgrown(self) -> float:
        """Without a ceiling: the factor from which on there is no limit any more."""

    def growth(self, since_s: float) -> float:
        """Return the rate `since_s` seconds after a decrease, as a factor; `decrease` at 0 seconds."""


@dataclass(frozen=True, slots=True)
class CubicRecovery:
    """The curve of TCP CUBIC (RFC 9438) on a time scale of its own.

    The rate comes back quickly at first, slowly around the rate that was too much, and ever faster beyond it,
    in case the service allows more by now. `bench/studies/pacing.py` chose the numbers in a simulation, and
    `tests/python/dispatch/rate/test_pacer_simulation.py` checks their limits: at least 90 % of what the
    service gives, and under 2 % throttled.

    Attributes:
        name: The name by which it is chosen.
        decrease: The factor of an ordinary decrease.
        deepest: The smallest factor of one decrease.
        outgrown: Without a ceiling: the factor from which on there is no limit any more.
        plateau_s: Seconds from a decrease until the rate that was too much is reached again.
        probing: How much steeper the curve is beyond that rate than below it.

    Examples:
        >>> curve = CubicRecovery()
        >>> [round(curve.growth(second), 3) for second in (0.0, 1.0, 2.0, 3.0)]
        [0.8, 0.975, 1.0, 1.1]
    """

    name: str = "cubic"
    decrease: float = 0.8
    deepest: float = 0.3
    outgrown: float = 4.0
    plateau_s: float = 2.0
    probing: float = 4.0

    def growth(self, since_s: float) -> float:
        """See `Recovery`."""
        away = since_s / self.plateau_s - 1.0
        steepness = 1.0 if away < 0.0 else self.probing
        return 1.0 + (1.0 - self.decrease) * steepness * away**3


@dataclass(frozen=True, slots=True)
class LinearRecovery:
    """Additive increase: the rate grows by the same amount in each second (AIMD, as in RFC 5681).

    It is easier to predict than the cubic curve, and it meets the limit of the service more often.

    Attributes:
        name: The name by which it is chosen.
        decrease: The factor of an ordinary decrease.
        deepest: The smallest factor of one decrease.
        outgrown: Without a ceiling: the factor from which on there is no limit any more.
        plateau_s: Seconds from a decrease until the rate that was too much is reached again.

    Examples:
        >>> [round(LinearRecovery().growth(second), 3) for second in (0.0, 1.0, 2.0, 3.0)]
        [0.8, 0.9, 1.0, 1.1]
    """

    name: str = "linear"
    decrease: float = 0.8
    deepest: float = 0.3
    outgrown: float = 4.0
    plateau_s: float = 2.0

    def growth(self, since_s: float) -> float:
        """See `Recovery`."""
        return self.decrease + (1.0 - self.decrease) * since_s / self.plateau_s


RECOVERIES: dict[str, Callable[[], Recovery]] = {"cubic": CubicRecovery, "linear": LinearRecovery}
"""Recoveries by name."""


def recovery_named(name: str) -> Recovery:
    """Return the recovery of this name.

    Raises:
        ValueError: No recovery has this name.
    """
    if name not in RECOVERIES:
        names = ", ".join(f'"{each}"' for each in RECOVERIES)
        raise ValueError(f"recovery is {name!r}; expected one of {names}")
    return RECOVERIES[name]()
