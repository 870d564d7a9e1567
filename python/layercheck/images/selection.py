"""`Selection`: which images of a repository are checked."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from numbers import Integral
from typing import Any, Literal, TypeAlias, get_args

from layercheck.errors import InvalidParameterError
from layercheck.images.listing import tags_of
from layercheck.images.targets import ImageTarget
from layercheck.redact import clean

Status: TypeAlias = Literal["any", "active", "archived"]
_CHOICES = {
    "tags": "tags",
    "tagged": "having a tag",
    "status": "status",
    "pushed_after": "the earliest push",
    "pushed_before": "the latest push",
    "newest": "newest",
}
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class Selection:
    """Images to be checked, and with them the images that an index among them needs.

    Attributes:
        tags: Patterns of tags, one of which an image must have; empty for all images.
        tagged: True for images with a tag only, False for those without, None for all.
        status: `active`, `archived` or `any`.
        pushed_after: Only images pushed at this time or later. A time without a zone is UTC.
        pushed_before: Only images pushed earlier. A time without a zone is UTC.
        newest: Only so many, the newest; None for all.
    """

    tags: tuple[str, ...] = ()
    tagged: bool | None = None
    status: Status = "any"
    pushed_after: datetime | None = None
    pushed_before: datetime | None = None
    newest: int | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise InvalidParameterError(f"status is {self.status!r}; expected one of: {', '.join(STATUSES)}")
        if self.newest is not None and not _is_count(self.newest):
            raise InvalidParameterError(
                f"newest is {self.newest!r}; expected a whole number of at least 1, or None for all"
            )
        for name in ("pushed_after", "pushed_before"):
            time = getattr(self, name)
            # A date is refused, because it does not say whether its day is included.
            if time is not None and not isinstance(time, datetime):
                raise InvalidParameterError(
                    f"{name} is {time!r}; expected a datetime such as "
                    "datetime(2026, 11, 1, tzinfo=UTC), or None"
                )

    @property
    def is_all(self) -> bool:
        """Whether all images are checked."""
        return self == Selection()

    @property
    def needs_dates(self) -> bool:
        """Whether images are chosen by when they were pushed."""
        return any(each is not None for each in (self.pushed_after, self.pushed_before, self.newest))

    def ignored_for(self, targets: Iterable[ImageTarget]) -> Iterator[str]:
        """A line for each target that is one image, if this would choose images of a whole repository."""
        words = [word for name, word in _CHOICES.items() if getattr(self, name) not in (None, (), "any")]
        for target in targets if words else ():
            if target.is_one_image:
                image = f"@{target.digest}" if target.digest is not None else f":{target.tag}"
                yield (
                    f"{clean(target.name + image, 300)} is named itself, so that it is checked whatever the "
                    f"choice by {' and '.join(words)}"
                )

    def choose(self, details: Iterable[Any]) -> list[Mapping[str, Any]]:
        """Return the images that are chosen, in the order of the listing.

        Args:
            details: `imageDetails` of a whole repository.
        """
        chosen = [each for each in details if isinstance(each, Mapping) and self._takes(each)]
        if self.newest is None or len(chosen) <= self.newest:
            return chosen
        newest = sorted(range(len(chosen)), key=lambda at: _pushed(chosen[at]), reverse=True)[: self.newest]
        return [chosen[at] for at in sorted(newest)]

    def _takes(self, image: Mapping[str, Any]) -> bool:
        tags = tags_of(image)
        if self.tagged is not None and bool(tags) != self.tagged:
            return False
        if self.tags and not any(fnmatch.fnmatchcase(tag, each) for tag in tags for each in self.tags):
            return False
        if self.status != "any" and (image.get("imageStatus") or "ACTIVE") != self.status.upper():
            return False
        pushed = _pushed(image)
        if self.pushed_after is not None and pushed < _utc(self.pushed_after):
            return False
        return self.pushed_before is None or pushed < _utc(self.pushed_before)


def _pushed(image: Mapping[str, Any]) -> datetime:
    """When an image was pushed; the year 1 if that is not known."""
    pushed = image.get("imagePushedAt")
    return _utc(pushed) if isinstance(pushed, datetime) else datetime.min.replace(tzinfo=UTC)


def _utc(time: datetime) -> datetime:
    """The time with a zone, which is UTC if it has none."""
    return time if time.utcoffset() is not None else time.replace(tzinfo=UTC)


def _is_count(number: object) -> bool:
    """Whether a value is a whole number of at least 1; those of numpy are, too."""
    return not isinstance(number, bool) and isinstance(number, Integral) and int(number) >= 1
