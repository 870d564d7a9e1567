"""Makes a `Checker` in a worker from settings, with a rate of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layercheck.errors import InvalidParameterError
from layercheck.limits import Limits
from layercheck.shard.session_source import is_function_name, open_session
from layercheck.shard.settings import Settings
from layercheck.shard.share import Share

if TYPE_CHECKING:
    from layercheck.dispatch import Checker


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
    session = open_session(name, region_name=settings.region_name, registry_id=settings.registry_id)
    profile = None if name is None or is_function_name(name) else name
    checker = Checker(
        settings.repository_name,
        registry_id=settings.registry_id,
        public=settings.public,
        session=session,
        region_name=settings.region_name,
        profile_name=profile,
        endpoint_url=settings.endpoint_url,
        rate=settings.rate if share is None else share.rate,
        max_in_flight=None if share is None else share.max_in_flight,
        transport=settings.transport,  # type: ignore[arg-type] # checked by Checker
        _limits=Limits() if share is None else Limits(rate_floor=share.floor, own_lane=True),
    )
    wrong = _wrong_place(settings, checker)
    if wrong is not None:
        checker.close()
        raise InvalidParameterError(wrong)
    return checker


def _wrong_place(settings: Settings, checker: Checker) -> str | None:
    """Say why this worker would ask another registry than the first one did; None if it would not."""
    url = checker.target.endpoint_url
    if settings.asked_url is not None and url != settings.asked_url:
        return (
            f"this worker would ask {url} and the first one asked {settings.asked_url}; give all workers the "
            "same settings of AWS, or pass endpoint_url"
        )
    if settings.account is None or settings.registry_id is not None or settings.public:
        return None  # the registry does not depend on who asks
    account = checker._connection.account_id
    if account is None or account == settings.account:
        return None
    return (
        f"the credentials of this worker are of account {account} and those of the first one of account "
        f"{settings.account}; give all workers the same, or pass registry_id"
    )
