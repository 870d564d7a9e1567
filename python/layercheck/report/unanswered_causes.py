"""Why digests have no answer: the errors of their calls, with equal errors as one cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from layercheck.redact import one_line

if TYPE_CHECKING:
    from layercheck.types import BatchError

_MESSAGE = 300
"""Characters of a message that are kept."""


class Cause(NamedTuple):
    """Why digests have no answer.

    Attributes:
        code: Error code of the service, or name of the exception.
        message: What happened, in one line.
        digests: Digests of the calls that ended so; no more than those without an answer.
        is_bound: Whether it may be fewer digests, because the ranges of errors overlap.
    """

    code: str
    message: str
    digests: int
    is_bound: bool = False

    @property
    def number(self) -> str:
        """The digests as text."""
        return f"{'up to ' if self.is_bound else ''}{self.digests:,}"


def unanswered_causes(errors: Iterable[BatchError], unanswered: int) -> list[Cause]:
    """Return the causes, that of most digests first.

    Errors of the kinds `batch` and `cancelled` are left out, because the verdicts show them already.

    Args:
        errors: The errors of a report. The range of one may hold digests of others, and digests with an
            answer.
        unanswered: Digests without an answer.
    """
    if not unanswered:
        return []
    found: Counter[tuple[str, str]] = Counter()
    for error in errors:
        if error.kind not in {"batch", "cancelled"}:
            found[error.code, one_line(error.message)[:_MESSAGE]] += error.stop - error.start
    is_bound = sum(found.values()) > unanswered
    return [
        Cause(code, message, min(digests, unanswered), is_bound and unanswered > 1)
        for (code, message), digests in found.most_common()
    ]
