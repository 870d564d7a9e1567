"""Makes foreign text safe to show: no secret, no control character, no megabytes.

Foreign text is a service's message, a row of the input, a file name, a URL. Two forms of it are safe:
`clean` gives one short line without secrets, for messages; `visible` keeps every character and writes
those that act on a terminal as escapes, for names and rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layercheck._core import KnownSecrets

MESSAGE_LIMIT = 500
"""Characters of a message that are kept."""

LOOKED_AT = 8 * MESSAGE_LIMIT
"""Characters of a foreign text that are looked at; a text may have megabytes."""

_USER_INFO = re.compile(r"//[^/@\s\"']*@")
_CUT_USER_INFO = re.compile(r"//[^/@\s\"']*\Z")
_NAMES = r"x-amz-security-token|authorization|signature|credential|secret\w{0,20}|password|(?<=[?&;])sig"
_SECRET_NAME = re.compile(rf"(?i)(?:{_NAMES})")
# The separator may be percent-encoded, once or more often, or escaped as in JSON or HTML.
_SIGNED = re.compile(
    rf"(?i)({_NAMES})((?:\"|\\\"|&quot;|')?\s{{0,9}}(?:[:=]|%(?:25){{0,9}}3[ad]|\\u003[ad]|&#(?:x3[ad]|58|61);)\s{{0,9}})"
    r"(AWS4-HMAC-SHA256\s+)?[^\s,;]+"
)
_HEADER = re.compile(r"(?is)(invalid header (?:name|value)\s).*")
_CANONICAL = re.compile(r"(?is)the canonical string for this request should have been.*")
_WHITE_SPACE = re.compile(r"\s+")


def clean(text: object, limit: int = MESSAGE_LIMIT, known: KnownSecrets | None = None) -> str:
    r"""One printable line of at most `limit` characters, with the secrets of signed requests hidden.

    The network sends messages with terminal escapes, bidirectional overrides or megabytes. Some messages
    repeat the signed request with its session token.

    Args:
        text: The text, or an object to be shown.
        limit: Most characters of the line.
        known: The secrets of the client; they are hidden in every encoding.

    Examples:
        >>> clean("a\x1b[31m\nb  c")
        'a [31m b c'
        >>> clean("x-amz-security-token:abc/def next")
        'x-amz-security-token:*** next'
    """
    # The last cut comes after the hiding, because a pattern does not match a secret whose name was cut off.
    line = without_secrets(str(text), 8 * limit, known)
    if not line.isprintable():
        line = "".join(char if char.isprintable() else " " for char in line)
    line = " ".join(line.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def without_secrets(text: str, limit: int = LOOKED_AT, known: KnownSecrets | None = None) -> str:
    """The start of a text, at most `limit` characters, with its secrets hidden.

    A secret that the cut divides is hidden too.

    Args:
        text: The text. No more than its start is looked at.
        limit: Most characters.
        known: The secrets of the client; they are hidden in every encoding.

    Examples:
        >>> without_secrets("https://me:password@host/", 14), without_secrets("https://host/")
        ('https://***', 'https://host/')
    """
    is_cut = len(text) > limit
    line = text[:limit]
    if known is not None:
        # One character more, so that `hide` knows of the cut. Surrogates have no UTF-8.
        start = text[: limit + 1]
        line = known.hide(start if start.isascii() else start.encode("utf-8", "replace").decode(), limit)
    line = _CANONICAL.sub("", line)
    line = _HEADER.sub(r"\1***", line)
    line = _SIGNED.sub(r"\1\2***", line)
    line = _USER_INFO.sub("//***@", line)
    return _CUT_USER_INFO.sub("//***", line) if is_cut else line


def is_secret_name(name: str) -> bool:
    """Whether a header or member with this name holds a secret.

    Examples:
        >>> is_secret_name("X-Amz-Security-Token"), is_secret_name("Content-Type")
        (True, False)
    """
    return _SECRET_NAME.match(name) is not None


def has_secret(text: str, known: KnownSecrets | None = None) -> bool:
    """Whether `clean` would hide a part of the text, or of the start of a long text.

    Examples:
        >>> has_secret("https://me:password@host/"), has_secret("https://host/")
        (True, False)
    """
    start = text[:LOOKED_AT]
    return without_secrets(start, known=known) != (
        start if start.isascii() else start.encode("utf-8", "replace").decode()
    )


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
