"""The wire transport: the core packs, sends and reads; botocore signs."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from layercheck._core import Wire, WireError
from layercheck.aws.content_encoding import content_encoding, decoded
from layercheck.aws.response_limit import ReadBody
from layercheck.dispatch.transport.signing import Signing
from layercheck.dispatch.transport.slim import SlimTransport
from layercheck.limits import Limits
from layercheck.redact import clean
from layercheck.types import EcrClient

_log = logging.getLogger("layercheck")

BROKEN_BEFORE_ASKING = frozenset(("tls", "request"))
"""Kinds of `WireError` that happen before anything was asked. Botocore may then succeed, because its TLS
accepts more (for instance a bundle with a server's own certificate), and users know its errors."""


@dataclass(frozen=True, slots=True)
class Route:
    """Open connections for one URL.

    Attributes:
        url: The URL.
        wire: Connections to its host.
        target: Path and query, as the request line has them.
        host: Value of the `Host` header.
        sent: The URL as the server sees it and as the signature needs it: the host in lower case, without
            a user name.
    """

    url: str
    wire: Wire
    target: str
    host: str
    sent: str


class WireTransport(SlimTransport):
    """The slim transport, except that the core sends the request, at the event `before-send`.

    `choose` leaves proxies, client certificates and connections without verification to botocore. If rustls
    later refuses a certificate, the transport leaves the sending to botocore for good: botocore sends the
    same request, and its result counts.

    Args:
        client: A client that layercheck made.
        signing: The client's credentials and clock.
        ca_bundle: PEM file of the certificates to trust.
        keepalive: Probe silent connections, as `tcp_keepalive` of a config says.
        limits: Limits of one answer.
        direct: Says whether a URL is reached without a proxy.
    """

    name = "wire"

    def __init__(
        self,
        client: EcrClient,
        signing: Signing,
        *,
        ca_bundle: str,
        keepalive: bool,
        limits: Limits,
        direct: Callable[[str], bool],
    ) -> None:
        super().__init__(client, signing)
        self._ca_bundle = ca_bundle
        self._keepalive = keepalive
        self._limits = limits
        self._direct = direct
        self._config: Any = client.meta.config
        self._route: Route | None = None
        self._opening = threading.Lock()
        self._aside = ""
        client.meta.events.register_last("before-send", self._before_send)

    def distrust(self) -> None:
        """See `Transport`. Without the lock, because a route that is opened just now is not concerned."""
        route = self._route
        if route is not None:
            route.wire.distrust()
        super().distrust()

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._opening:
            if self._route is not None:
                self._route.wire.close()

    def _before_send(self, request: Any, **_: object) -> object:
        if self._state.batch is None or self._aside:
            return None
        try:
            route = self._route_to(request.url)
            if route is None:
                return None
            status, headers, body = route.wire.send(
                route.target, route.host, list(request.headers.items()), request.body
            )
            body = self._decoded(headers, body)
        except WireError as error:
            if self._step_aside(error):
                return None
            raise as_botocore(error, request) from error
        from botocore.awsrequest import AWSResponse

        raw: Any = ReadBody(body)
        received: Any = dict(headers)
        return AWSResponse(request.url, status, received, raw)

    def _decoded(self, headers: list[tuple[str, str]], body: bytes) -> bytes:
        encoding = content_encoding(headers)
        return decoded(body, encoding, limit_bytes=self._limits.body_limit_bytes) if encoding else body

    def _route_to(self, url: str) -> Route | None:
        """Return the route to a URL, opened at its first use; None if botocore must send."""
        route = self._route
        if route is not None and route.url == url:
            return route
        with self._opening:
            if self._route is None or self._route.url != url:
                if not all("!" <= each <= "~" for each in url):
                    self._leave_to_botocore(f"{clean(url)} has characters to be escaped")
                    return None
                if not self._direct(url):
                    self._leave_to_botocore(f"a proxy leads to {clean(url)}")
                    return None
                try:
                    self._route = self._open(url)
                except WireError as error:
                    if not self._step_aside(error):
                        raise
                    return None
            return self._route

    def _open(self, url: str) -> Route:
        parts = urlsplit(url)
        host = parts.hostname or ""
        secure = parts.scheme == "https"
        default_port = 443 if secure else 80
        port = parts.port or default_port
        named = f"[{host}]" if ":" in host else host
        limits = self._limits
        connect_timeout_s, read_timeout_s = self._config.connect_timeout, self._config.read_timeout
        wire = Wire(
            host,
            port,
            ca_bundle=self._ca_bundle if secure else None,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
            body_deadline_s=limits.body_deadline_s,
            deadline_s=limits.call_deadline_s,
            body_limit_bytes=limits.body_limit_bytes,
            keep=self._config.max_pool_connections,
            keepalive=self._keepalive,
        )
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        named = named if port == default_port else f"{named}:{port}"
        return Route(url, wire, target, named, f"{parts.scheme}://{named}{target}")

    def _step_aside(self, error: WireError) -> bool:
        """Leave the sending to botocore from now on, if that can help; return whether it can."""
        kind, reason = error.args
        if kind in BROKEN_BEFORE_ASKING:
            self._leave_to_botocore(reason)
        return kind in BROKEN_BEFORE_ASKING

    def _leave_to_botocore(self, reason: str) -> None:
        if not self._aside:
            self._aside = reason
            self.name = SlimTransport.name
            _log.info("leaving the sending to botocore: %s", clean(reason, known=self.known))


def as_botocore(error: WireError, request: Any) -> Exception:
    """Return the exception that botocore's own HTTP session raises for such an error."""
    from botocore import exceptions as known

    kind, reason = error.args
    url = request.url
    if kind == "descriptors":
        return OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    if kind in ("connect", "tls"):
        return known.EndpointConnectionError(endpoint_url=url, error=reason)
    if kind == "connect_timeout":
        return known.ConnectTimeoutError(endpoint_url=url, error=reason)
    if kind == "read_timeout":
        return known.ReadTimeoutError(endpoint_url=url, error=reason)
    if kind == "closed":
        return known.ConnectionClosedError(endpoint_url=url, error=reason, request=request)
    if kind == "truncated":
        return known.ResponseStreamingError(error=reason)
    return known.HTTPClientError(error=reason)
