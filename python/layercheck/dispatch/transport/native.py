"""The native transport: boto3 makes a call, and the core makes the next calls like it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, TypeAlias

from layercheck._core import CallLoop, PreparedCalls, WireError
from layercheck.aws.credentials import CredentialSnapshot
from layercheck.aws.response_limit import ReadBody
from layercheck.dispatch.transport.base import AskedRepository, Batch
from layercheck.dispatch.transport.plain import PlainTransport
from layercheck.dispatch.transport.preparation import VALID_S, Watched, listeners_of, prepare
from layercheck.dispatch.transport.signing import text
from layercheck.dispatch.transport.wire import WireTransport, as_botocore
from layercheck.redact import clean

_log = logging.getLogger("layercheck")

Answer: TypeAlias = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""

_PAUSE_S = 1.0
"""Seconds between two calls of which the transport tries to learn how calls are made."""


class NativeTransport(WireTransport):
    """The wire transport, except that botocore makes only the first call, and one a minute.

    At the event `before-send` the transport takes the request apart that botocore signed: endpoint, headers,
    their order, scope. The core signs it once more. Only if that gives botocore's signature, the core makes
    the next calls like it. They differ in the digests, date, invocation id, length and signature.

    Botocore makes a call again when the credentials have changed or are to be renewed, when a handler was
    registered on the client or removed, or when a minute is over. It makes all calls that `prepare` leaves to
    it. When a handler needs a plainer transport, this transport becomes that one for good.

    Args:
        *arguments: See `WireTransport`.
        fastest: Returns the fastest transport that may be used now, and why no faster one may.
        **options: See `WireTransport`.
    """

    name = "native"

    def __init__(self, *arguments: Any, fastest: Callable[[], tuple[str, str]], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._fastest = fastest
        self._prepared: PreparedCalls | None = None
        self._heard: object = None
        self._giving_way = threading.Lock()
        self._learns = True
        self._next_try_at = 0.0

    def close(self) -> None:
        """Close the connections that are not in use."""
        # What is watched holds the client, and the client's handlers hold this transport.
        self._learns, self._prepared = False, None
        super().close()

    def distrust(self) -> None:
        """See `Transport`."""
        # It may use the connections of an earlier route.
        self._prepared = None
        super().distrust()

    def __call__(self, batch: Batch) -> Mapping[str, Any] | bytes:
        """Make one call of `BatchCheckLayerAvailability`; see `Transport`."""
        prepared = self._prepared
        if prepared is None or self._aside or self._lost:
            return self._by_boto3(batch)
        try:
            told = prepared.ask(
                batch.repository.packer, batch.plan, batch.start, batch.stop, self._signing.clock.offset_s
            )
        except WireError as error:
            if not self._step_aside(error):
                raise as_botocore(error, SimpleNamespace(url=prepared.url)) from error
            told = None
        return self._by_boto3(batch) if told is None else self._read(told)

    @property
    def may_follow(self) -> bool:
        """See `LoopingTransport`."""
        return self._prepared is not None and not self._aside and not self._lost

    def follow(self, repository: AskedRepository, calls: CallLoop, seat: int) -> bytes | None:
        """Make the call of a seat, and then calls in the core; see `LoopingTransport`."""
        prepared = self._prepared
        if prepared is None or self._aside or self._lost:
            return None
        try:
            told = prepared.follow(calls, seat, repository.packer, self._signing.clock.offset_s)
        except WireError as error:
            if not self._step_aside(error):
                raise as_botocore(error, SimpleNamespace(url=prepared.url)) from error
            return None
        return None if told is None else self._read(told)

    def look(self) -> None:
        """Look whether calls are still made like the one that boto3 made."""
        prepared = self._prepared
        if prepared is not None:
            prepared.look()

    def _by_boto3(self, batch: Batch) -> Mapping[str, Any] | bytes:
        """Let boto3 make the call. From the call of one thread at a time, learn how calls are made."""
        listeners = listeners_of(self._client)
        if listeners is not None and listeners[2] is not self._heard:
            with self._giving_way:
                self._give_way()
                self._heard = listeners[2]
        now = time.monotonic()
        if listeners is not None and self._learns and now >= self._next_try_at:
            self._next_try_at = now + _PAUSE_S
            self._state.listeners = listeners
        try:
            return super().__call__(batch)
        finally:
            self._state.listeners = None

    def _give_way(self) -> None:
        """Become a plainer transport if a handler needs one that was registered meanwhile."""
        fastest, why = self._fastest()
        if fastest == PlainTransport.name and not self._lost:
            self._lost = why
            self.name = fastest
            _log.info("making plain boto3 calls from now on: %s", clean(why, known=self.known))
        elif fastest == "slim":
            self._leave_to_botocore(why)
        elif fastest == WireTransport.name and self._learns:
            self._learns, self._prepared = False, None
            self.name = fastest
            _log.info("letting botocore make each call from now on: %s", clean(why, known=self.known))

    def _before_send(self, request: Any, **event: Any) -> object:
        listeners, self._state.listeners = self._state.listeners, None
        if listeners is not None and self._state.batch is not None:
            prepared = self._prepare(request, listeners)
            self._prepared = prepared
            if not self._learns:  # meanwhile
                self._prepared = None
        response: Any = super()._before_send(request, **event)
        if response is not None and response.status_code < 300:
            self._state.body = response.content
        return response

    def _prepare(self, request: Any, listeners: Watched) -> PreparedCalls | None:
        """Learn from a signed request how calls are made; None if botocore has to make each call."""
        try:
            return self._made_like(request, listeners)
        except (WireError, MemoryError):
            return None  # sending this request meets it again
        except ValueError as error:
            _log.debug("botocore makes each call, because none can be made like it: %s", error)
        except Exception as error:  # noqa: BLE001 (botocore can make the call)
            _log.debug("botocore makes each call, because of %s", type(error).__name__)
        return None

    def _made_like(self, request: Any, listeners: Watched) -> PreparedCalls | None:
        found = prepare(self._client, listeners)
        if found is None or self._aside:
            return None
        if (found.token or None) != _header(request, "X-Amz-Security-Token"):
            return None
        if f"Credential={found.access_key}/" not in (_header(request, "Authorization") or ""):
            return None
        route = self._route_to(request.url)
        if route is None:
            return None
        self._signing.note(CredentialSnapshot(found.access_key, found.secret_key, found.token))
        return PreparedCalls(
            route.wire,
            self.known,
            url=route.url,
            target=route.target,
            host=route.host,
            headers=list(request.headers.items()),
            body=request.body,
            secret_key=found.secret_key,
            watched=found.watched,
            valid_s=VALID_S,
            renewal_at=found.renewal_at,
        )

    def _read(self, told: bytes | tuple[Answer, float]) -> bytes:
        """Return the body of a good answer; raise what botocore raises for any other.

        Raises:
            ClientError: The service refused the call.
        """
        if isinstance(told, bytes):
            return told
        (status, headers, body), sent_at = told
        body = self._decoded(headers, body)
        if status < 300:
            return body
        client: Any = self._client
        model = client.meta.service_model.operation_model("BatchCheckLayerAvailability")
        parsed = _parsed_error(model, client.meta.endpoint_url, status, headers, body)
        raised = client.exceptions.from_code(parsed.get("Error", {}).get("Code"))
        error: Exception = raised(parsed, model.name)
        self._signing.learn_time(error, sent_at)
        raise error


def _header(request: Any, name: str) -> str | None:
    value = request.headers.get(name)
    return None if value is None else text(value)


def _parsed_error(model: Any, url: str, status: int, headers: list[tuple[str, str]], body: bytes) -> Any:
    """Let botocore parse an error response, as if it had come through botocore's own session."""
    from botocore.awsrequest import AWSResponse
    from botocore.endpoint import convert_to_response_dict
    from botocore.parsers import create_parser

    received: Any = dict(headers)
    raw: Any = ReadBody(body)
    parser = create_parser("json")
    answered = convert_to_response_dict(AWSResponse(url, status, received, raw), model)
    parsed = parser.parse(answered, model.output_shape)
    # Add the members of the error that the service's model knows, as botocore's endpoint does.
    shape = model.service_model.shape_for_error_code(parsed.get("Error", {}).get("Code"))
    if shape is not None:
        parsed.update(parser.parse(answered, shape))
    parsed["ResponseMetadata"]["RetryAttempts"] = 0
    return parsed
