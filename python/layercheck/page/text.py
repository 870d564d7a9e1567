"""The one way in which text comes onto a page: printable, without secrets, and bounded in length.

The templates escape for HTML whatever they show. Before that, every value passes `shown`.
"""

from __future__ import annotations

from layercheck.redact import visible, without_secrets

TEXT_LIMIT = 1_000
"""Characters of a sentence on a page."""

CELL_LIMIT = 200
"""Characters of a text in a cell. The file with all lines has the whole text."""


def shown(value: object, limit: int = TEXT_LIMIT) -> str:
    r"""Return the text of a value, as a page may show it.

    A character that acts on a browser or a terminal is an escape: control characters, marks without a width
    and of direction, halves of surrogate pairs.

    Args:
        value: The value; None is an empty text.
        limit: Most characters.

    Examples:
        >>> shown("a\u202eb\ud800"), shown("x" * 9, 4)
        ('a\\u202eb\\ud800', 'xxx…')
        >>> shown("https://me:password@host/")
        'https://***@host/'
    """
    if value is None:
        return ""
    text = str(value)
    line = visible(without_secrets(text, limit))
    return line if len(text) <= limit and len(line) <= limit else line[: limit - 1] + "…"
