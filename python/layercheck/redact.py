"""Makes foreign text safe to show: no secret, no control character, no megabytes.

Foreign text is a service's message, a row of the input, a file name, a URL. Two forms of it are safe:
`clean` gives one short line without secrets, for messages; `visible` keeps every character and writes
those that act on a terminal as escapes, for names and rows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MESSAGE_LIMIT = 500
"""Characters of a message that are kept."""

_USER_INFO = re.compile(r"//[^/@\s\"']*@")
_SIGNED = re.compile(
    r"(?i)(x-amz-security-token|authorization|signature|credential|secret\w{0,20}|password)(\"?\s{0,9}[:=]\s{0,9})"
    r"(AWS4-HMAC-SHA256\s+)?[^\s,;]+"
)
_HEADER = re.compile(r"(?is)(invalid header (?:name|value)\s).*")
_CANONICAL = re.compile(r"(?is)the canonical string for this request should have been.*")
_WHITE_SPACE = re.compile(r"\s+")


def clean(text: object, limit: int = MESSAGE_LIMIT) -> str:
    r"""One printable line of at most `limit` characters, with the secrets of signed requests hidden.

    The network sends messages with terminal escapes, bidirectional overrides or megabytes. Some messages
    repeat the signed request with its session token.

    Examples:
        >>> clean("a\x1b[31m\nb  c")
        'a [31m b c'
        >>> clean("x-amz-security-token:abc/def next")
        'x-amz-security-token:*** next'
    """
    # The first cut keeps the patterns from running over megabytes. The last cut comes after the hiding,
    # because a pattern does not match a secret whose name was cut off.
    line = str(text)[: 8 * limit]
    line = _CANONICAL.sub("", line)
    line = _HEADER.sub(r"\1***", line)
    line = _SIGNED.sub(r"\1\2***", line)
    line = _USER_INFO.sub("//***@", line)
    line = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in line)
    line = " ".join(line.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def has_secret(text: str) -> bool:
    """Whether `clean` would hide a part of the text.

    Examples:
        >>> has_secret("https://me:password@host/"), has_secret("https://host/")
        (True, False)
    """
    return any(pattern.search(text) for pattern in (_HEADER, _SIGNED, _CANONICAL, _USER_INFO))


def visible(text: str) -> str:
    r"""The text with an escape in place of each character that a terminal acts on.

    An escape sequence in a row or an answer could recolour, retitle or rewrite the screen. A right-to-left
    mark could reorder the line.

    Examples:
        >>> visible("a\x1b[2Jb\u202ec\td")
        'a\\x1b[2Jb\\u202ec\\td'
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def one_line(parts: Iterable[str] | str) -> str:
    r"""Joins the parts to one line: white space collapses, other control characters become visible.

    Examples:
        >>> one_line(["two\nlines,", "one\x1bescape"])
        'two lines, one\\x1bescape'
    """
    text = parts if isinstance(parts, str) else " ".join(part for part in parts if part)
    return visible(_WHITE_SPACE.sub(" ", text).strip())


def without_user(url: str) -> str:
    """Return a URL without a user name and password.

    Examples:
        >>> without_user("https://me:secret@host/path")
        'https://host/path'
    """
    # The whole text is one URL, so that the user may hold any character but these two.
    return re.sub(r"//[^/@]*@", "//", url)
