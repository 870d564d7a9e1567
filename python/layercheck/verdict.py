"""The eight verdicts and their codes."""

from __future__ import annotations

from enum import IntEnum


class Verdict(IntEnum):
    """The state of one digest, and so of each of its rows.

    `Report.verdicts` holds these codes as uint8. Zero is `NOT_CHECKED`, so that memory which was never
    written cannot be mistaken for an answer.

    Examples:
        >>> Verdict(2), Verdict.UNAVAILABLE.label
        (<Verdict.UNAVAILABLE: 2>, 'unavailable')
        >>> Verdict.from_label("archived")
        <Verdict.ARCHIVED: 3>
    """

    NOT_CHECKED = 0
    AVAILABLE = 1
    UNAVAILABLE = 2
    ARCHIVED = 3
    REFUSED = 4
    OTHER = 5
    INVALID = 6
    UNANSWERED = 7

    @property
    def label(self) -> str:
        """The verdict's word in counts, tables and files."""
        return self.name.lower()

    @classmethod
    def from_label(cls, label: str) -> Verdict:
        """The verdict for a word such as ``"unavailable"``.

        Raises:
            ValueError: If the word is not a verdict; the message lists all verdicts, and names the nearest.
        """
        try:
            return cls[label.upper()]
        except KeyError:
            import difflib  # here, because it is needed for a mistake only

            words = [verdict.label for verdict in cls]
            near = difflib.get_close_matches(label.lower(), words, 1)
            hint = f"did you mean {near[0]!r}? All of them" if near else "expected one of"
            raise ValueError(f"unknown verdict {label!r}; {hint}: {', '.join(words)}") from None
