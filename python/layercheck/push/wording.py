"""Words and colours for the actions of a push, on terminals and in notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layercheck.display.wording import bytes_text

if TYPE_CHECKING:
    from layercheck.push.plan import PushPlan
    from layercheck.push.totals import Range

ACTION_STYLES = {
    "skip": "green",
    "upload": "cyan",
    "mount": "blue",
    "external": "dim",
    "compress": "cyan",
    "lacking": "red",
    "undecided": "bold yellow",
}
"""Action to its colour on a terminal."""

ACTION_NOTES = {
    "skip": "the target has it",
    "upload": "is sent",
    "mount": "may be taken from another repository",
    "external": "not distributable, left out",
    "compress": "compressed and sent; the size is that of plain tars",
    "lacking": "neither in the source nor in the target",
    "undecided": "no answer says what would happen",
}
"""Action to what it means."""

TAG_NOTES = {
    "free": "no image has it",
    "same": "it names this image already",
    "moves": "it names another image",
    "unknown": "what it names is not known",
}
"""What the tag of a push is in the target, to what that means."""


def headline(plan: PushPlan) -> str:
    """The result in one line."""
    if not plan.asked:
        return f"at most {bytes_text(plan.upload_bytes.most)} to upload; the target was not asked"
    if plan.nothing_to_do:
        return "nothing would be uploaded"
    sent = plan.upload_bytes
    words = f"{range_of_bytes(sent)} to upload" if sent.most else "no blob would be uploaded"
    return f"{words}; the push would be refused" if plan.blocked else words


def range_of_bytes(number: Range) -> str:
    """A range of bytes as text for people.

    Examples:
        >>> from layercheck.push.totals import Range
        >>> range_of_bytes(Range(0, 4_200)), range_of_bytes(Range(4_200, 4_200))
        ('0 B to 4 kB', '4 kB')
    """
    least, most = bytes_text(number.least), bytes_text(number.most)
    return least if number.is_exact or least == most else f"{least} to {most}"
