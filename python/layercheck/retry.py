"""`RetryPolicy`: how often the same digests are asked again, and after which delay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from layercheck._core import longest_delay_s


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed request is repeated. Pure: the caller passes counts, times and the random draw.

    The kinds of failure are counted apart, because they say different things. Each kind has a limit in
    number; `asking_s` limits all kinds together in time.

    Attributes:
        attempts: Most requests for the same digests that end in a transient error, before the scheduler
            halves the batch or sets it aside for the last round, and once more in that round.
        half_attempts: The same for each half of a batch that was halved. Fewer, because its digests were
            asked before, and halves that fail without a reason of their own are asked in the last round.
        incomplete_attempts: Most answers for the same digests that lack some of them or contradict
            themselves.
        first_contact_attempts: The same while no connection was ever made, because a wrong or unreachable
            host should be reported soon.
        throttle_attempts: Most requests for the same digests that the service throttles.
        renewal_attempts: Most requests for the same digests that fail because the credentials have expired,
            if botocore can renew them. botocore renews them when it signs the next request.
        asking_s: Longest time from the first request to the last for the same digests, the halves of their
            batch included, seconds; then once more for the last round as a whole.
        back_off_base_s: Upper end of the first delay, seconds. The upper end doubles with each try, and the
            delay is drawn evenly from zero up to it ("full jitter"), so that calls that failed together do
            not come back together.
        back_off_cap_s: Where the doubling stops, seconds.

    Examples:
        >>> policy = RetryPolicy(attempts=3, back_off_base_s=1.0)
        >>> longest = lambda low, high: high
        >>> policy.delay_s("transient", tries=2, asked_for_s=5.0, reached=True, draw=longest)
        2.0
        >>> policy.delay_s("transient", tries=3, asked_for_s=5.0, reached=True, draw=longest) is None
        True
        >>> print(RetryPolicy())
        7 transient (3 of a half), 20 throttled, 8 renewing attempts (4 before the first contact), \
within 300 s; delay 0.1 s, doubling to 20 s
    """

    attempts: int = 7
    half_attempts: int = 3
    incomplete_attempts: int = 2
    first_contact_attempts: int = 4
    throttle_attempts: int = 20
    renewal_attempts: int = 8
    asking_s: float = 300.0
    back_off_base_s: float = 0.1
    back_off_cap_s: float = 20.0

    def __str__(self) -> str:
        return (
            f"{self.attempts} transient ({self.half_attempts} of a half), {self.throttle_attempts} "
            f"throttled, {self.renewal_attempts} renewing attempts ({self.first_contact_attempts} before the "
            f"first contact), within {self.asking_s:g} s; delay {self.back_off_base_s:g} s, doubling to "
            f"{self.back_off_cap_s:g} s"
        )

    def delay_s(
        self,
        kind: str,
        *,
        tries: int,
        asked_for_s: float,
        reached: bool,
        draw: Callable[[float, float], float],
        half: bool = False,
    ) -> float | None:
        """Return the seconds until the digests are asked again; None if these attempts are used up.

        Args:
            kind: Kind of the failure: `throttled`, `fatal` (credentials that botocore can renew) or
                `transient`.
            tries: Requests for these digests that failed in this way, the last one included.
            asked_for_s: Seconds since these digests were first asked.
            reached: The run has made a connection at least once.
            draw: Draws a number between two bounds, such as `random.Random().uniform`.
            half: The digests are a half of a batch that was halved.
        """
        longest_s = longest_delay_s(
            self, kind, tries=tries, asked_for_s=asked_for_s, reached=reached, half=half
        )
        return None if longest_s is None else draw(0.0, longest_s)
