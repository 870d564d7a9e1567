"""The slim transport: botocore signs and sends; the core packs the request and reads the answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from layercheck._core import Packer
from layercheck.aws import credentials
from layercheck.dispatch.transport.base import Batch
from layercheck.dispatch.transport.plain import PlainTransport, answer_in
from layercheck.types import EcrClient

_log = logging.getLogger("layercheck")


class Exchange(threading.local):
    """What the thread's present call has come to; all its event handlers run in the same thread.

    Attributes:
        batch: What is asked; None outside a call of ours.
        reached: Our handler was called, so what goes out is the request for this batch, or nothing.
        body: The body of the answer, taken before botocore parsed it.
    """

    batch: Batch | None = None
    reached: bool = False
    body: bytes | None = None


class SlimTransport:
    """The public boto3 call with both bodies taken over at botocore's events.

    The method is called with one digest in place of all. At `before-call` the request's body is replaced
    by the one that the core packed, before it is signed; at `before-parse` the answer's body is taken,
    before botocore makes some 2,000 calls of the interpreter to turn it into dicts. Errors stay botocore's.

    Handlers keep nothing between two calls but what is the thread's own, so any number of threads may
    share the client. Should a botocore not fire one of the events any more, no wrong answer can come of
    it: a request that was not packed by us is not believed, and the plain call takes over for good.

    Args:
        client: A client of our own; handlers are registered on it, here and now.
        repository_name: Repository.
        registry_id: Registry, or None.
    """

    name = "slim"

    def __init__(self, client: EcrClient, repository_name: str, registry_id: str | None) -> None:
        self._client = client
        self._plain = PlainTransport(client, repository_name, registry_id)
        self._packer = Packer(repository_name, registry_id)
        self._exchange = Exchange()
        self._method = client.batch_check_layer_availability
        self._target = {"repositoryName": repository_name}
        if registry_id is not None:
            self._target["registryId"] = registry_id
        self._lost = ""
        events: Any = client.meta.events
        # Last of the most general name, so after every other handler: they all see the call.
        events.register_last("before-call", self._before_call)
        events.register_last("before-parse", self._before_parse)

    def __call__(self, batch: Batch) -> Mapping[str, Any] | bytes:
        """One call of `BatchCheckLayerAvailability`; see `Transport`."""
        if self._lost:
            return self._plain(batch)
        exchange = self._exchange
        exchange.batch, exchange.reached, exchange.body = batch, False, None
        # One digest in place of all, for a validator that a caller's config may have left on.
        shown = batch.plan.texts(batch.start, batch.start + 1)
        try:
            parsed = self._method(layerDigests=shown, **self._target)
        except Exception:
            if exchange.reached:
                raise
            parsed = None
        finally:
            reached, body = exchange.reached, exchange.body
            exchange.batch = exchange.body = None
        if not reached:
            # Either the event is gone, or the call failed before it, as the plain one will then too.
            answer = self._plain(batch)
            self._lose("before-call")
            return answer
        if body is not None:
            return body
        answer = answer_in(parsed)
        self._lose("before-parse")
        return answer

    def close(self) -> None:
        """Nothing: the connections are the client's."""

    def _before_call(self, params: dict[str, Any], **_: object) -> object:
        exchange = self._exchange
        if exchange.batch is not None:
            exchange.reached = True
            credentials.validate_credentials(self._client)
            batch = exchange.batch
            params["body"] = self._packer.pack(batch.plan, batch.start, batch.stop)
        return None

    def _before_parse(self, response_dict: dict[str, Any], **_: object) -> None:
        # botocore reads any of these as an answer; a proxy that changed something on the way says 203.
        if self._exchange.batch is not None and response_dict["status_code"] < 300:
            self._exchange.body = response_dict["body"]
            response_dict["body"] = b"{}"

    def _lose(self, event: str) -> None:
        """Say once that an event is gone, and leave it at plain calls."""
        if not self._lost:
            self._lost = event
            self.name = self._plain.name
            _log.warning(
                "this botocore does not fire %s for BatchCheckLayerAvailability; "
                "going on with plain boto3 calls, which are slower",
                event,
            )
