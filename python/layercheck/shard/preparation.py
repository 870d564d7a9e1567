"""`Preparation`: the record of the prepared input, which a rerun compares with its own input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from layercheck.errors import JournalError
from layercheck.shard.fingerprint import Fingerprint
from layercheck.shard.folder import Folder
from layercheck.shard.manifest import FORMAT, Fields
from layercheck.shard.prepare import Counts
from layercheck.shard.slices import check_slices

NAME = "input.json"


@dataclass(frozen=True, slots=True)
class Preparation:
    """The input of a run: its rows, and the digests of each slice.

    Attributes:
        counts: Rows, invalid rows, nulls, and the fingerprint of all valid rows.
        slices: How many slices, a power of two.
        fingerprints: The different digests of each slice that has any.
    """

    counts: Counts
    slices: int
    fingerprints: Mapping[int, Fingerprint]

    @property
    def unique(self) -> int:
        """Different digests."""
        return sum(each.digests for each in self.fingerprints.values())

    def write(self, folder: Folder) -> None:
        """Write the record. Do this when the digests are written, so that it vouches for them.

        Raises:
            JournalError: It cannot be written.
        """
        counts = self.counts
        values: dict[str, Any] = {
            "format": FORMAT,
            "rows": counts.rows,
            "invalid": counts.invalid,
            "null": counts.null,
            "seen": counts.seen.digests,
            "seen_hash": counts.seen.text,
            "slices": self.slices,
            "digests": [
                [number, each.digests, each.text] for number, each in sorted(self.fingerprints.items())
            ],
        }
        folder.write(NAME, (json.dumps(values) + "\n").encode())

    @classmethod
    def read(cls, folder: Folder) -> Preparation | None:
        """Return the record; None if there is none.

        Raises:
            JournalError: The file is not such a record.
        """
        content = folder.read(NAME)
        if content is None:
            return None
        fields = Fields.of_json(content, f"{folder!r}/{NAME}")
        try:
            slices = check_slices(fields.number("slices"))
        except ValueError:
            raise fields.wrong("'slices' is not a power of two from 1 to 4,096") from None
        found: dict[int, Fingerprint] = {}
        for entry in fields.list("digests"):
            if not isinstance(entry, list) or len(entry) != 3:
                raise fields.wrong("an entry of 'digests' is not a slice, a number and a hash")
            each = Fields(dict(zip(("slice", "digests", "hash"), entry, strict=True)), f"{folder!r}/{NAME}")
            number = each.number("slice")
            if number >= slices or number in found:
                raise fields.wrong(f"'digests' has slice {number} twice, or there is no such slice")
            found[number] = Fingerprint(each.number("digests"), each.hash("hash"))
        seen = Fingerprint(fields.number("seen"), fields.hash("seen_hash"))
        counts = Counts(fields.number("rows"), fields.number("invalid"), fields.number("null"), seen)
        return cls(counts, slices, found)

    def check_input(self, counts: Counts) -> None:
        """Check that a rerun has the same rows, in any order.

        Args:
            counts: The sum of `Prepared.counts` over all parts of the rerun's input.

        Raises:
            JournalError: The rows differ; the message says in what.
        """
        own = self.counts
        pairs = (
            ("rows", own.rows, counts.rows),
            ("invalid rows", own.invalid, counts.invalid),
            ("valid rows", own.seen.digests, counts.seen.digests),
        )
        differing = [f"{now:,} {what} instead of {then:,}" for what, then, now in pairs if then != now]
        if not differing and own.seen != counts.seen:
            differing.append("other digests")
        if differing:
            raise JournalError(
                f"the input is not that of the run that began here: it has {', '.join(differing)}; "
                "pass the same rows to go on, or another path to begin anew"
            )
