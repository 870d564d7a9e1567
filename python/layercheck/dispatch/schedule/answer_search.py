"""`AnswerSearch`: whether the service answers any single digest, while it answers no whole batch."""

from __future__ import annotations

import math


class AnswerSearch:
    """State of the search; the class `Scheduler` says how it goes on.

    Args:
        longest_s: Longest time of a search, seconds.

    Attributes:
        has_begun: A batch was halved to begin the search, and nothing has been answered since.
    """

    LONE_FAILURES = 2
    """Single digests from different places that must fail before the search ends without an answer."""

    def __init__(self, longest_s: float) -> None:
        self.has_begun = False
        self._longest_s = longest_s
        self._ends_at = math.inf
        self._lone_failures = 0

    def begin(self, now: float) -> None:
        """Begin, unless the search goes on already."""
        if not self.has_begun:
            self.has_begun = True
            self._ends_at = now + self._longest_s

    def count_lone_failure(self) -> None:
        """Note that a single digest used up its attempts."""
        self._lone_failures += 1

    def has_failed(self, now: float) -> bool:
        """Whether the service has stopped: the search found no digest that is answered, or took too long."""
        return self._lone_failures >= self.LONE_FAILURES or now >= self._ends_at

    def end(self) -> None:
        """End, because the service answered."""
        self.has_begun = False
        self._ends_at = math.inf
        self._lone_failures = 0
