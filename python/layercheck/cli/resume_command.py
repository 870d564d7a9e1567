"""The command that asks again, or goes on with a journal: what was typed, ready to be pasted into a shell."""

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
class Again:
    """How to ask again.

    Attributes:
        command: Stands on a line of its own. It holds no credential: no option takes one.
        has_journal: It goes on where the run was.
        fed_by: What has to be given to it once more, because no command line can name it; empty if nothing.
    """

    command: str
    has_journal: bool = False
    fed_by: str = ""

    @classmethod
    def of(cls, names: Sequence[str], journal: str | None) -> Self:
        """For the command line of this process, before anything is read.

        Args:
            names: What `inputs.resolve` returned.
            journal: `--journal`.
        """
        command = " ".join([*_program(), *map(quoted, sys.argv[1:])])
        fed_by = next((name for name in names if name.startswith(_DESCRIPTORS)), "")
        if STDIN in names:
            file = _file_behind_stdin()
            if file is None:
                command, fed_by = f"... | {command}", "standard input"
            else:
                command += f" < {quoted(file)}"
        return cls(command, journal is not None, fed_by)

    @property
    def introduced(self) -> str:
        """The words before the command, and the command on a line of its own."""
        return self.introduce("go on with" if self.has_journal else "to ask again")

    def introduce(self, words: str) -> str:
        """Other words before it."""
        feeding = f" (with the same rows on {self.fed_by})" if self.fed_by else ""
        return f"{words}{feeding}:\n{self.command}"

    def after(self, report: Report, what: str) -> str:
        """What a run that ended early left open, and how to ask for it."""
        words = (Verdict.UNANSWERED.label, Verdict.NOT_CHECKED.label)
        open_rows = sum(report.counts.get(word, 0) for word in words)
        return f"{what}: {open_rows:,} of {report.rows:,} rows have no answer; {self.introduced}"


def quoted(argument: str) -> str:
    r"""The argument as a shell takes it, on one line and with nothing in it that a terminal would act on.

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
    """What starts this program again from the same shell."""
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
    """The file that standard input was redirected from; None if there is none, or it was begun already."""
    try:
        descriptor = sys.stdin.fileno()
        if hasattr(fcntl, "F_GETPATH"):
            buffer = fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024))
            name = os.fsdecode(buffer.rstrip(b"\0"))
        else:
            name = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - no path that leads anywhere
        at_start = os.lseek(descriptor, 0, os.SEEK_CUR) == 0
        if not at_start or not os.path.samestat(os.fstat(descriptor), Path(name).stat()):
            return None
    except (OSError, ValueError, AttributeError):
        return None
    return name if Path(name).is_file() else None
