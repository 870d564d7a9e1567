"""Who calls: the ARN of the credentials, as STS tells it."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

_ASSUMED_ROLE = re.compile(
    r"arn:(?P<partition>[a-z0-9-]+):sts::(?P<account>[0-9]{12}):assumed-role/(?P<role>[^/\s]+)/\S+"
)
_PRINCIPAL = re.compile(r"arn:[a-z0-9-]+:iam::[0-9]{12}:(?:role|user)/\S+")


def caller_arn(session: Any, region_name: str | None, endpoint_url: str | None) -> str | None:
    """Return the ARN of the role or user that the session's credentials are of.

    For a session of a role it is the role's, without the name of the session; STS does not tell the role's
    path. None if STS does not answer, or for other callers.

    Args:
        session: A boto3 session; None for none.
        region_name: Region of the client.
        endpoint_url: Endpoint of the client. One on this machine, as in tests, is asked in place of STS.
    """
    if session is None:
        return None
    from botocore.config import Config

    config = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
    url = endpoint_url if endpoint_url is not None and _is_loopback(endpoint_url) else None
    try:
        client = session.client("sts", region_name=region_name, endpoint_url=url, config=config)
        try:
            answer = client.get_caller_identity()
        finally:
            client.close()
    except Exception:  # noqa: BLE001 (the caller then says that it cannot be told)
        return None
    return _principal(answer.get("Arn") if isinstance(answer, dict) else None)


def _principal(arn: object) -> str | None:
    """Return the ARN of a role for that of its session.

    Examples:
        >>> _principal("arn:aws:sts::123456789012:assumed-role/auditor/monday")
        'arn:aws:iam::123456789012:role/auditor'
        >>> _principal("arn:aws:iam::123456789012:root") is None
        True
    """
    if not isinstance(arn, str):
        return None
    if match := _ASSUMED_ROLE.fullmatch(arn):
        return f"arn:{match['partition']}:iam::{match['account']}:role/{match['role']}"
    return arn if _PRINCIPAL.fullmatch(arn) else None


def is_same_principal(pattern: str, arn: str) -> bool:
    """Whether an ARN of IAM, which may have a path and `*`, names a principal whose path is not known.

    Examples:
        >>> auditor = "arn:aws:iam::123456789012:role/auditor"
        >>> is_same_principal("arn:aws:iam::123456789012:role/ci/auditor", auditor)
        True
        >>> is_same_principal("arn:aws:iam::123456789012:role/other", auditor)
        False
    """
    # Whoever registers the ARN that STS tells means its role.
    first, _, path = (_principal(pattern) or pattern).partition("/")
    second, _, name = arn.partition("/")
    wanted = re.escape(path.rpartition("/")[2]).replace(r"\*", ".*").replace(r"\?", ".")
    return first == second and re.fullmatch(wanted, name.rpartition("/")[2]) is not None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
