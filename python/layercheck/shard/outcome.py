"""`Outcome`: how a part went, as data that travels beside its rows or among them.

Most engines do not know an exception of a task: Spark tries it four times and shows its trace as text, and
Ray Data wraps it. So a part never raises for a fatal error. It returns lines that are `not_checked`, and an
outcome that holds the error. The driver raises it again in the class of layercheck.

Where a task returns Python objects (Dask, Ray), it returns the outcome as it is. Where only record batches of
one schema come back (Spark's `mapInArrow`, also through Connect), the outcome stands behind the verdicts as
notes: lines with a null `digest` and a null `verdict`, the name of the note in `code`, its number in `size`,
its text in `reason`. The engine adds up the notes by name while the rows pass and drops them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from layercheck import errors
from layercheck.errors import LayercheckError
from layercheck.redact import clean
from layercheck.shard.fingerprint import Fingerprint
from layercheck.shard.table import arrow, schema
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    import pyarrow as pa

VERDICTS = tuple(verdict.label for verdict in Verdict if verdict is not Verdict.INVALID)
"""The verdicts that a digest can have."""
_HALF = 1 << 32
_COUNTS = ("calls", "requests", "retries", "throttles", "milliseconds")
ERROR = "layercheck.error"
"""The name of the note whose text is the error; the engine takes the largest of them, since one is enough."""
NOTES = tuple(
    f"layercheck.{name}" for name in ("digests", "hash_low", "hash_high", "parts", *_COUNTS, *VERDICTS)
)
"""The names of the notes whose numbers the engine adds up. Each sum fits into a signed integer of 64 bits."""


@dataclass(frozen=True, slots=True)
class PartError:
    """A fatal error of a part, in words.

    Attributes:
        kind: Name of the exception class of layercheck.
        code: The code of the service, or the name of the class.
        message: What happened, where, and what to do; never a secret.
    """

    kind: str
    code: str
    message: str

    @classmethod
    def of(cls, error: Exception) -> PartError:
        """Return an exception as data; one that is not of layercheck becomes a `LayercheckError`.

        Of such a one the message has the class and the place, and not the text, which may hold a secret.
        """
        name = type(error).__name__
        if not isinstance(error, LayercheckError):
            return cls(LayercheckError.__name__, name, f"a part failed: {name}{_place_of(error)}")
        found = error.response.get("Error") if isinstance(error.response, Mapping) else None
        code = found.get("Code") if isinstance(found, Mapping) else None
        return cls(name, clean(code, 100) if isinstance(code, str) and code else name, clean(error, 2_000))

    def exception(self) -> LayercheckError:
        """Return the exception of layercheck that this stands for; `LayercheckError` for an unknown name."""
        found: object = getattr(errors, self.kind, None)
        if isinstance(found, type) and issubclass(found, LayercheckError):
            return found(self.message)
        return LayercheckError(self.message)


def _place_of(error: Exception) -> str:
    """Where an exception was raised, as ` in file.py, line 12`; empty if it was not raised."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return ""
    return f" in {PurePath(place.tb_frame.f_code.co_filename).name}, line {place.tb_lineno}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one part, or several together, did. Outcomes can be added up.

    Attributes:
        asked: Fingerprint of the digests that have a line in the output.
        counts: Digests for each verdict, without `invalid`.
        calls: Calls answered or failed.
        requests: Requests sent: first attempts and retries.
        retries: Requests beyond the first of each call.
        throttles: Requests that the service throttled.
        milliseconds: Time between the first request and the last answer, added up over parts.
        parts: How many parts this is the sum of.
        error: Why a part ended early; None if it did not.
        began: When the first of the parts began to ask, seconds since 1970; None if only the caller knows.
        attempts: The files that were written, by name, each with the name of the attempt that wrote it.
    """

    asked: Fingerprint = field(default_factory=Fingerprint)
    counts: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(VERDICTS, 0))
    calls: int = 0
    requests: int = 0
    retries: int = 0
    throttles: int = 0
    milliseconds: int = 0
    parts: int = 0
    error: PartError | None = None
    began: float | None = None
    attempts: Mapping[str, str] = field(default_factory=dict)

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.asked + other.asked,
            {verdict: self.counts[verdict] + other.counts[verdict] for verdict in VERDICTS},
            **{name: getattr(self, name) + getattr(other, name) for name in _COUNTS},
            parts=self.parts + other.parts,
            error=self.error or other.error,
            began=min((each.began for each in (self, other) if each.began is not None), default=None),
            attempts={**self.attempts, **other.attempts},
        )

    @property
    def numbers(self) -> Outcome:
        """The outcome without `attempts`, which would be copied with each of thousands of additions."""
        return replace(self, attempts={})

    @property
    def is_final(self) -> bool:
        """Whether every digest has a verdict that a rerun would not change."""
        return not (self.error or self.counts["unanswered"] or self.counts["not_checked"])

    def raise_error(self) -> None:
        """Raise the error of a part as the exception of layercheck that it was there."""
        if self.error is not None:
            raise self.error.exception()

    def as_batch(self) -> pa.RecordBatch:
        """Return the notes of this outcome as a record batch in the schema of the verdict table."""
        numbers: dict[str, int] = {
            "digests": self.asked.digests,
            "hash_low": self.asked.hash % _HALF,
            "hash_high": self.asked.hash // _HALF,
            "parts": self.parts,
            **{name: getattr(self, name) for name in _COUNTS},
            **self.counts,
        }
        codes = list(NOTES)
        sizes: list[int | None] = [numbers[name.partition(".")[2]] for name in NOTES]
        reasons: list[str | None] = [None] * len(NOTES)
        if self.error is not None:
            codes.append(ERROR)
            sizes.append(None)
            reasons.append(json.dumps(asdict(self.error)))
        none: list[Any] = [None] * len(codes)
        columns = dict.fromkeys(schema().names, none)
        columns |= {"size": sizes, "code": codes, "reason": reasons}
        return arrow().RecordBatch.from_pydict(columns, schema=schema())

    @classmethod
    def of_notes(cls, notes: Mapping[str, Any]) -> Outcome:
        """Return the outcome that notes stand for, each summed up by its name; `ERROR` has a text or None.

        Args:
            notes: The sums, by the names in `NOTES`. What is missing or null counts as zero.
        """
        found: dict[str, Any] = {
            name: int(notes.get(f"layercheck.{name}") or 0) for name in (*_COUNTS, *VERDICTS, "parts")
        }
        low, high = (int(notes.get(f"layercheck.hash_{half}") or 0) for half in ("low", "high"))
        asked = Fingerprint(int(notes.get("layercheck.digests") or 0), (low + high * _HALF) % (1 << 64))
        text = notes.get(ERROR)
        return cls(
            asked,
            {verdict: found[verdict] for verdict in VERDICTS},
            **{name: found[name] for name in _COUNTS},
            parts=found["parts"],
            error=PartError(**json.loads(text)) if text else None,
        )

    @classmethod
    def split(cls, batches: Iterable[pa.RecordBatch]) -> tuple[list[pa.RecordBatch], Outcome]:
        """Return batches without notes, and the outcome that the notes stand for.

        Args:
            batches: Record batches of the verdict table, of one or several parts, in any order.
        """
        import pyarrow.compute as pc

        rows: list[pa.RecordBatch] = []
        sums: dict[str, Any] = {}
        for batch in batches:
            is_note = pc.is_null(batch.column("verdict"))
            if not pc.any(is_note).as_py():
                rows.append(batch)
                continue
            for note in batch.filter(is_note).to_pylist():
                if note["code"] == ERROR:
                    sums[ERROR] = max(sums.get(ERROR, ""), note["reason"])
                else:
                    sums[note["code"]] = sums.get(note["code"], 0) + note["size"]
            rest = batch.filter(pc.invert(is_note))
            if rest.num_rows:
                rows.append(rest)
        return rows, cls.of_notes(sums)
