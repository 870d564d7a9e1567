"""The command that asks again or continues a journal, as the user typed it, ready to paste into a shell."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from layercheck.cli.input_files import STDIN
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    from layercheck.report import Report

_DESCRIPTORS = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""Names that a shell makes for one process, as in `<(zcat digests.gz)`."""


@dataclass(frozen=True, slots=True)
class ResumeCommand:
    """The command to run next.

    Attributes:
        command: The command itself. It holds no credential, because no option takes one.
        has_journal: Whether it continues the run instead of asking everything again.
        needs: The input that the user must supply again because no command line can name it; may be empty.
    """

    command: str
    has_journal: bool = False
    needs: str = ""

    @classmethod
    def of_this_process(cls, names: Sequence[str], journal: str | None) -> Self:
        """The command of this process; call it before reading any input.

        Args:
            names: What `input_files.resolve` returned.
            journal: `--journal`.
        """
        command = " ".join([*_program(), *map(quoted, sys.argv[1:])])
        needs = next((name for name in names if name.startswith(_DESCRIPTORS)), "")
        if STDIN in names:
            file = _file_behind_stdin()
            if file is None:
                command, needs = f"... | {command}", "standard input"
            else:
                command += f" < {quoted(file)}"
        return cls(command, journal is not None, needs)

    @property
    def hint(self) -> str:
        """What the command does, and below it the command on a line of its own."""
        return self.introduced_by("go on with" if self.has_journal else "to ask again")

    def introduced_by(self, words: str) -> str:
        """The given words, and below them the command on a line of its own."""
        needs = f" (with the same rows on {self.needs})" if self.needs else ""
        return f"{words}{needs}:\n{self.command}"

    def hint_after(self, report: Report, what: str) -> str:
        """How many rows a run left without an answer, and how to ask for them."""
        words = (Verdict.UNANSWERED.label, Verdict.NOT_CHECKED.label)
        open_rows = sum(report.counts.get(word, 0) for word in words)
        return f"{what}: {open_rows:,} of {report.rows:,} rows have no answer; {self.hint}"


def quoted(argument: str) -> str:
    r"""The argument as a shell takes it, on one line and without a character that acts on a terminal.

    Examples:
        >>> print(quoted("team/app"), quoted("it's here.txt"), quoted("two\nlines"), quoted("caf\udce9"))
        team/app 'it'"'"'s here.txt' $'two\012lines' $'caf\351'
    """
    if argument.isprintable():
        return shlex.quote(argument)
    # Bash, zsh, ksh and POSIX.1-2024 know $'...'.
    return "$'" + "".join(map(_escaped, argument)) + "'"


def _escaped(character: str) -> str:
    if character in "'\\":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(character))


def _program() -> list[str]:
    """The words that start this program from the same shell."""
    found = shutil.which("layercheck")
    name = sys.argv[0]
    if Path(name).name == "__main__.py":
        if found is not None and Path(found).parent == Path(sys.executable).parent:
            return ["layercheck"]
        return [quoted(sys.executable), "-m", "layercheck"]
    if found is None and Path(name).is_file():
        return [quoted(name)]
    if found is not None and Path(name).is_file() and not Path(name).samefile(found):
        return [quoted(name)]
    return ["layercheck"]


def _file_behind_stdin() -> str | None:
    """The file that the shell redirected to standard input; None without one, or if reading has begun."""
    try:
        descriptor = sys.stdin.fileno()
        if hasattr(fcntl, "F_GETPATH"):
            buffer = fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024))
            name = os.fsdecode(buffer.rstrip(b"\0"))
        else:
            name = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - Path would follow the link
        at_start = os.lseek(descriptor, 0, os.SEEK_CUR) == 0
        if not at_start or not os.path.samestat(os.fstat(descriptor), Path(name).stat()):
            return None
    except (OSError, ValueError, AttributeError):
        return None
    return name if Path(name).is_file() else None
