"""`Preparation`: what must stay as it is for calls to be made like an earlier one of the same client."""

from __future__ import annotations

import os
import time
from datetime import datetime
from types import FunctionType
from typing import Any, NamedTuple, TypeAlias

from layercheck.aws import credentials

VALID_S = 60.0
"""Seconds after which boto3 is asked again how a call is made, even if nothing else has changed."""

Watched: TypeAlias = tuple[object, str, object]
"""An object, the name of its attribute, and the value that the attribute has."""

_OVERRIDDEN = frozenset(("get_frozen_credentials", "refresh_needed", "_refresh"))

_CALLED = frozenset(("batch_check_layer_availability", "_make_api_call", "_make_request"))


class Preparation(NamedTuple):
    """What a request is signed with, and what is watched while requests are made like it.

    Attributes:
        access_key: Access key id.
        secret_key: Secret access key.
        token: Session token of temporary credentials.
        watched: The attributes that must keep their values.
        renewal_at: When botocore would renew the credentials, seconds since 1970; None if they stay valid.
    """

    access_key: str
    secret_key: str
    token: str | None
    watched: list[Watched]
    renewal_at: float | None = None

    def __repr__(self) -> str:
        return "Preparation(***)"


def prepare(client: Any, listeners: Watched) -> Preparation | None:
    """Return what the client signs with now; None if botocore has to make each call.

    Botocore makes each call in AWS Lambda, where it adds a header that changes; with credentials of a class
    that layercheck does not know, because these may be others at each call; while it tries to renew
    credentials; while its history is recorded; where its methods were replaced, as tracers do; and if the
    installed botocore keeps these things elsewhere.

    Args:
        client: The client.
        listeners: What `listeners_of` returned before the request was made.
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        return None
    try:
        signer = client._request_signer
        held = credentials.of_client(client)
        of_client = [(client, name) for name in ("_request_signer", "_client_config", "_user_agent_creator")]
        of_signer = [
            (signer, name) for name in ("_credentials", "_region_name", "_signing_name", "_signature_version")
        ]
        methods = _methods(client, signer, held)
        if not all(_is_botocore(getattr(kind, name)) for kind, name in methods):
            return None
        others = [(client.meta, "events"), (held, "__class__"), (_history(), "_enabled"), *methods]
        watched = [listeners, *map(_now, (*of_client, *of_signer, *others))]
        if _history()._enabled or vars(held).keys() & _OVERRIDDEN or vars(client).keys() & _CALLED:
            return None
        return _of_credentials(held, watched)
    except (AttributeError, TypeError):
        return None  # this botocore keeps it elsewhere


def listeners_of(client: Any) -> Watched | None:
    """Return what changes when a handler is registered or removed; None if this botocore has no such thing.

    Botocore then makes a new cache of the handlers of each event. The old cache is held, so that the new one
    is another object.
    """
    events = client.meta.events
    emitter = getattr(events, "_emitter", events)
    cache = getattr(emitter, "_lookup_cache", None)
    return (emitter, "_lookup_cache", cache) if isinstance(cache, dict) else None


def _methods(client: Any, signer: Any, held: Any) -> list[tuple[Any, str]]:
    """Classes and names of the methods by which botocore makes a call."""
    from botocore.auth import SigV4Auth

    sending = ("make_request", "_send_request", "prepare_request", "_send")
    return [
        *((type(client), name) for name in sorted(_CALLED)),
        *((type(client._endpoint), name) for name in sending),
        (type(signer), "sign"),
        (SigV4Auth, "add_auth"),
        (type(held), "get_frozen_credentials"),
    ]


def _is_botocore(method: object) -> bool:
    """Whether a method is botocore's own, and not one that was put in its place."""
    # A wrapper may have the name and the module of what it wraps, but not its globals.
    return type(method) is FunctionType and str(method.__globals__.get("__name__")).startswith("botocore.")


def _history() -> Any:
    from botocore.history import get_global_history_recorder

    return get_global_history_recorder()


def _now(attribute: tuple[Any, str]) -> Watched:
    holder, name = attribute
    return holder, name, getattr(holder, name)


def _of_credentials(held: Any, watched: list[Watched]) -> Preparation | None:
    from botocore import credentials as module

    known: Any = module  # a part of it has no types
    if type(held) is known.Credentials:
        keys = [(held, name, getattr(held, name)) for name in ("access_key", "secret_key", "token")]
        access_key, secret_key, token = (value for _, _, value in keys)
        return Preparation(access_key, secret_key, token, [*watched, *keys])
    if type(held) not in (known.RefreshableCredentials, known.DeferredRefreshableCredentials):
        return None
    if held._time_fetcher is not known._local_now:
        return None
    frozen, expiry = held._frozen_credentials, held._expiry_time
    watched = [*watched, (held, "_frozen_credentials", frozen), (held, "_expiry_time", expiry)]
    renewal_at: float | None = None
    if expiry is not None:
        if not isinstance(expiry, datetime):
            return None
        # From then on, botocore tries to renew them at each call.
        renewal_at = expiry.timestamp() - held._advisory_refresh_timeout
        if renewal_at <= time.time():
            return None
    return Preparation(frozen.access_key, frozen.secret_key, frozen.token, watched, renewal_at)
