"""boto3 sessions and clients that reach a local endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from layercheck.testing.credentials import DUMMY, provider

if TYPE_CHECKING:
    import boto3


def arguments(endpoint_url: str, region_name: str, ca_bundle: str | None) -> dict[str, Any]:
    """Return keyword arguments for any boto3 client, with dummy credentials."""
    found = {
        "endpoint_url": endpoint_url,
        "region_name": region_name,
        "aws_access_key_id": DUMMY,
        "aws_secret_access_key": DUMMY,
    }
    return found if ca_bundle is None else {**found, "verify": ca_bundle}


def session(region_name: str, ca_bundle: str | None, lifetime_s: float | None) -> boto3.Session:
    """Return a boto3 session with dummy credentials, which expire if `lifetime_s` is given."""
    import boto3
    import botocore.session

    inner = botocore.session.Session()
    if ca_bundle is not None:
        inner.set_config_variable("ca_bundle", ca_bundle)
    if lifetime_s is None:
        return boto3.Session(DUMMY, DUMMY, region_name=region_name, botocore_session=inner)
    chain = inner.get_component("credential_provider")
    chain.insert_before(chain.providers[0].METHOD, provider(lifetime_s))
    return boto3.Session(region_name=region_name, botocore_session=inner)


def dummy_session(region_name: str = "us-east-1") -> boto3.Session:
    """Return a boto3 session with the dummy credentials that a `LocalEcr` accepts.

    A worker of a distributed run, which takes no session but the name of a function, makes one by
    `session="layercheck.testing:dummy_session"`.

    Args:
        region_name: The region of the session.

    Examples:
        >>> from layercheck.testing import dummy_session
        >>> dummy_session("eu-west-1").region_name
        'eu-west-1'
    """
    return session(region_name or "us-east-1", None, None)
