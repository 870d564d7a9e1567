"""The plain transport: the public boto3 call and the dict it returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layercheck.aws import credentials
from layercheck.aws.classify import UnreadableAnswer, clean
from layercheck.dispatch.transport.base import Batch
from layercheck.types import EcrClient


class PlainTransport:
    """The oracle for faster ones, what they fall back to, and what a caller's own client gets."""

    name = "plain"

    def __init__(self, client: EcrClient, repository_name: str, registry_id: str | None) -> None:
        self._client = client
        self._target = {"repositoryName": repository_name}
        if registry_id is not None:
            self._target["registryId"] = registry_id

    def __call__(self, batch: Batch) -> Mapping[str, Any]:
        """One call of `BatchCheckLayerAvailability`; see `Transport`."""
        credentials.validate_credentials(self._client)
        return answer_in(
            self._client.batch_check_layer_availability(layerDigests=batch.texts(), **self._target)
        )

    def close(self) -> None:
        """Nothing: the connections are the client's."""


def answer_in(parsed: object) -> Mapping[str, Any]:
    """What botocore made of an answer, if it is one.

    Raises:
        UnreadableAnswer: A truncated or foreign body (a login page, say) parses to an answer
            without either list.
    """
    if not isinstance(parsed, Mapping):
        raise UnreadableAnswer(f"not a mapping but {type(parsed).__name__}")
    lists = [parsed[key] for key in ("layers", "failures") if parsed.get(key) is not None]
    if not lists or not all(isinstance(each, list) for each in lists):
        shown = clean(parsed.get("message", ""), 80)
        raise UnreadableAnswer("neither layers nor failures in it" + (f", but: {shown}" if shown else ""))
    return parsed
