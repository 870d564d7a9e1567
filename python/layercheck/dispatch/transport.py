"""Transports: a batch of digest texts in, botocore's parsed answer out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from layercheck.dispatch.classify import UnreadableAnswer, clean
from layercheck.types import EcrClient


class Transport(Protocol):
    """Asks the service about one batch. Called from many threads at once."""

    def __call__(self, digests: Sequence[str]) -> Mapping[str, Any]:
        """The answer: `layers` and `failures` as botocore parses them.

        Raises:
            Exception: Anything `classify` can look at; what it does not know counts as passing.
        """


class PlainTransport:
    """The public boto3 call: the oracle for faster ones, and what a caller's own client gets."""

    def __init__(self, client: EcrClient, repository_name: str, registry_id: str | None) -> None:
        self._client = client
        self._target = {"repositoryName": repository_name}
        if registry_id is not None:
            self._target["registryId"] = registry_id

    def __call__(self, digests: Sequence[str]) -> Mapping[str, Any]:
        """One call of `BatchCheckLayerAvailability`; see `Transport`."""
        answer = self._client.batch_check_layer_availability(layerDigests=list(digests), **self._target)
        if not isinstance(answer, Mapping):
            raise UnreadableAnswer(f"not a mapping but {type(answer).__name__}")
        # A truncated or foreign body (a login page, say) parses to an answer without either list.
        lists = [answer[key] for key in ("layers", "failures") if answer.get(key) is not None]
        if not lists or not all(isinstance(each, list) for each in lists):
            shown = clean(answer.get("message", ""), 80)
            raise UnreadableAnswer("neither layers nor failures in it" + (f", but: {shown}" if shown else ""))
        return answer
