"""How the command ends: its exit codes, and the one line that goes with a failure."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from enum import IntEnum

from layercheck.verdict import Verdict


class ExitCode(IntEnum):
    """What the command's exit code says."""

    DONE = 0
    FAILURE = 1
    USAGE = 2
    FOUND = 3
    """Done, and a verdict named by `--fail-on` occurred."""
    INCOMPLETE = 4
    """Some digests have no answer; running the same command again may get one."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM; 128 + SIGINT, as shells count."""


class CommandError(Exception):
    """Ends the command with one line on standard error: what, where, what to do.

    Args:
        message: The line, without the command's name.
        code: The exit code; `ExitCode.FAILURE` unless said otherwise.
    """

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILURE) -> None:
        super().__init__(message)
        self.code = code


DEFAULT_FAIL_ON = frozenset(
    {Verdict.UNAVAILABLE, Verdict.ARCHIVED, Verdict.REFUSED, Verdict.OTHER, Verdict.INVALID}
)
"""DESIGN section 5."""

# A run with such rows is incomplete and ends with code 4 whatever `--fail-on` says, so naming them
# there would promise something that never happens.
_ALWAYS_INCOMPLETE = frozenset({Verdict.UNANSWERED, Verdict.NOT_CHECKED})


def parse_fail_on(text: str) -> frozenset[Verdict]:
    """The verdicts named by `--fail-on`: words between commas, or `none`.

    Raises:
        ValueError: For a word that is no verdict, or one that always means exit code 4.

    Examples:
        >>> sorted(parse_fail_on("unavailable, archived"))
        [<Verdict.UNAVAILABLE: 2>, <Verdict.ARCHIVED: 3>]
        >>> parse_fail_on("none")
        frozenset()
    """
    words = [word.strip().lower() for word in text.split(",")]
    if words == ["none"]:
        return frozenset()
    known = ", ".join(verdict.label for verdict in Verdict if verdict not in _ALWAYS_INCOMPLETE)
    verdicts = set()
    for word in words:
        try:
            verdict = Verdict.from_label(word)
        except ValueError:
            raise ValueError(f"{word!r} is not a verdict; expected none, or some of: {known}") from None
        if verdict in _ALWAYS_INCOMPLETE:
            raise ValueError(f"{word!r} always ends with exit code 4; leave it out (possible: {known})")
        verdicts.add(verdict)
    return frozenset(verdicts)


_WHITE_SPACE = re.compile(r"\s+")


def visible(text: str) -> str:
    r"""The text with everything a terminal might act on written as an escape.

    Rows and answers come from strangers: an escape sequence in them could recolour,
    retitle or rewrite the screen, and a right-to-left mark could reorder the line.

    Examples:
        >>> visible("a\x1b[2Jb\u202ec\td")
        'a\\x1b[2Jb\\u202ec\\td'
    """
    if text.isprintable():
        return text
    return "".join(_escape(character) for character in text)


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def one_line(parts: Iterable[str] | str) -> str:
    r"""Joins the parts to one printable line: white space collapsed, the rest of the controls visible.

    Examples:
        >>> one_line(["two\nlines,", "one\x1bescape"])
        'two lines, one\\x1bescape'
    """
    text = parts if isinstance(parts, str) else " ".join(part for part in parts if part)
    return visible(_WHITE_SPACE.sub(" ", text).strip())


def say(text: str) -> None:
    """Lines on standard error. If nobody listens there any more, the exit code still tells."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"layercheck: {text}\n")
        sys.stderr.flush()
    except OSError:
        pass
