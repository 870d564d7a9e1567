"""boto3 in its usual form: one client, a pool of threads, 100 digests a call."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.config import Config

from offline.data.calls import CODES, REPOSITORY, Calls, answer, session

__all__ = ["answer", "calls", "ready_calls"]

Ready = tuple[Any, Calls]


def ready_calls(source: dict[str, Any]) -> Ready:
    what = Calls.of(source)
    config = Config(max_pool_connections=what.in_flight)
    return session().client("ecr", endpoint_url=what.endpoint_url, config=config), what


def calls(ready: Ready) -> bytes:
    client, what = ready

    def ask(batch: list[str]) -> dict[str, Any]:
        said: dict[str, Any] = client.batch_check_layer_availability(
            repositoryName=REPOSITORY, layerDigests=batch
        )
        return said

    batches = [what.digests[start : start + 100] for start in range(0, len(what.digests), 100)]
    known: dict[str, str] = {}
    with ThreadPoolExecutor(what.in_flight) as pool:
        for said in pool.map(ask, batches):
            known |= {layer["layerDigest"]: layer["layerAvailability"] for layer in said["layers"]}
    return bytes(CODES[known[digest]] for digest in what.digests)
