"""`ImageSettings`: what crosses to a worker that checks images. Plain values, and never a secret."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from layercheck.errors import InvalidParameterError
from layercheck.shard.session_source import session_name
from layercheck.shard.settings import check_endpoint, check_flag

_MAX_PICKLE = 2_000


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """How images are checked in every worker: plain values, small when pickled, and never a secret.

    Args:
        session: As for `Settings`. A function is called for each account and region with `registry_id` and
            `region_name`, if it has parameters of these names; so it can assume a role of that account.
        endpoint_url: Another endpoint.
        rate: Calls of BatchCheckLayerAvailability per second, of all workers together, for each account and
            region; None is 500. `"max"` and `"quota"` are refused.
        image_rate: The same for BatchGetImage; None is 10.
        list_rate: The same for each operation that lists; None is 10.
        tags: Patterns of tags, one of which an image must have; empty for all images.
        tagged: True for images with a tag only, False for those without, None for all.
        status: `"active"`, `"archived"` or `"any"`.
        newest: Only so many images of each repository.
        platforms: Platforms of which an index must be whole; empty for all.
        confirm: Ask a second operation before a blob is called missing.
        require_exclusion: Refuse to read manifests where that renews pull times.
        all_layers: As for `ImageReport.table`: the table `layers` has those that are available too.

    Raises:
        TypeError: `session` is a session, a client, credentials or a function that holds one.
        InvalidParameterError: An argument cannot be right.
    """

    session: str | Callable[..., Any] | None = None
    endpoint_url: str | None = None
    rate: float | None = None
    image_rate: float | None = None
    list_rate: float | None = None
    tags: tuple[str, ...] = ()
    tagged: bool | None = None
    status: Literal["active", "archived", "any"] = "any"
    newest: int | None = None
    platforms: tuple[str, ...] = ()
    confirm: bool = True
    require_exclusion: bool = False
    all_layers: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "session", session_name(self.session))
        for name in ("confirm", "require_exclusion", "all_layers"):
            check_flag(name, getattr(self, name))
        for name in ("rate", "image_rate", "list_rate"):
            value: object = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise InvalidParameterError(
                    f"{name} is {value!r}; expected calls per second, which are divided among workers"
                )
            object.__setattr__(self, name, float(value))
        for name in ("tags", "platforms"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))
        self._check_selection()
        check_endpoint(self.endpoint_url)
        size = len(pickle.dumps(self))
        if size > _MAX_PICKLE:
            raise InvalidParameterError(
                f"the settings are {size:,} bytes when pickled; expected at most {_MAX_PICKLE:,}, so give "
                "fewer or shorter patterns"
            )

    def _check_selection(self) -> None:
        """Refuse here what every worker would refuse, because a run that began has its path."""
        from layercheck.images.image_checker import checked_platforms, patterns
        from layercheck.images.selection import Selection

        checked_platforms(patterns("platforms", self.platforms))
        Selection(patterns("tags", self.tags), self.tagged, self.status, newest=self.newest)
