"""Which settings decide how a client reaches ECR, so that a message can name the one at fault."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from layercheck.redact import clean

_ON = ("true", "1")


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The settings of one client, each by the name under which the user finds it.

    Attributes:
        profile: The profile, if one was chosen.
        region: The region that is asked.
        unused_region: What AWS_REGION says, if another setting names another region.
        endpoint: Where the endpoint's URL comes from; empty for the endpoint that botocore knows.
        source_endpoint: The same for STS, which gives credentials.
        proxy: Where the proxy comes from; empty without one.
        bundle: Where the bundle of certificates comes from; empty for the one that botocore brings.
        metadata_off: AWS_EC2_METADATA_DISABLED keeps boto3 from asking for the role of an instance.
    """

    profile: str | None = None
    region: str | None = None
    unused_region: str | None = None
    endpoint: str = ""
    source_endpoint: str = ""
    proxy: str = ""
    bundle: str = ""
    metadata_off: bool = False


def network_settings(
    client: Any, *, session: Any, region_name: str | None, endpoint_url: str | None, url: str | None
) -> NetworkSettings:
    """The settings of a client.

    Args:
        client: The client.
        session: The session that made it; None for a client of the caller's.
        region_name: The region that the caller named.
        endpoint_url: The endpoint's URL that the caller gave.
        url: The URL that the client asks.
    """
    meta = getattr(client, "meta", None)
    config = getattr(meta, "config", None)
    region = getattr(meta, "region_name", None)
    inner = getattr(session, "_session", None)
    profile = getattr(inner, "profile", None)
    profile = profile if isinstance(profile, str) else None
    scoped = _scoped_config(inner)
    service = getattr(getattr(meta, "service_model", None), "service_id", None)
    aws_region = os.environ.get("AWS_REGION") or None
    # ECR Public has its own regions, whatever the settings say.
    settled = region_name is not None or session is None or aws_region == region or service == "ECR PUBLIC"
    if endpoint_url is not None:
        endpoint = "endpoint_url"
    else:
        endpoint = configured_endpoint(str(service), scoped, profile)
        if session is None and not (endpoint and _same_host(os.environ.get(endpoint), url)):
            endpoint = "" if _is_of_aws(url) else "the endpoint_url of client"
    return NetworkSettings(
        profile=profile,
        region=region if isinstance(region, str) else None,
        unused_region=None if settled else aws_region,
        endpoint=endpoint,
        source_endpoint=configured_endpoint("STS", scoped, profile),
        proxy=_proxy(url, getattr(config, "proxies", None)),
        bundle=_bundle(scoped, profile),
        metadata_off=os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true",
    )


def url_asked(client: Any) -> str | None:
    """The URL that the calls go to.

    `meta.endpoint_url` has the host of an older table of endpoints, which differs for FIPS and dual stack.
    """
    shown: str | None = getattr(getattr(client, "meta", None), "endpoint_url", None)
    resolver: Any = getattr(
        client, "_ruleset_resolver", None
    )  # private; without it the older table has to do
    try:
        operation = client.meta.service_model.operation_model("BatchCheckLayerAvailability")
        found = resolver.construct_endpoint(operation_model=operation, call_args={}, request_context={}).url
    except Exception:  # noqa: BLE001 (for a message; the call itself reports what is wrong)
        return shown
    return found if isinstance(found, str) and urlsplit(found).netloc != urlsplit(shown).netloc else shown


def _scoped_config(inner: Any) -> dict[str, Any]:
    try:
        found = inner.get_scoped_config()
    except Exception:  # noqa: BLE001 (a profile that cannot be read is an error elsewhere)
        return {}
    return found if isinstance(found, dict) else {}


def _of_profile(name: str, profile: str | None) -> str:
    return f"{name} of profile {clean(profile or 'default', 100)!r}"


def configured_endpoint(service_id: str, scoped: dict[str, Any], profile: str | None) -> str:
    """The setting with the endpoint of a service, in botocore's order; empty without one."""
    ignored = os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() in _ON
    if ignored or str(scoped.get("ignoreconfigured_endpoint_urls", "")).lower() in _ON:
        return ""
    own = f"AWS_ENDPOINT_URL_{re.sub('[ -]', '_', service_id).upper()}"
    for name in (own, "AWS_ENDPOINT_URL"):
        if os.environ.get(name):
            return name
    if scoped.get("services"):
        return f"the services section {clean(scoped['services'], 100)!r} of the configuration"
    return _of_profile("endpoint_url", profile) if scoped.get("endpoint_url") else ""


def _proxy(url: str | None, configured: Any) -> str:
    from botocore.utils import get_environ_proxies

    scheme = urlsplit(url or "").scheme
    if configured is not None:
        # As in botocore, proxies of a config replace those of the environment.
        return "proxies of config" if configured.get(scheme) else ""
    if not url or not get_environ_proxies(url).get(scheme):
        return ""
    lower = f"{scheme}_proxy"
    return lower if os.environ.get(lower) else lower.upper()


def _bundle(scoped: dict[str, Any], profile: str | None) -> str:
    """The bundle's setting, in botocore's order."""
    if os.environ.get("AWS_CA_BUNDLE"):
        return "AWS_CA_BUNDLE"
    if scoped.get("ca_bundle"):
        return _of_profile("ca_bundle", profile)
    return "REQUESTS_CA_BUNDLE" if os.environ.get("REQUESTS_CA_BUNDLE") else ""


def _same_host(one: str | None, other: str | None) -> bool:
    return bool(one and other) and urlsplit(one).netloc == urlsplit(other).netloc


def _is_of_aws(url: str | None) -> bool:
    host = urlsplit(url or "").hostname or ""
    return not host or any(
        label in ("ecr", "ecr-fips", "ecr-public", "ecr-public-fips") for label in host.split(".")
    )
