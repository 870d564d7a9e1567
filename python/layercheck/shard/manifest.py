"""`Manifest`: a small file that says that a slice is asked, written after the slice's table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from layercheck._core import build_info
from layercheck.errors import JournalError
from layercheck.redact import clean
from layercheck.shard.fingerprint import Fingerprint
from layercheck.shard.folder import LIMIT_BYTES, Folder
from layercheck.shard.outcome import VERDICTS, Outcome
from layercheck.shard.table import OPEN

FORMAT = 1
_NAME = re.compile(r"slice=([0-9]{1,4})\.json")
_MOST = (1 << 63) - 1
_NUMBERS = (
    "slice",
    "slices",
    "digests",
    "calls",
    "requests",
    "retries",
    "throttles",
    "milliseconds",
    "parts",
)
_TARGET = ("account", "registry_id", "region_name", "endpoint_url", "repository_name", "public")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was asked for one slice, and how that went.

    Attributes:
        slice: Number of the slice; `slices` for the last one, which asks once more what has no final verdict.
        slices: How many there are without the last one.
        target: Account, registry, region, endpoint, repository and whether it is public.
        version: Version of layercheck.
        outcome: Digests, verdicts, calls, throttles and time.
        began: When the slice began, seconds since 1970.
        ended: When its table was written, seconds since 1970.
        oldest: When the first of its parts began to ask, seconds since 1970. That is before `began` if a part
            was asked by a run that did not come to the end of the slice.
    """

    slice: int
    slices: int
    target: Mapping[str, str | bool | None]
    version: str
    outcome: Outcome
    began: float
    ended: float
    oldest: float

    @property
    def name(self) -> str:
        """The name of the file, such as `slice=0007.json`."""
        return name_of(self.slice)

    def write(self, folder: Folder) -> None:
        """Write the file.

        Raises:
            JournalError: It cannot be written.
        """
        folder.write(self.name, (json.dumps(self._values(), indent=1) + "\n").encode())

    @classmethod
    def read(cls, folder: Folder, slice: int) -> Manifest | None:
        """Return the manifest of a slice; None if there is none, or if it says that the slice is open.

        Raises:
            JournalError: The file is not a manifest, or is of a later format.
        """
        name = name_of(slice)
        content = folder.read(name)
        if content is None:
            return None
        fields = Fields.of_json(content, f"{folder!r}/{name}")
        return None if fields.value("open") is True else cls._of(fields)

    @staticmethod
    def reopen(folder: Folder, slice: int) -> None:
        """Say that a slice is open, in the place of its manifest.

        Raises:
            JournalError: The file cannot be written.
        """
        folder.write(name_of(slice), (json.dumps({"format": FORMAT, "open": True}) + "\n").encode())

    def _values(self) -> dict[str, Any]:
        outcome = self.outcome
        return {
            "format": FORMAT,
            "slice": self.slice,
            "slices": self.slices,
            "target": dict(self.target),
            "layercheck": self.version,
            "digests": outcome.asked.digests,
            "hash": outcome.asked.text,
            "counts": dict(outcome.counts),
            "calls": outcome.calls,
            "requests": outcome.requests,
            "retries": outcome.retries,
            "throttles": outcome.throttles,
            "milliseconds": outcome.milliseconds,
            "parts": outcome.parts,
            "began": moment(self.began),
            "ended": moment(self.ended),
            "oldest": moment(self.oldest),
            "attempts": dict(outcome.attempts),
        }

    @classmethod
    def _of(cls, fields: Fields) -> Manifest:
        number = {name: fields.number(name) for name in _NUMBERS}
        counted = fields.fields("counts")
        counts = {verdict: counted.number(verdict) for verdict in VERDICTS}
        if sum(counts.values()) != number["digests"]:
            raise fields.wrong("its counts do not add up to its digests")
        outcome = Outcome(
            Fingerprint(number["digests"], fields.hash("hash")),
            counts,
            number["calls"],
            number["requests"],
            number["retries"],
            number["throttles"],
            number["milliseconds"],
            number["parts"],
            attempts=_attempts(fields.fields("attempts")),
        )
        return cls(
            number["slice"],
            number["slices"],
            target_of(fields.fields("target")),
            fields.text("layercheck"),
            outcome,
            fields.moment("began"),
            fields.moment("ended"),
            fields.moment("oldest"),
        )


class Fields:
    """The members of a JSON object from a file that anybody may have changed."""

    def __init__(self, values: dict[str, Any], where: str) -> None:
        self._values = values
        self._where = where

    @classmethod
    def of_json(cls, content: bytes, where: str) -> Fields:
        """Parse a file.

        Raises:
            JournalError: It is too large, is not a JSON object, or has another format.
        """
        if len(content) > LIMIT_BYTES:
            raise _wrong(where, f"it is larger than {LIMIT_BYTES:,} bytes")
        try:
            values = json.loads(content)
        except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
            values = None
        if not isinstance(values, dict):
            raise _wrong(where, "it is not a JSON object")
        fields = cls(values, where)
        found = fields.number("format")
        if found != FORMAT:
            raise _wrong(where, f"its format is {found} and this version reads {FORMAT}")
        return fields

    def wrong(self, what: str) -> JournalError:
        """Return the exception that says what is wrong with the file."""
        return _wrong(self._where, what)

    def number(self, name: str) -> int:
        """Return a whole number from 0 to 2 ** 63 - 1."""
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
            raise self.wrong(f"{name!r} is not a whole number from 0 on")
        return value

    def text(self, name: str) -> str:
        """Return a text of at most 1,000 characters."""
        value = self._values.get(name)
        if not isinstance(value, str) or len(value) > 1_000:
            raise self.wrong(f"{name!r} is not a short text")
        return value

    def hash(self, name: str) -> int:
        """Return the number of 16 hex digits."""
        text = self.text(name)
        if re.fullmatch(r"[0-9a-f]{16}", text) is None:
            raise self.wrong(f"{name!r} is not 16 hex digits")
        return int(text, 16)

    def moment(self, name: str) -> float:
        """Return a time as seconds since 1970."""
        text = self.text(name)
        try:
            found = datetime.fromisoformat(text)
            if found.tzinfo is None:
                raise ValueError
            return found.timestamp()
        except (ValueError, OverflowError):
            raise self.wrong(f"{name!r} is not a time such as 2026-01-31T12:00:00+00:00") from None

    def names(self) -> list[str]:
        """Return the names of the members."""
        return list(self._values)

    def fields(self, name: str) -> Fields:
        """Return an object inside."""
        value = self._values.get(name)
        if not isinstance(value, dict):
            raise self.wrong(f"{name!r} is not an object")
        return Fields(value, self._where)

    def value(self, name: str) -> Any:
        """Return a member as it is, None if it is not there; the caller checks it."""
        return self._values.get(name)

    def list(self, name: str) -> list[Any]:
        """Return a list inside."""
        value = self._values.get(name)
        if not isinstance(value, list):
            raise self.wrong(f"{name!r} is not a list")
        return value

    def optional(self, name: str) -> str | bool | None:
        """Return a short text, a truth value or None."""
        value = self._values.get(name)
        if value is None or isinstance(value, bool):
            return value
        return self.text(name)


def _attempts(fields: Fields) -> dict[str, str]:
    return {name: fields.text(name) for name in fields.names()}


def target_of(fields: Fields) -> dict[str, str | bool | None]:
    """Return the parts of a target."""
    return {name: fields.optional(name) for name in _TARGET}


def name_of(slice: int) -> str:
    """Return the name of a slice's file."""
    return f"slice={slice:04d}.json"


def numbers(folder: Folder) -> list[int]:
    """Return the numbers of the slices that have a manifest, in order."""
    found = (_NAME.fullmatch(name) for name in folder.names())
    return sorted(int(match[1]) for match in found if match)


def last_that_counts(manifests: Mapping[int, Manifest], last: int) -> Manifest | None:
    """Return the manifest of the last slice if its answers are in the verdict table; else None.

    They are if the last slice asked for all digests that the others left open, and began after each of these
    had ended. Otherwise a slice was asked again meanwhile, and what the last one says is old.

    Args:
        manifests: The manifests of a run, by the number of the slice.
        last: The number of the last slice.
    """
    found = manifests.get(last)
    if found is None:
        return None
    others = [each for number, each in manifests.items() if number != last]
    left = sum(each.outcome.counts[verdict] for each in others for verdict in OPEN)
    is_after = all(found.began >= each.ended for each in others)
    return found if left and is_after and found.outcome.asked.digests == left else None


def version() -> str:
    """Return the version of layercheck."""
    return build_info()["version"]


def moment(seconds: float) -> str:
    """Return seconds since 1970 as a time of UTC in ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _wrong(where: str, what: str) -> JournalError:
    return JournalError(
        f"{clean(where, 300)} is not a manifest of layercheck: {what}; delete the file to ask its slice again"
    )
