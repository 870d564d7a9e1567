"""The plain transport: the public boto3 call and the dict it returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layercheck._core import KnownSecrets
from layercheck.aws.classify import ForeignAnswer, UnreadableAnswer, is_page
from layercheck.dispatch.transport.base import Batch
from layercheck.dispatch.transport.signing import Signing
from layercheck.redact import clean
from layercheck.types import EcrClient


class PlainTransport:
    """Makes plain boto3 calls. Tests compare the faster transports with it, and these fall back to it.

    A client of the caller's own always gets this transport.

    Args:
        client: The client.
        signing: The client's credentials and clock; made here if the client is the caller's own.
        owned: layercheck made the client, so its connections may be closed.
    """

    name = "plain"

    def __init__(
        self,
        client: EcrClient,
        signing: Signing | None = None,
        *,
        owned: bool = False,
    ) -> None:
        signing = signing or Signing(client, owned=owned)
        self.known = signing.known
        self._client = client
        self._signing = signing
        self._owned = owned

    def __call__(self, batch: Batch) -> Mapping[str, Any]:
        """Make one call of `BatchCheckLayerAvailability`; see `Transport`."""
        self._signing.check_credentials()
        with self._signing.one_call():
            parsed = self._client.batch_check_layer_availability(
                layerDigests=batch.texts(), **batch.repository.keywords
            )
        return answer_in(parsed, self.known)

    def distrust(self) -> None:
        """See `Transport`. A caller's own client keeps its connections, because other code may use them.

        So on such a client every later answer on that connection may be foreign too. It never gives a wrong
        verdict, but digests that get no other answer stay unanswered.
        """
        if self._owned:
            # botocore drops its pool of connections and makes a new one with the next request.
            self._client.close()  # type: ignore[attr-defined]

    def close(self) -> None:
        """Do nothing, because the connections belong to the client."""


def answer_in(parsed: object, known: KnownSecrets) -> Mapping[str, Any]:
    """Return what botocore parsed, if it is an answer.

    Args:
        parsed: What the client returned.
        known: The secrets of the client, which an error must not show.

    Raises:
        UnreadableAnswer: It has neither list: the body was truncated, or it came from another service (for
            instance a login page).
        ForeignAnswer: It is a page for people.
    """
    if not isinstance(parsed, Mapping):
        raise UnreadableAnswer(f"not a mapping but {type(parsed).__name__}")
    lists = [parsed[key] for key in ("layers", "failures") if parsed.get(key) is not None]
    if not lists or not all(isinstance(each, list) for each in lists):
        if is_page(parsed):
            raise ForeignAnswer("an HTML page")
        shown = clean(parsed.get("message", ""), 80, known)
        raise UnreadableAnswer("neither layers nor failures in it" + (f", but: {shown}" if shown else ""))
    return parsed
