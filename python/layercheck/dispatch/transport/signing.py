"""`Signing`: the credentials, the signatures and the clock of one client."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from layercheck._core import KnownSecrets, signature_headers
from layercheck.aws import credentials
from layercheck.aws.classify import is_refused_for_its_time
from layercheck.aws.service_clock import ServiceClock

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^,]*/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[^,]*), ?Signature=[0-9a-f]{64}"
)
_MADE_ANEW = frozenset(("host", "x-amz-date", "x-amz-security-token"))
"""Signed headers that the core adds itself."""


class Signing:
    """What the requests of one client are signed with. Threads share it.

    Args:
        client: The client.
        owned: layercheck made the client, so that handlers may be registered on it. A caller's own client
            signs as it does: its signatures are not known, and its time is not corrected.

    Attributes:
        known: The secrets that are removed from every text of the service.
        clock: The correction to this machine's clock.
    """

    def __init__(self, client: Any, *, owned: bool) -> None:
        self.known = KnownSecrets()
        self.clock = ServiceClock()
        self._client = client
        self._noted: tuple[str, str | None] = ("", None)
        if owned:
            client.meta.events.register("before-send", self._before_send)

    def check_credentials(self) -> None:
        """Check that a request can hold the client's credentials, and note them.

        Raises:
            UnusableCredentials: A request cannot hold them.
            CredentialSourceError: They could not be refreshed.
        """
        found = credentials.validate_credentials(self._client, self.known)
        if found is not None:
            self.note(found)

    def note(self, found: credentials.CredentialSnapshot) -> None:
        """Note credentials that sign a request."""
        texts = [each if isinstance(each, str) else None for each in found]
        # Other types come from sessions that tests made.
        self._noted = (texts[0] or "", texts[2])
        self.known.learn(texts[0] or "", texts[1] or "", texts[2])

    @contextmanager
    def one_call(self) -> Iterator[None]:
        """Learn the service's time if the call within is refused for the time of its signature."""
        sent_at = time.time()
        try:
            yield
        except Exception as error:
            self.learn_time(error, sent_at)
            raise

    def learn_time(self, error: Exception, sent_at: float) -> None:
        """Learn the service's time if a call was refused for the time of its signature.

        Args:
            error: What the call raised.
            sent_at: When the request was made, seconds since 1970.
        """
        if is_refused_for_its_time(error):
            response = getattr(error, "response", None)
            self.clock.learn(response, sent_at=sent_at, received_at=time.time())

    def _before_send(self, request: Any, **_: object) -> None:
        if self.clock.offset_s:
            self._sign_again(request)
        authorization = text(request.headers.get("Authorization", ""))
        self.known.learn_authorization(authorization)
        # Credentials may have changed between the look at them and the signature.
        token = request.headers.get("X-Amz-Security-Token")
        sent = (_access_key(authorization), None if token is None else text(token))
        if sent[0] and sent != self._noted:
            self.known.learn(sent[0], "", sent[1])

    def _sign_again(self, request: Any) -> None:
        """Sign a request that botocore signed, with the service's time."""
        signed = _AUTHORIZATION.fullmatch(text(request.headers.get("Authorization", "")))
        found = credentials.current(self._client, self.known)
        if signed is None or found is None or not isinstance(request.body, bytes):
            return
        names = set(signed["headers"].split(";")) - _MADE_ANEW
        headers = [(each, text(value)) for each, value in request.headers.items() if each.lower() in names]
        scope = (signed["region"], signed["service"])
        at_s = time.time() + self.clock.offset_s
        for name, value in signature_headers(request.url, headers, request.body, scope, found, at_s):
            request.headers[name] = value
        self.note(found)


def _access_key(authorization: str) -> str:
    return authorization.partition("Credential=")[2].partition("/")[0]


def text(value: str | bytes) -> str:
    """Return the value of a header, which botocore may have encoded."""
    return value if isinstance(value, str) else value.decode("latin-1")
