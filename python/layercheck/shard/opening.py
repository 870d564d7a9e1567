"""Makes a `Checker` in a worker from settings, with a rate of its own."""

from __future__ import annotations

import os
import re
import threading
import time
from typing import TYPE_CHECKING

from layercheck.errors import InvalidParameterError
from layercheck.limits import Limits
from layercheck.shard.session_source import is_function_name, open_session
from layercheck.shard.settings import Settings
from layercheck.shard.share import Share

if TYPE_CHECKING:
    from boto3 import Session

    from layercheck.dispatch import Checker

KEEP_S = 900.0
"""How long a session is used, seconds. A worker lives through many parts, and a session of its own would cost
each of them a tenth of a second. The keys of an old one may have been replaced in their file meanwhile."""


class _Sessions:
    """The sessions of this process, by profile; None for the default one."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start anew in a child process, whose parent may have held the lock."""
        self._lock = threading.Lock()
        self._kept: dict[str | None, tuple[Session, float]] = {}

    def get(self, profile: str | None) -> Session | None:
        with self._lock:
            session, since = self._kept.get(profile, (None, 0.0))
            return session if time.monotonic() - since < KEEP_S else None

    def keep(self, profile: str | None, session: Session | None) -> None:
        with self._lock:
            if session is None:
                self._kept.pop(profile, None)
            elif profile not in self._kept or self._kept[profile][0] is not session:
                self._kept[profile] = session, time.monotonic()


_SESSIONS = _Sessions()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_SESSIONS.forget)


def open_checker(settings: Settings, share: Share | None) -> Checker:
    """Return a checker for this process.

    Its rate is in no lane that it shares with other checkers of the process: two tasks in one worker process
    have each their own share, and together the sum of both.

    Args:
        settings: What the driver sent.
        share: What this task may do; None for one call, at the rate of the settings.

    Raises:
        LayercheckError: The session or the client cannot be made.
    """
    from layercheck.dispatch import Checker  # here, so that the import of this room stays light

    name = settings.session_name
    is_function = name is not None and is_function_name(name)
    if is_function:
        session = open_session(name, region_name=settings.region_name, registry_id=settings.registry_id)
    else:
        session = _SESSIONS.get(name)
    checker = Checker(
        settings.repository_name,
        registry_id=settings.registry_id,
        public=settings.public,
        session=session,
        region_name=settings.region_name,
        profile_name=name if session is None else None,
        endpoint_url=settings.endpoint_url,
        rate=settings.rate if share is None else share.rate,
        max_in_flight=None if share is None else share.max_in_flight,
        transport=settings.transport,  # type: ignore[arg-type] # checked by Checker
        _limits=Limits() if share is None else Limits(lane_share=share.part),
    )
    if not is_function:
        _SESSIONS.keep(name, checker._connection.session)
    try:
        wrong = _wrong_place(settings, checker)
        if wrong is not None:
            raise InvalidParameterError(wrong)
    except BaseException:
        checker.close()
        raise
    return checker


def forget_session(settings: Settings) -> None:
    """Let the next checker make a new session, because the credentials of this one were of no use."""
    _SESSIONS.keep(settings.session_name, None)


def url_of(checker: Checker) -> str | None:
    """Return the endpoint of a checker, without the query that a worker's own settings may have given it."""
    url = checker.target.endpoint_url
    return None if url is None else re.split(r"[?#]", url, maxsplit=1)[0]


def _wrong_place(settings: Settings, checker: Checker) -> str | None:
    """Say why this worker would ask another registry than the first one did; None if it would not."""
    url = url_of(checker)
    if settings.asked_url is not None and url != settings.asked_url:
        return (
            f"this worker would ask {url} and the first one asked {settings.asked_url}; give all workers the "
            "same settings of AWS, or pass endpoint_url"
        )
    if settings.account is None or settings.registry_id is not None or settings.public:
        return None  # the registry does not depend on who asks
    owner = checker._connection.key_owner()
    if owner is None or settings.account in owner:
        return None  # without keys the first call says what is wrong
    account = owner.account
    if account is None or not settings.account.isdecimal():
        return (
            "the credentials of this worker are not those of the first one, and the keys do not show whether "
            "the account is the same; give all workers the same, or pass registry_id"
        )
    return (
        f"the credentials of this worker are of account {account} and those of the first one of account "
        f"{settings.account}; give all workers the same, or pass registry_id"
    )
