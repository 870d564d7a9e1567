"""aiobotocore, in a virtual environment of its own, because it pins a version of botocore."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from time import perf_counter
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from calls import trial
from calls.trial import BATCH, REPOSITORY


class Aiobotocore:
    extra_cpu_seconds = 0.0
    extra_bytes = 0

    def __init__(self, task: trial.Task) -> None:
        self.times: list[float] = []
        self._in_flight = task.in_flight
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._client: Any = self._runner.run(self._open(task))

    async def _open(self, task: trial.Task) -> Any:
        client = get_session().create_client(
            "ecr",
            endpoint_url=task.endpoint_url,
            verify=task.ca_bundle,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=AioConfig(max_pool_connections=task.in_flight),
        )
        return await self._stack.enter_async_context(client)

    def prepare(self, digests: list[str]) -> list[str]:
        return digests

    def ask(self, digests: list[str]) -> bytes:
        return self._runner.run(self._ask(digests))

    async def _ask(self, digests: list[str]) -> bytes:
        batches = iter([digests[start : start + BATCH] for start in range(0, len(digests), BATCH)])
        known: dict[str, str] = {}
        await asyncio.gather(*(self._work(batches, known) for _ in range(self._in_flight)))
        return trial.codes(known, digests)

    async def _work(self, batches: Iterator[list[str]], known: dict[str, str]) -> None:
        for batch in batches:
            began = perf_counter()
            said = await self._client.batch_check_layer_availability(
                repositoryName=REPOSITORY, layerDigests=batch
            )
            self.times.append(perf_counter() - began)
            known |= {layer["layerDigest"]: layer["layerAvailability"] for layer in said["layers"]}

    def close(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()


if __name__ == "__main__":
    trial.run(Aiobotocore)
