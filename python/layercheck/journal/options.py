"""The options of a journal. Imports no SQLite, because most runs keep no journal."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from layercheck.errors import InvalidParameterError

Durability: TypeAlias = Literal["normal", "full"]
"""What a journal survives: the death of the process ("normal"), or a power cut too ("full")."""

JournalPath: TypeAlias = str | os.PathLike[str] | None
"""The type of the argument `journal`."""


@dataclass(frozen=True, slots=True)
class JournalOptions:
    """The options that the caller chose.

    Attributes:
        path: The file.
        max_age_s: Ask again for verdicts older than this; None to keep all.
        durability: See `Store`.
    """

    path: Path
    max_age_s: float | None = None
    durability: Durability = "normal"

    @classmethod
    def of(cls, journal: object, max_age_s: object, durability: object) -> JournalOptions | None:
        """Check the arguments before a run starts; None without a journal.

        Raises:
            TypeError: An argument is of the wrong type.
            InvalidParameterError: An argument has an impossible value.
        """
        if durability not in get_args(Durability):
            raise InvalidParameterError(f'durability is {durability!r}; expected "normal" or "full"')
        if max_age_s is not None:
            if isinstance(max_age_s, bool) or not isinstance(max_age_s, int | float):
                raise TypeError(f"max_age_s is a {type(max_age_s).__name__}; expected seconds or None")
            if not max_age_s >= 0:
                raise InvalidParameterError(
                    f"max_age_s is {max_age_s!r}; expected at least 0 seconds, or None"
                )
        if journal is None:
            if max_age_s is not None:
                raise InvalidParameterError(
                    "max_age_s limits the age of verdicts in a journal; pass journal= too"
                )
            return None
        if not isinstance(journal, str | os.PathLike):
            raise TypeError(f"journal is a {type(journal).__name__}; expected a path")
        path = os.fspath(journal)
        if not isinstance(path, str) or not path or "\0" in path:
            raise InvalidParameterError("journal is not a path; expected the name of a file")
        if max_age_s is not None:
            # An int can be larger than any float.
            max_age_s = float(max_age_s) if max_age_s < sys.float_info.max else math.inf
        return cls(Path(path), max_age_s, durability)  # type: ignore[arg-type]
