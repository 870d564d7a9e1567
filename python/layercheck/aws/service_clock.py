"""`ServiceClock`: how far the service's clock is from this machine's.

A signature holds the time at which it was made, and AWS refuses it if that is more than 5 minutes from the
service's time (https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html). Every
answer names the service's time in its header `Date`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

_log = logging.getLogger("layercheck")

TOLERANCE_S = 60.0
"""Differences up to this are not worth a correction, because AWS accepts 5 minutes."""
LARGEST_S = 7 * 24 * 3600.0
"""Larger differences are not corrected, because a header that names them is more likely to be wrong."""
CORRECTIONS = 5
"""Most corrections for one client, so that changing headers cannot move the clock for ever."""


class ServiceClock:
    """The correction to this machine's clock when requests are signed. Threads share it.

    Attributes:
        offset_s: Seconds to add to this machine's time; 0.0 until an answer proves another value.
    """

    def __init__(self) -> None:
        self.offset_s = 0.0
        self._corrections = 0
        self._lock = threading.Lock()

    def learn(self, response: object, *, sent_at: float, received_at: float) -> None:
        """Correct the offset by the answer to a request that was refused for its time.

        Args:
            response: botocore's parsed response.
            sent_at: When the request was made, seconds since 1970 by this machine.
            received_at: When the answer was there, likewise.
        """
        said = service_time(response)
        if said is None:
            return
        # The service named its time somewhere between the two. A machine that was suspended meanwhile may
        # have a long time between them, and its clock is right. So the smallest correction counts.
        low, high = sorted((said - received_at, said - sent_at))
        with self._lock:
            offset = min(max(self.offset_s, low), high)
            small = abs(offset - self.offset_s) <= TOLERANCE_S
            if small or abs(offset) > LARGEST_S or self._corrections >= CORRECTIONS:
                return
            self._corrections += 1
            self.offset_s = 0.0 if abs(offset) <= TOLERANCE_S else offset
        _log.warning(
            "signing with the time of the service from now on: %s",
            difference(-offset) or "this machine's clock is right again",
        )


def service_time(response: object) -> float | None:
    """The time that an answer's `Date` header names, seconds since 1970; None without a usable header."""
    metadata = response.get("ResponseMetadata") if isinstance(response, Mapping) else None
    headers: Any = metadata.get("HTTPHeaders") if isinstance(metadata, Mapping) else None
    date = headers.get("date") if isinstance(headers, Mapping) else None
    if not isinstance(date, str) or len(date) > 40:
        return None
    try:
        said = parsedate_to_datetime(date)
        return (said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def difference_in(response: object, now: float | None = None) -> str:
    """Say how far this machine's clock is from the time that an answer names; empty if that is little."""
    said = service_time(response)
    return "" if said is None else difference((time.time() if now is None else now) - said)


def difference(ahead_s: float) -> str:
    """Say how far this machine's clock is ahead of the service's; empty for a minute or less.

    Examples:
        >>> difference(-3600.0), difference(90.0), difference(3.0)
        ("this machine's clock is 60 minutes behind", "this machine's clock is 2 minutes ahead", '')
    """
    if abs(ahead_s) <= TOLERANCE_S:
        return ""
    minutes = max(round(abs(ahead_s) / 60.0), 2)
    return f"this machine's clock is {minutes:,} minutes {'ahead' if ahead_s > 0 else 'behind'}"
