"""How many calls per second a service allows, and how many the `rate` argument asks for."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

from layercheck._core import KnownSecrets
from layercheck.aws import credentials
from layercheck.aws.classify import classify
from layercheck.errors import InvalidParameterError
from layercheck.types import Rate


@dataclass(frozen=True, slots=True)
class Quota:
    """The quota "Rate of BatchCheckLayerAvailability requests" of one service.

    Attributes:
        code: Its code in Service Quotas.
        calls_per_second: Its default value for one account and region.
        source: The page that says so.
    """

    code: str
    calls_per_second: int
    source: str


QUOTAS: dict[str, Quota] = {
    "ecr": Quota(
        "L-B9173138", 1000, "https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html"
    ),
    "ecr-public": Quota(
        "L-A1FEAB1E", 200, "https://docs.aws.amazon.com/AmazonECR/latest/public/public-service-quotas.html"
    ),
}
"""The quotas by the service's name in boto3."""

DEFAULT_SHARE = 0.5
"""Share of the default quota that `rate=None` uses. Every `docker push` in the account draws on the same
quota, so an audit at full speed would throttle the account's own builds."""

_log = logging.getLogger("layercheck")


def calls_per_second(rate: Rate, *, service: str, session: Any, region_name: str | None) -> float | None:
    """The pacer's first and highest rate; None for no limit.

    Args:
        rate: None for half the default quota, a number, `"max"`, or `"quota"` to ask Service Quotas.
        service: Name of the service in boto3, `"ecr"` or `"ecr-public"`.
        session: A boto3 session, needed for `"quota"`; None if the caller passed a client.
        region_name: Region whose quota is asked for.

    Raises:
        InvalidParameterError: `rate` has another value.
    """
    default = float(QUOTAS[service].calls_per_second)
    if rate is None:
        return default * DEFAULT_SHARE
    if rate == "max":
        return None
    if rate == "quota":
        return _ask_service_quotas(service, session, region_name) or default
    if isinstance(rate, bool | str):
        raise InvalidParameterError(f'rate is {rate!r}; expected calls per second, "quota", "max" or None')
    try:
        number = float(rate)
    except (TypeError, ValueError):
        raise InvalidParameterError(
            f'rate is a {type(rate).__name__}; expected calls per second, "quota", "max" or None'
        ) from None
    if not (math.isfinite(number) and number > 0):
        raise InvalidParameterError(f'rate is {rate!r}; expected more than 0 calls per second, or "max"')
    return number


def _config() -> Any:
    """Short timeouts, because a Checker works without the quota and must not wait minutes for it."""
    from botocore.config import Config

    return Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})


def _known_to(client: Any) -> KnownSecrets:
    """The client's credentials, which its log lines must not show.

    Raises:
        CredentialSourceError: They cannot be fetched; the message shows nothing that their source printed.
        UnusableCredentials: No request can hold them.
    """
    known = KnownSecrets()
    found = credentials.current(client)
    if found is not None:
        known.learn(*found)
    return known


def _ask_service_quotas(service: str, session: Any, region_name: str | None) -> float | None:
    """The account's quota; None, with a line in the log, if Service Quotas does not return it."""
    if session is None:
        _log.warning("rate='quota' needs a session and got a client; using the default quota")
        return None
    which = {"ServiceCode": service, "QuotaCode": QUOTAS[service].code}
    reason = ""
    try:
        client = session.client("service-quotas", region_name=region_name, config=_config())
    except Exception as error:  # noqa: BLE001 (the default quota is used)
        _log.warning("Service Quotas cannot be asked, using the default quota: %s", classify(error).summary)
        return None
    try:
        known = _known_to(client)
        for ask in (client.get_service_quota, client.get_aws_default_service_quota):
            try:
                value = float(ask(**which)["Quota"]["Value"])
            except Exception as error:  # noqa: BLE001 (likewise)
                reason = classify(error, known).summary
                continue
            if math.isfinite(value) and value > 0:
                return value
            reason = f"it answered {value}"
    except Exception as error:  # noqa: BLE001 (likewise)
        reason = classify(error).summary
    finally:
        client.close()
    _log.warning("Service Quotas did not return the quota, using the default: %s", reason)
    return None
