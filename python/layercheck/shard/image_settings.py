"""`ImageSettings`: what crosses to a worker that checks images. Plain values, and never a secret."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from layercheck.errors import InvalidParameterError
from layercheck.shard.arguments import check_flag, kind_of, plain_text, real_number, whole_number
from layercheck.shard.session_source import session_name
from layercheck.shard.settings import check_endpoint

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
        tags: Patterns of tags, one of which an image must have; None or empty for all images.
        tagged: True for images with a tag only, False for those without, None for all.
        status: `"active"`, `"archived"` or `"any"`.
        newest: Only so many images of each repository.
        platforms: Platforms of which an index must be whole; None or empty for all.
        confirm: Ask a second operation before a blob is called missing.
        require_exclusion: Refuse to read manifests where that renews pull times.
        all_layers: As for `ImageReport.table`: the table `layers` has those that are available too.

    Raises:
        TypeError: `session` is a session, a client, credentials or a function that holds one, or another
            argument has the wrong type.
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
        self._set("session", session_name(self.session))
        for name in ("confirm", "require_exclusion", "all_layers"):
            check_flag(name, getattr(self, name))
        if self.tagged is not None and not isinstance(self.tagged, bool):
            raise TypeError(f"tagged is a {kind_of(self.tagged)}; expected True, False or None")
        for name in ("rate", "image_rate", "list_rate"):
            value: object = getattr(self, name)
            calls = real_number(value)
            if value is not None and (calls is None or not 0 < calls < float("inf")):
                raise InvalidParameterError(
                    f"{name} is {value!r}; expected calls per second, which are divided among workers"
                )
            self._set(name, calls)
        url = plain_text("endpoint_url", self.endpoint_url)
        check_endpoint(url)
        self._set("endpoint_url", url)
        self._set_selection()
        size = len(pickle.dumps(self))
        if size > _MAX_PICKLE:
            raise InvalidParameterError(
                f"the settings are {size:,} bytes when pickled; expected at most {_MAX_PICKLE:,}, so give "
                "fewer or shorter patterns"
            )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # normalised while it is made; nobody has seen it yet

    def _set_selection(self) -> None:
        """Refuse here what every worker would refuse, because a run that began has its path."""
        from layercheck.images.image_checker import checked_platforms, patterns
        from layercheck.images.selection import Selection

        for name in ("tags", "platforms"):
            given: object = getattr(self, name)
            # None is all images, as it is for `check_images`.
            several = () if given is None else patterns(name, given)  # type: ignore[arg-type]
            self._set(name, tuple(str.__str__(each) for each in several))
        checked_platforms(self.platforms)
        self._set("status", plain_text("status", self.status))
        Selection(self.tags, self.tagged, self.status, newest=self.newest)
        self._set("newest", whole_number(self.newest))
