"""`ImageOutcome`: how the check of the images of some repositories went, as data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote

from layercheck.shard.outcome import PartError

_LONG = 300
"""Most characters of an account, a region or a name in a key; those of the service have 256 at most."""


class Lane(NamedTuple):
    """An account and a region: what a budget belongs to.

    Attributes:
        registry_id: Account id; None for the registry of the worker's credentials.
        region: Region; None for that of the worker's settings.
    """

    registry_id: str | None
    region: str | None

    def key(self, name: str | None) -> str:
        """Return what names a repository of this account and region in the tables of a run."""
        # Two rows have one key only if all three are the same, also if they hold what no service accepts.
        account, region = (quote(_short(part or ""), safe=" ") for part in self)
        return f"{account}/{region}/{_short(name or '')}"


def _short(text: str) -> str:
    """The text, or the start of a long one and its hash, because manifests have a largest size."""
    return text if len(text) <= _LONG else f"{text[:_LONG]}-{sha256(text.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class ImageOutcome:
    """What one part, or several together, did. Outcomes can be added up.

    Attributes:
        repositories: Repositories by how their check ended: `done`, `partial`, `denied`, `gone`, `failed`.
        counts: Images for each verdict.
        calls: Requests sent, by operation.
        throttles: Requests that the service throttled, by operation.
        error: What ended the check of a part, the first of them; None for nothing. Repositories that were
            not checked because of it are `failed`.
    """

    repositories: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    throttles: dict[str, int] = field(default_factory=dict)
    error: PartError | None = None

    def __add__(self, other: ImageOutcome) -> ImageOutcome:
        def added(one: dict[str, int], two: dict[str, int]) -> dict[str, int]:
            return {name: one.get(name, 0) + two.get(name, 0) for name in sorted({*one, *two})}

        return ImageOutcome(
            added(self.repositories, other.repositories),
            added(self.counts, other.counts),
            added(self.calls, other.calls),
            added(self.throttles, other.throttles),
            self.error or other.error,
        )

    def to_json(self) -> str:
        """Return this as a text, for engines that return rows only."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ImageOutcome:
        """Return what `to_json` returned."""
        values = json.loads(text)
        error = values.pop("error")
        return cls(**values, error=PartError(**error) if error else None)
