"""Clients: creates one from the caller's arguments, or takes the caller's client.

layercheck uses the caller's client and never modifies it. layercheck creates its own client on the calling
thread. Threads may share a botocore client, but processes may not, so create a `Checker` after a fork.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from layercheck.aws.creation_lock import CreationLock
from layercheck.aws.informational import skip_informational
from layercheck.aws.network_settings import (
    NetworkSettings,
    configured_endpoint,
    network_settings,
    url_asked,
)
from layercheck.aws.opening_failure import opening_failed
from layercheck.aws.response_limit import bound_bodies
from layercheck.errors import InvalidParameterError, LayercheckError
from layercheck.limits import DEFAULT_MAX_IN_FLIGHT, Limits
from layercheck.redact import clean
from layercheck.repository import Repository, parse_repository, resolve_repository
from layercheck.types import EcrClient, Target

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30
PUBLIC_REGIONS = ("us-east-1", "us-west-2")
"""The only regions with an ECR Public API (botocore's endpoint data, compared in a test)."""

_creation = CreationLock()  # sessions are not thread-safe, and several Checkers may share a session


@dataclass(frozen=True, slots=True, repr=False)
class OpenClient:
    """A client ready for use.

    Attributes:
        client: The boto3 client.
        owned: Whether layercheck created the client, and so closes it.
        session: The session of an owned client; None for the caller's client.
        target: Where the client asks.
        settings: How the client reaches the service.
        max_in_flight: Calls at once: the number asked for, or the size of the pool if that is smaller.
    """

    client: EcrClient
    owned: bool
    session: Any
    target: Target
    settings: NetworkSettings
    max_in_flight: int

    def close(self) -> None:
        """Closes the connections of an owned client."""
        if self.owned:
            self.client.close()  # type: ignore[attr-defined]


def check_max_in_flight(max_in_flight: object) -> int | None:
    """Checks that the argument is None or a whole number of at least 1, and returns it.

    Raises:
        TypeError: It is not a whole number.
        InvalidParameterError: It is less than 1.
    """
    if max_in_flight is None:
        return None
    if isinstance(max_in_flight, bool) or not isinstance(max_in_flight, int):
        raise TypeError(f"max_in_flight is a {type(max_in_flight).__name__}; expected an int")
    if max_in_flight < 1:
        raise InvalidParameterError(f"max_in_flight is {max_in_flight}; expected at least 1")
    return max_in_flight


def open_client(
    repository_name: str,
    registry_id: str | None,
    *,
    public: bool,
    session: Any,
    client: EcrClient | None,
    region_name: str | None,
    profile_name: str | None,
    endpoint_url: str | None,
    config: Any,
    max_in_flight: int | None,
    plain: bool,
    limits: Limits,
) -> OpenClient:
    """Takes the caller's client, or creates a client for plain or for faster calls.

    `repository_name` may be a name, an image URI or an ARN. The returned target holds its parts.

    Raises:
        TypeError: An argument has the wrong type.
        InvalidParameterError: Two arguments exclude each other, the client is of another service or
            region, or the region has no ECR Public.
        CredentialsError: The profile does not exist or cannot be read, or a source of credentials failed.
        EndpointError: No region is known.
    """
    _load_for_calls()
    repository = resolve_repository(
        repository_name, registry_id=registry_id, region_name=region_name, public=public
    )
    max_in_flight = check_max_in_flight(max_in_flight)
    service = "ecr-public" if repository.public else "ecr"
    given = {
        "session": session,
        "region_name": region_name,
        "profile_name": profile_name,
        "endpoint_url": endpoint_url,
        "config": config,
    }
    names = [name for name, value in given.items() if value is not None]
    if client is not None:
        if names:
            raise InvalidParameterError(
                f"client and {', '.join(names)} given; a client already has its session, region, endpoint "
                "and config, so leave the others out"
            )
        _check_client(client, service, parse_repository(repository_name), public)
        owned = False
    else:
        if session is not None and profile_name is not None:
            raise InvalidParameterError(
                "session and profile_name given; a session already has its profile, so pass only one of them"
            )
        failed: LayercheckError | None = None
        try:
            with _creation:
                session, client = _create(
                    service,
                    session,
                    repository.region_name,
                    profile_name,
                    endpoint_url,
                    config,
                    max_in_flight,
                    plain,
                )
        except LayercheckError:
            raise
        except Exception as error:
            endpoint = "endpoint_url" if endpoint_url is not None else configured_endpoint(service, {}, None)
            failed = opening_failed(error, profile_name, endpoint)
            if failed is None:
                raise
        if failed is not None:
            # Outside of the handler, so that Python does not chain what a source of credentials printed.
            raise failed
        assert client is not None  # noqa: S101 (for the type checker)
        owned = True
        skip_informational(client)
        bound_bodies(
            client,
            limit_bytes=limits.body_limit_bytes,
            image_limit_bytes=limits.image_body_limit_bytes,
            deadline_s=limits.body_deadline_s,
        )
    meta = getattr(client, "meta", None)
    pool = getattr(getattr(meta, "config", None), "max_pool_connections", None)
    wanted = max_in_flight or DEFAULT_MAX_IN_FLIGHT
    url = url_asked(client)
    target = Target(
        repository.name,
        repository.registry_id,
        getattr(meta, "region_name", None),
        clean(url) if url is not None else None,
        repository.public,
    )
    settings = network_settings(
        client, session=session, region_name=repository.region_name, endpoint_url=endpoint_url, url=url
    )
    # With more calls than pooled connections, each call above the pool would need a new TLS handshake.
    slots = min(wanted, pool) if isinstance(pool, int) and pool > 0 else wanted
    return OpenClient(client, owned, session, target, settings, slots)


def _load_for_calls() -> None:
    """Loads what a call or its error needs, because in mid-run there may be no descriptor for an import."""
    # The codec of host names, which Python loads at the first connection. If it cannot be loaded then, Python
    # says "unknown encoding", and never tries again.
    import encodings.idna  # noqa: F401

    import botocore.exceptions  # noqa: F401 - `classify` looks at them


def _create(
    service: str,
    session: Any,
    region_name: str | None,
    profile_name: str | None,
    endpoint_url: str | None,
    config: Any,
    max_in_flight: int | None,
    plain: bool,
) -> tuple[Any, Any]:
    import boto3

    if session is None:
        session = boto3.Session(profile_name=profile_name)
    region_name = region_name or _default_region(service, session, endpoint_url)
    if service == "ecr-public" and endpoint_url is None and region_name not in PUBLIC_REGIONS:
        raise InvalidParameterError(
            f"ECR Public has no endpoint in {clean(region_name, 50)}; "
            f"pass region_name={PUBLIC_REGIONS[0]!r} or {PUBLIC_REGIONS[1]!r}"
        )
    merged = _config(session, config, max_in_flight or DEFAULT_MAX_IN_FLIGHT, plain)
    client = session.client(service, region_name=region_name, endpoint_url=endpoint_url, config=merged)
    return session, client


def _default_region(service: str, session: Any, endpoint_url: str | None) -> str | None:
    """The session's region, else AWS_REGION; for ECR Public us-east-1, unless that region has ECR Public.

    boto3 does not read AWS_REGION, which the AWS command line reads and which Lambda and ECS set. ECR Public
    is one registry for all regions, so a user in eu-west-1 means this registry.
    """
    region: str | None = session.region_name or os.environ.get("AWS_REGION") or None
    if service == "ecr-public" and region not in PUBLIC_REGIONS and (endpoint_url is None or region is None):
        return PUBLIC_REGIONS[0]
    return region


def _config(session: Any, config: Any, max_in_flight: int, plain: bool) -> Any:
    """Layercheck's settings, then the session's defaults, then the caller's config; the later wins."""
    from botocore.config import Config

    from layercheck._core import build_info

    merged = Config(
        # One attempt, because the run retries (see `Limits`). Two layers of retries would multiply, and
        # botocore's sleep while they hold a call slot.
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=max_in_flight,
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        tcp_keepalive=True,
    )
    # boto3 keeps its botocore session private. Without it, layercheck's settings would override the defaults
    # of the session.
    inner = getattr(session, "_session", None)
    if not plain:
        # The core has validated the digests, and botocore does not see them among the parameters.
        merged = merged.merge(Config(parameter_validation=False))
    get_default = getattr(inner, "get_default_client_config", None)
    extras: list[str] = []
    for given in (get_default() if callable(get_default) else None, config):
        if given is None:
            continue
        if not isinstance(given, Config):
            raise TypeError(f"config is a {type(given).__name__}; expected a botocore.config.Config")
        merged = merged.merge(given)
        extra = getattr(given, "user_agent_extra", None)
        extras = [extra] if extra else extras
    extras.append(f"layercheck/{build_info()['version']}")
    if not plain and getattr(merged, "user_agent", None) is None:
        merged = merged.merge(Config(user_agent=_user_agent(inner, merged)))
    return merged.merge(Config(user_agent_extra=" ".join(extras)))


def _user_agent(inner: Any, config: Any) -> str | None:
    """Botocore's user agent, without the extras, which botocore appends.

    It is computed once here, because older botocores compute it twice for each call. None if the installed
    botocore computes it in another way; then botocore does so itself.
    """
    try:
        from botocore.useragent import UserAgentString

        named: Any = UserAgentString.from_environment()
        named = named.set_session_config(inner.user_agent_name, inner.user_agent_version, None)
        app_id = config.user_agent_appid or inner.get_config_variable("user_agent_appid")
        own_config = config.merge(type(config)(user_agent_appid=app_id, user_agent_extra=None))
        return str(named.with_client_config(own_config).to_string())
    except (ImportError, AttributeError, TypeError):
        return None


def _check_client(client: EcrClient, service: str, named: Repository, public: bool) -> None:
    """Refuses a client of another service or of another region than the repository."""
    if not callable(getattr(client, "batch_check_layer_availability", None)):
        raise InvalidParameterError(
            f"client is a {type(client).__name__} without batch_check_layer_availability; "
            f'expected boto3.client("{service}")'
        )
    meta = getattr(client, "meta", None)
    found = getattr(getattr(meta, "service_model", None), "service_name", service)
    if found in ("ecr", "ecr-public") and found != service:
        if service == "ecr":
            hint = "pass public=True" if not named.is_private else "repository_name is in private ECR"
        else:
            hint = "leave public=True out" if public else "repository_name is in ECR Public"
        raise InvalidParameterError(f'client is for "{found}" and not for "{service}"; {hint}')
    region = getattr(meta, "region_name", None)
    if named.region_name is not None and region is not None and region != named.region_name:
        raise InvalidParameterError(
            f"repository_name names the region {named.region_name!r} and client is for "
            f"{clean(region, 50)!r}; pass a client of that region"
        )
