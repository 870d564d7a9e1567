"""The slim transport: the core packs the request and reads the answer; botocore signs and sends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from layercheck.dispatch.transport.base import Batch
from layercheck.dispatch.transport.plain import PlainTransport, answer_in
from layercheck.dispatch.transport.preparation import Watched
from layercheck.dispatch.transport.signing import Signing
from layercheck.types import EcrClient

_log = logging.getLogger("layercheck")


class CallState(threading.local):
    """The state of the thread's present call. All event handlers of a call run in the same thread.

    Attributes:
        batch: What is asked; None outside a call of the transport.
        reached: The transport's handler ran, so that botocore sends the request for this batch or none.
        body: The body of the answer, taken before botocore parsed it.
        listeners: Set while the native transport learns from the call; see `listeners_of`.
    """

    batch: Batch | None = None
    reached: bool = False
    body: bytes | None = None
    listeners: Watched | None = None


class SlimTransport:
    """Makes the public boto3 call and replaces both bodies in handlers of botocore's events.

    The transport passes one digest in place of all. At `before-call`, before botocore signs, it replaces the
    request's body by the one that the core packed. At `before-parse` it takes the answer's body, because
    botocore needs some 2,000 interpreter-level calls to turn it into dicts. Botocore still reads errors.

    The handlers keep only thread-local state between two calls, so any number of threads may share the
    client. If botocore stops firing one of the events, the transport falls back to plain calls for good,
    instead of returning a wrong answer: it does not use the answer to a request that it did not pack.

    Args:
        client: A client that layercheck made; the transport registers handlers on it.
        signing: The client's credentials and clock.
    """

    name = "slim"

    def __init__(self, client: EcrClient, signing: Signing) -> None:
        self.known = signing.known
        self._client = client
        self._signing = signing
        self._plain = PlainTransport(client, signing, owned=True)
        self._state = CallState()
        self._method = client.batch_check_layer_availability
        self._lost = ""
        events: Any = client.meta.events
        # As the last handlers, under the most general name, so that every other handler sees the call first.
        events.register_last("before-call", self._before_call)
        events.register_last("before-parse", self._before_parse)

    def __call__(self, batch: Batch) -> Mapping[str, Any] | bytes:
        """Make one call of `BatchCheckLayerAvailability`; see `Transport`."""
        if self._lost:
            return self._plain(batch)
        state = self._state
        state.batch, state.reached, state.body = batch, False, None
        # One digest in place of all, because the caller's config may have left botocore's validator on.
        shown = batch.plan.texts(batch.start, batch.start + 1)
        try:
            with self._signing.one_call():
                parsed = self._method(layerDigests=shown, **batch.repository.keywords)
        except Exception:
            if state.reached:
                raise
            parsed = None
        finally:
            reached, body = state.reached, state.body
            state.batch = state.body = None
        if not reached:
            # The event is gone, or the call failed before it. In the second case the plain call fails too.
            answer = self._plain(batch)
            self._lose("before-call")
            return answer
        if body is not None:
            return body
        answer = answer_in(parsed, self.known)
        self._lose("before-parse")
        return answer

    def distrust(self) -> None:
        """See `Transport`."""
        self._plain.distrust()

    def close(self) -> None:
        """Do nothing, because the connections belong to the client."""

    def _before_call(self, params: dict[str, Any], **_: object) -> object:
        state = self._state
        if state.batch is not None:
            state.reached = True
            self._signing.check_credentials()
            batch = state.batch
            params["body"] = batch.repository.packer.pack(batch.plan, batch.start, batch.stop)
        return None

    def _before_parse(self, response_dict: dict[str, Any], **_: object) -> None:
        # botocore reads all of these as answers; 203 is the status of a proxy that changed the response.
        if self._state.batch is not None and response_dict["status_code"] < 300:
            self._state.body = response_dict["body"]
            response_dict["body"] = b"{}"

    def _lose(self, event: str) -> None:
        """Log once that an event is gone, and make plain calls from now on."""
        if not self._lost:
            self._lost = event
            self.name = self._plain.name
            _log.warning(
                "this botocore does not fire %s for BatchCheckLayerAvailability; "
                "layercheck now makes plain boto3 calls, which are slower",
                event,
            )
