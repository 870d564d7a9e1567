"""`ImageResult`: how each repository of a group ended, and which repositories a task checks together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from layercheck.errors import InvalidParameterError
from layercheck.images.repository_report import INCOMPLETE_LISTING
from layercheck.shard.image_outcome import ImageOutcome, Lane
from layercheck.shard.outcome import PartError
from layercheck.shard.packing import deal

GROUP_REPOSITORIES = 50
"""Most repositories of a group. A group costs three calls of its own and a client; the death of its worker
costs what was done of it."""


class ImageGroup(NamedTuple):
    """Repositories of one account and region that a task checks together, and writes into one file.

    Attributes:
        lane: The account and region.
        names: The repositories.
    """

    lane: Lane
    names: tuple[str, ...]

    def batch(self) -> Any:
        """Return the rows as `ask_images` takes them."""
        from layercheck.shard.table import arrow

        pa = arrow()
        rows = {
            "registry_id": pa.array([self.lane.registry_id] * len(self.names), pa.string()),
            "region": pa.array([self.lane.region] * len(self.names), pa.string()),
            "repository": pa.array(self.names, pa.string()),
        }
        return pa.RecordBatch.from_pydict(rows)  # pyarrow 15 takes a dict here alone


class RepositoryEnd(NamedTuple):
    """How the check of one repository ended.

    Attributes:
        state: As in the table `repositories`.
        images: Its images.
        broken: Those that are incomplete or unreadable.
        open: Those that are undecided or not checked, and one more if the listing is incomplete.
    """

    state: str
    images: int = 0
    broken: int = 0
    open: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether a rerun leaves it as it is."""
        return self.state == "gone" or (self.state == "done" and not self.open)


@dataclass(slots=True)
class ImageResult:
    """What the lines of one or several groups say, without the lines.

    Attributes:
        repositories: How each ended, by the key of its lines.
        places: The account and region that were asked, by the key of a lane.
        outcome: The sum over the groups.
        file: The file with the lines, beneath the path of the run; empty if they are in none.
    """

    repositories: dict[str, RepositoryEnd] = field(default_factory=dict)
    places: dict[str, tuple[str, str]] = field(default_factory=dict)
    outcome: ImageOutcome = field(default_factory=ImageOutcome)
    file: str = ""

    @property
    def error(self) -> PartError | None:
        """What ended the check of a group."""
        return self.outcome.error

    def see(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take rows with `key`, `repositories` and `outcome`, as lines in `image_lines_schema()` have them.

        Raises:
            InvalidParameterError: Two workers asked different registries for the same account and region.
        """
        for row in rows:
            if row["outcome"] is not None:
                self.outcome += ImageOutcome.from_json(row["outcome"])
            line = row["repositories"]
            if line is None:
                continue
            count = {word: line[word] or 0 for word in _WORDS}
            self.repositories[row["key"]] = RepositoryEnd(
                line["state"],
                line["images"] or 0,
                count["incomplete"] + count["unreadable"],
                count["undecided"] + count["not_checked"] + (line.get("code") == INCOMPLETE_LISTING),
            )
            if line["account_id"] is not None and line["region"] is not None:
                self.place(_lane_key(row["key"]), (line["account_id"], line["region"]))

    def place(self, lane: str, found: tuple[str, str]) -> None:
        """Note which registry was asked for a lane.

        Raises:
            InvalidParameterError: It is not what was asked before, or another lane has it too.
        """
        if lane not in self.places and found in self.places.values():
            raise InvalidParameterError(
                f"some rows name account {found[0]} in {found[1]} and others leave it to the credentials or "
                "settings of the workers, so that it would be asked at twice its rate; fill the columns "
                "registry_id and region in all rows, or in none"
            )
        known = self.places.setdefault(lane, found)
        if known != found:
            raise InvalidParameterError(
                f"workers asked account {known[0]} in {known[1]} and account {found[0]} in {found[1]} about "
                "rows of one account and region; give all workers the same credentials and region, or fill "
                "the columns registry_id and region"
            )


_NULLS = ("NAType", "NaTType")
"""What pandas has for null besides None and NaN."""
_WORDS = ("incomplete", "unreadable", "undecided", "not_checked")


def image_groups(
    repositories: Iterable[tuple[Lane, str]], askers: int, most: int = GROUP_REPOSITORIES
) -> list[list[ImageGroup]]:
    """Divide repositories into groups: a list for each account and region, of whole repositories.

    At most `askers` groups of a list may be checked at the same time.

    Args:
        repositories: Each once.
        askers: `Share.askers`.
        most: Most repositories of a group.

    Examples:
        >>> from layercheck import shard
        >>> lane = shard.Lane("123456789012", "eu-west-1")
        >>> (groups,) = shard.image_groups([(lane, "a"), (lane, "b"), (lane, "c")], askers=2)
        >>> [group.names for group in groups]
        [('a', 'c'), ('b',)]
    """
    lanes: dict[Lane, list[str]] = {}
    for lane, name in repositories:
        lanes.setdefault(lane, []).append(name)
    ordered = sorted(lanes.items(), key=lambda each: tuple(part or "" for part in each[0]))
    return [
        [ImageGroup(lane, tuple(part)) for part in deal(names, max(askers, -(-len(names) // most))) if part]
        for lane, names in ordered
    ]


def checked_rows(rows: Iterable[Sequence[Any]]) -> dict[str, tuple[Lane, str]]:
    """Return different repositories by their keys.

    Args:
        rows: Account id, region and name of each; what is null or empty counts as missing.

    Raises:
        TypeError: A value is not text.
    """
    found = ((_text(account), _text(region), _text(name) or "") for account, region, name in rows)
    lanes = ((Lane(account, region), name) for account, region, name in found)
    return {lane.key(name): (lane, name) for lane, name in lanes}


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return str.__str__(value).strip() or None
    if value is None or type(value).__name__ in _NULLS or (isinstance(value, float) and value != value):
        return None
    raise TypeError(
        f"a row has a {type(value).__name__} as account, region or repository; expected text, as "
        "'012345678901' for an account"
    )


def _lane_key(key: str) -> str:
    return "/".join(key.split("/", 2)[:2])
