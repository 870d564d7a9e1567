"""The eight verdicts of digests, the eight of images, and their codes."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar


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
        return _from_label(cls, label)


class ImageVerdict(IntEnum):
    """The state of one listed image.

    Zero is `NOT_CHECKED`, so that memory which was never written cannot be mistaken for an answer.

    Examples:
        >>> ImageVerdict(2), ImageVerdict.INCOMPLETE.label
        (<ImageVerdict.INCOMPLETE: 2>, 'incomplete')
        >>> ImageVerdict.from_label("gone")
        <ImageVerdict.GONE: 6>
    """

    NOT_CHECKED = 0
    """The run ended first."""
    COMPLETE = 1
    """The manifest was read, and the repository has every part that the image needs."""
    INCOMPLETE = 2
    """A part that the image needs is missing, or cannot be pulled. The code says which."""
    UNREADABLE = 3
    """The manifest could not be had or understood."""
    PARTIAL = 4
    """Children of an index are not listed, where that is normal or may be."""
    ARCHIVED = 5
    """The image itself is archived. Its manifest is not asked for."""
    GONE = 6
    """Listed, but deleted before the run looked at it again."""
    UNDECIDED = 7
    """Nothing is known to be missing, but a part has no answer."""

    @property
    def label(self) -> str:
        """The verdict's word in counts, tables and files."""
        return self.name.lower()

    @classmethod
    def from_label(cls, label: str) -> ImageVerdict:
        """The verdict for a word such as ``"incomplete"``.

        Raises:
            ValueError: If the word is not a verdict; the message lists all verdicts, and names the nearest.
        """
        return _from_label(cls, label)


_Verdict = TypeVar("_Verdict", bound=IntEnum)


def _from_label(verdicts: type[_Verdict], label: str) -> _Verdict:
    try:
        return verdicts[label.upper()]
    except KeyError:
        import difflib  # here, because it is needed for a mistake only

        words = [verdict.name.lower() for verdict in verdicts]
        near = difflib.get_close_matches(label.lower(), words, 1)
        hint = f"did you mean {near[0]!r}? All of them" if near else "expected one of"
        raise ValueError(f"unknown verdict {label!r}; {hint}: {', '.join(words)}") from None
