"""`Settings`: what crosses to a worker. Plain values, small when pickled, and never a secret."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

from layercheck.errors import InvalidParameterError
from layercheck.redact import has_secret
from layercheck.repository import resolve_repository
from layercheck.shard.arguments import check_flag, plain_text, real_number
from layercheck.shard.session_source import session_name
from layercheck.types import Target

_MAX_PICKLE = 2_000
"""Bytes. Ray loses arguments of an actor that it keeps in its object store, which are those above 100 kB
(ray#53727), and Spark broadcasts large closures into files."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a distributed run asks, by which credentials and how fast; the same in every worker.

    Each worker makes its own session and client from them. What cannot be sent is refused here, on the driver
    and before anything is pickled.

    Args:
        repository_name: Name, image URI or ARN of the repository, as for `layercheck.check`.
        registry_id: Account id of 12 digits; None: the registry of the credentials.
        region_name: AWS region; None: as the worker's own settings say.
        public: ECR Public.
        endpoint_url: Another endpoint.
        session: How a worker finds credentials. None: its own chain. A profile name. Or a function that
            returns a `boto3.Session` in the worker, as `"package.module:function"` or as the function itself
            if a worker can import it; it is called with `region_name` and `registry_id` if it has parameters
            of these names.
        rate: Calls per second of all workers together; None is half the default quota (500, public 100);
            `"quota"` lets the first worker ask Service Quotas. `"max"` is refused, because nobody would keep
            the sum of all workers within bounds.
        transport: As for `layercheck.check`.
        account: The account that the credentials of each worker must be of, unless `registry_id` names the
            registry; or what tells the keys from others, if they do not show their account. `accept` fills it
            in, as it does the next.
        asked_url: The endpoint that the client of each worker must have.

    Raises:
        TypeError: `session` is a session, a client, credentials or a function that holds one, or another
            argument has the wrong type.
        InvalidParameterError: An argument cannot be right.

    Examples:
        >>> import pickle
        >>> from layercheck import shard
        >>> settings = shard.Settings("team/app", region_name="eu-west-1", rate=200)
        >>> settings.rate, len(pickle.dumps(settings)) < 2_000
        (200.0, True)
        >>> shard.Settings("team/app", rate="max")
        Traceback (most recent call last):
        layercheck.errors.InvalidParameterError: rate="max" cannot be divided among workers; pass calls per \
second, or "quota"
    """

    repository_name: str
    registry_id: str | None = None
    region_name: str | None = None
    public: bool = False
    endpoint_url: str | None = None
    session: str | Callable[..., Any] | None = None
    rate: float | Literal["quota"] | None = None
    transport: str | None = None
    account: str | None = None
    asked_url: str | None = None

    def __post_init__(self) -> None:
        session = session_name(self.session)  # before anything else could show or pickle it
        check_flag("public", self.public)
        repository = resolve_repository(
            self.repository_name,
            registry_id=self.registry_id,
            region_name=plain_text("region_name", self.region_name),
            public=self.public,
        )
        url = plain_text("endpoint_url", self.endpoint_url)
        check_endpoint(url)
        self._set("session", session)
        self._set("repository_name", repository.name)
        self._set("registry_id", repository.registry_id)
        self._set("region_name", repository.region_name)
        self._set("public", repository.public)
        self._set("rate", _rate(self.rate))
        for name in ("transport", "account", "asked_url"):
            plain_text(name, getattr(self, name))
        for each in fields(self):
            value: object = getattr(self, each.name)
            if isinstance(value, str):  # a subclass of str would be pickled with whatever it holds
                self._set(each.name, str.__str__(value))
        size = len(pickle.dumps(self))
        if size > _MAX_PICKLE:
            raise InvalidParameterError(
                f"the settings are {size:,} bytes when pickled; expected at most {_MAX_PICKLE:,}, so shorten "
                "the names"
            )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # normalised while it is made; nobody has seen it yet

    @property
    def session_name(self) -> str | None:
        """The session as text: a profile name, a function as `"package.module:function"`, or None."""
        return self.session if isinstance(self.session, str) else None

    @property
    def target(self) -> Target:
        """Where is asked, as far as the settings say."""
        return Target(
            self.repository_name, self.registry_id, self.region_name, self.endpoint_url, self.public
        )


def check_endpoint(url: str | None) -> None:
    """Refuse an endpoint that holds a secret, or may hold one.

    Raises:
        InvalidParameterError: It has a user, a password or a query.
    """
    if url is not None and has_secret(url):
        raise InvalidParameterError(
            "endpoint_url holds a user name or a password, which every worker would get; leave it out"
        )
    if url is not None and any(each in url for each in "?#"):
        raise InvalidParameterError(
            "endpoint_url has a query, which may hold a secret that every worker would get; leave it out"
        )


def _rate(rate: object) -> float | Literal["quota"] | None:
    if rate is None:
        return None
    if isinstance(rate, str) and rate == "quota":
        return "quota"
    if isinstance(rate, str) and rate == "max":
        raise InvalidParameterError(
            'rate="max" cannot be divided among workers; pass calls per second, or "quota"'
        )
    calls = real_number(rate)
    if calls is None:
        raise InvalidParameterError(f'rate is {rate!r}; expected calls per second, "quota" or None')
    if not (math.isfinite(calls) and calls > 0):
        raise InvalidParameterError(f"rate is {rate!r}; expected more than 0 calls per second")
    return calls
