"""`Row`: one input row of a report with its verdict. `Counts`: how many there are of each verdict."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar, overload

from layercheck.verdict import Verdict

T = TypeVar("T")


class Row(NamedTuple):
    """One input row, or the first row of one digest, with its verdict.

    Attributes:
        row: Input row, counted from 0.
        digest: The digest as text; None if the row is invalid.
        verdict: The verdict.
        size: Size of the layer in bytes; None where the service gave none.
        media_type: Media type of the layer; None where the service gave none.
        code: Code of the service or of layercheck; None without one.
        reason: A sentence for people; None without one.
        input: The original text, only if the row is invalid.
    """

    row: int
    digest: str | None
    verdict: Verdict
    size: int | None
    media_type: str | None
    code: str | None
    reason: str | None
    input: str | None

    @classmethod
    def of_line(cls, line: dict[str, Any]) -> Row:
        """Make a row of a line of a report table."""
        return cls(**{**line, "verdict": Verdict.from_label(line["verdict"])})


class Counts(dict[str, int]):
    """Verdict to number. A key is a verdict's word or a `Verdict`.

    Examples:
        >>> counts = Counts(available=2)
        >>> counts["available"], counts[Verdict.AVAILABLE], Verdict.AVAILABLE in counts
        (2, 2, True)
    """

    def __getitem__(self, verdict: str | Verdict) -> int:
        return super().__getitem__(_word(verdict))

    def __contains__(self, verdict: object) -> bool:
        return super().__contains__(_word(verdict))

    @overload
    def get(self, verdict: str | Verdict, default: None = None) -> int | None: ...
    @overload
    def get(self, verdict: str | Verdict, default: int) -> int: ...
    @overload
    def get(self, verdict: str | Verdict, default: T) -> int | T: ...
    def get(self, verdict: Any, default: Any = None) -> Any:
        """Return the number for a verdict, or `default`."""
        return super().get(_word(verdict), default)


def _word(verdict: Any) -> Any:
    return verdict.label if isinstance(verdict, Verdict) else verdict
