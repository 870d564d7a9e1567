"""Chooses the transport: the fastest that changes nothing but the speed."""

from __future__ import annotations

import functools
import logging
import os
import socket
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias, get_args

from layercheck.dispatch.transport.base import Transport
from layercheck.dispatch.transport.native import NativeTransport
from layercheck.dispatch.transport.plain import PlainTransport
from layercheck.dispatch.transport.signing import Signing
from layercheck.dispatch.transport.slim import SlimTransport
from layercheck.dispatch.transport.wire import WireTransport
from layercheck.errors import InvalidParameterError
from layercheck.limits import Limits
from layercheck.redact import clean
from layercheck.types import EcrClient

TransportName: TypeAlias = Literal["plain", "slim", "wire", "native"]
NAMES: tuple[TransportName, ...] = get_args(TransportName)
"""From the plainest to the fastest."""

_log = logging.getLogger("layercheck")

_NEED_PLAIN = (
    "provide-client-params",
    "before-parameter-build",
    "before-parse",
    "response-received",
    "needs-retry",
    "after-call",
    "after-call-error",
)
"""Events at which a handler sees the parameters or the parsed answer. With the slim transport, these differ
from what was really asked and answered."""

_NEED_SLIM = ("before-call", "request-created", "choose-signer", "before-sign", "before-send")
"""Events of signing and sending, at which a handler may change the request, trace it or answer it (as moto
does in tests). Faster transports do not fire them."""

_NEED_WIRE = ("before-endpoint-resolution",)
"""Events before signing, at which a handler may move the endpoint. Native calls fire them once a minute."""

_BOTO = ("botocore.", "boto3.", "layercheck.")


def choose(
    client: EcrClient,
    signing: Signing,
    *,
    wanted: str | None,
    owned: bool,
    limits: Limits,
) -> Transport:
    """Return the transport that was asked for, or the fastest that may be used.

    Args:
        client: The client.
        signing: Its credentials and clock.
        wanted: One of `NAMES`, or None for the fastest.
        owned: layercheck made the client; a caller's own client gets plain calls and no handlers.
        limits: Limits of one answer.

    Raises:
        InvalidParameterError: `wanted` is not a transport, or cannot be used here; the message says why.
    """
    check_name(wanted)
    fastest, why = _fastest(client, owned)
    if wanted is None:
        name = fastest
        if why:
            _log.debug("using %s calls: %s", name, why)
    else:
        name = next(each for each in NAMES if each == wanted)
        if NAMES.index(name) > NAMES.index(fastest):
            raise InvalidParameterError(
                f"transport={wanted!r} cannot be used here: {why}; pass {fastest!r} or leave it out"
            )
    if name == "plain":
        return PlainTransport(client, signing, owned=owned)
    if name == "slim":
        return SlimTransport(client, signing)
    options: dict[str, Any] = {
        "ca_bundle": os.fspath(_ca_bundle(client) or ""),
        "keepalive": _keepalive(client) is True,
        "limits": limits,
        "direct": _direct(client),
    }
    if name == "wire":
        return WireTransport(client, signing, **options)
    fastest_now = functools.partial(_fastest, client, owned)
    return NativeTransport(client, signing, fastest=fastest_now, **options)


def check_name(wanted: object) -> None:
    """Check that `wanted` is the name of a transport, or None.

    Raises:
        InvalidParameterError: It is neither.
    """
    if wanted is not None and wanted not in NAMES:
        names = ", ".join(f'"{name}"' for name in NAMES)
        raise InvalidParameterError(f"transport is {wanted!r}; expected {names} or None for the fastest")


def _fastest(client: EcrClient, owned: bool) -> tuple[TransportName, str]:
    """Return the fastest transport that may be used, and why no faster one may."""
    if not owned:
        return "plain", "a client of your own is used as it is, by plain calls"
    why = _foreign(client, _NEED_PLAIN) or _why_not_json(client)
    if why:
        return "plain", why
    why = _foreign(client, _NEED_SLIM) or _why_not_wire(client)
    if why:
        return "slim", why
    why = _foreign(client, _NEED_WIRE) or _why_not_native(client)
    return ("wire", why) if why else ("native", "")


def _foreign(client: Any, events: Iterable[str]) -> str:
    """Return a sentence on the first handler that is not botocore's own; empty without one."""
    for event in events:
        handlers = _listening(client, event)
        if handlers is None:
            return f"this botocore does not tell who listens to {event}"
        for handler in handlers:
            module = _module(handler)
            if not f"{module}.".startswith(_BOTO):
                return f"{module} listens to {event}"
    return ""


def _listening(client: Any, event: str) -> list[Any] | None:
    """Return the handlers of an event of the operation; None if this botocore does not tell."""
    service = client.meta.service_model.service_id.hyphenize()
    return _handlers(client.meta.events, f"{event}.{service}.BatchCheckLayerAvailability")


def _handlers(events: Any, name: str) -> list[Any] | None:
    # This is private to botocore, and there is no other way to know. If it is missing, the caller takes the
    # plainer transport, so that no handler is skipped.
    emitter = getattr(events, "_emitter", events)
    trie = getattr(emitter, "_handlers", None)
    search = getattr(trie, "prefix_search", None)
    return list(search(name)) if callable(search) else None


def _module(handler: Any) -> str:
    while isinstance(handler, functools.partial):
        handler = handler.func
    return str(getattr(handler, "__module__", None) or type(handler).__module__)


def _why_not_json(client: Any) -> str:
    protocol = client.meta.service_model.metadata.get("protocol")
    return "" if protocol == "json" else f"this botocore speaks {clean(protocol)} with the service"


def _why_not_wire(client: Any) -> str:
    """Return the setting that only botocore's own HTTP session can keep; empty without one."""
    url = client.meta.endpoint_url
    config = client.meta.config
    verify = _verify(client)
    if config.client_cert:
        return "client certificates are left to botocore"
    if not str(url).startswith(("https://", "http://")):
        return f"{clean(url)} is not an http URL"
    if str(url).startswith("https://"):
        if verify is None:
            return "this botocore does not tell how it verifies certificates"
        if verify is False:
            return "TLS without verification is left to botocore"
        bundle = _ca_bundle(client) or ""
        if not os.path.exists(bundle):  # noqa: PTH110 (as above)
            return f"the bundle of certificates {clean(bundle)} does not exist"
        if not os.path.isfile(bundle):  # noqa: PTH113 (a folder of certificates is OpenSSL's own)
            return "the certificates to trust are not in one file"
    if "fips" in str(url):
        # FIPS users need validated cryptography. OpenSSL may be validated; the core's TLS library is not.
        return "FIPS endpoints are left to botocore"
    if not _direct(client)(url):
        return "proxies are left to botocore"
    timeouts = (config.connect_timeout, config.read_timeout)
    if not all(isinstance(each, int | float) and each > 0 for each in timeouts):
        return "a timeout is switched off"
    if _keepalive(client) is None:
        return "this botocore does not tell whether it keeps silent connections alive"
    return ""


def _why_not_native(client: Any) -> str:
    """Return the setting that only botocore's own signing and retrying keep; empty without one."""
    config = client.meta.config
    retries = config.retries or {}
    if retries.get("total_max_attempts") != 1 or retries.get("mode") == "adaptive":
        return "retries that you configured are left to botocore"
    if config.signature_version not in (None, "v4"):
        return "signatures other than v4 are left to botocore"
    if any(_module(each) == "botocore.monitoring" for each in _listening(client, "request-created") or ()):
        return "client-side monitoring is left to botocore"
    return ""


def _verify(client: Any) -> Any:
    """Return True, False or a path, as botocore decided it; None if botocore does not tell."""
    return getattr(_http_session(client), "_verify", None)


def _keepalive(client: Any) -> bool | None:
    """Return `tcp_keepalive` as botocore decided from all its sources; None if botocore does not tell.

    A client's config does not hold it, because botocore turns it into socket options and keeps these.
    """
    options = getattr(_http_session(client), "_socket_options", None)
    if options is None:
        return None
    return any(tuple(each)[:2] == (socket.SOL_SOCKET, socket.SO_KEEPALIVE) and each[2] for each in options)


def _http_session(client: Any) -> Any:
    session = getattr(getattr(client, "_endpoint", None), "http_session", None)
    return getattr(session, "inner", session)


def _ca_bundle(client: Any) -> Any:
    """Return the file of certificates that botocore trusts."""
    from botocore.httpsession import get_cert_path

    verify = _verify(client)
    return get_cert_path(verify) if verify else None


def _direct(client: Any) -> Callable[[str], bool]:
    from botocore.utils import get_environ_proxies

    proxies = client.meta.config.proxies

    def direct(url: str) -> bool:
        scheme = url.partition(":")[0]
        # As in botocore, proxies of a config replace those of the environment.
        return not (get_environ_proxies(url) if proxies is None else proxies).get(scheme)

    return direct
