"""Exit codes of the command, and the one line on standard error that explains a failure."""

from __future__ import annotations

import sys
from enum import IntEnum

from layercheck.redact import visible
from layercheck.verdict import Verdict


class ExitCode(IntEnum):
    """The exit codes of the command."""

    DONE = 0
    FAILURE = 1
    USAGE = 2
    FOUND = 3
    """Done, and a verdict named by `--fail-on` occurred."""
    INCOMPLETE = 4
    """Some digests have no answer; the same command may get one when it runs again."""
    INTERRUPTED = 130
    """Ctrl-C, SIGTERM or SIGHUP; 128 + SIGINT, as shells report it."""


class CommandError(Exception):
    """Ends the command with one line on standard error: what, where, what to do.

    Args:
        message: The line, without the command's name.
        code: The exit code.
    """

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILURE) -> None:
        super().__init__(message)
        self.code = code


DEFAULT_FAIL_ON = frozenset(
    {Verdict.UNAVAILABLE, Verdict.ARCHIVED, Verdict.REFUSED, Verdict.OTHER, Verdict.INVALID}
)
"""The verdicts that need attention: every final verdict except `available`."""

# A run with such rows is incomplete and ends with code 4. `--fail-on` refuses these words, because code 3
# could never follow from them.
_ALWAYS_INCOMPLETE = frozenset({Verdict.UNANSWERED, Verdict.NOT_CHECKED})


def parse_fail_on(text: str) -> frozenset[Verdict]:
    """The verdicts that `--fail-on` names: words between commas, or `none`.

    Raises:
        ValueError: For a word that is not a verdict, or that always means exit code 4.

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


def say(text: str) -> None:
    """Writes lines to standard error, without a character that a terminal acts on."""
    lines = "\n".join(visible(line) for line in text.split("\n"))
    sys.stderr.write(f"layercheck: {lines}\n")
    sys.stderr.flush()
