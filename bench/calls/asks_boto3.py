"""boto3 in its usual form: one client, a pool of threads, 100 digests a call; option "2": two processes."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from time import perf_counter
from typing import Any

import boto3
from botocore.config import Config

from calls import trial
from calls.trial import BATCH, REPOSITORY


class Threads:
    extra_cpu_seconds = 0.0
    extra_bytes = 0

    def __init__(self, task: trial.Task) -> None:
        self.times: list[float] = []
        self._client: Any = boto3.client(
            "ecr",
            endpoint_url=task.endpoint_url,
            verify=task.ca_bundle,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(max_pool_connections=task.in_flight),
        )
        self._pool = ThreadPoolExecutor(task.in_flight)

    def prepare(self, digests: list[str]) -> list[str]:
        return digests

    def ask(self, digests: list[str]) -> bytes:
        batches = [digests[start : start + BATCH] for start in range(0, len(digests), BATCH)]
        known: dict[str, str] = {}
        for said in self._pool.map(self._call, batches):
            known |= {layer["layerDigest"]: layer["layerAvailability"] for layer in said["layers"]}
        return trial.codes(known, digests)

    def _call(self, batch: list[str]) -> Any:
        began = perf_counter()
        said = self._client.batch_check_layer_availability(repositoryName=REPOSITORY, layerDigests=batch)
        self.times.append(perf_counter() - began)
        return said

    def close(self) -> None:
        self._pool.shutdown()
        self._client.close()


_own: Threads | None = None


def _begin(task: trial.Task) -> None:
    global _own
    _own = Threads(task)


def _ask(digests: list[str]) -> tuple[bytes, list[float], float, int]:
    assert _own is not None
    _own.times.clear()
    cpu = trial.cpu_seconds()
    said = _own.ask(digests)
    return said, _own.times, trial.cpu_seconds() - cpu, trial.peak_bytes()


class Processes:
    """Two processes with half of the digests and half of the calls in flight each."""

    COUNT = 2

    def __init__(self, task: trial.Task) -> None:
        self.times: list[float] = []
        self.extra_cpu_seconds = 0.0
        self.extra_bytes = 0
        context = multiprocessing.get_context("spawn")
        half = replace(task, in_flight=max(1, task.in_flight // self.COUNT))
        # Each process has a pool of its own, so that neither process does the work of both.
        self._pools = [ProcessPoolExecutor(1, context, _begin, (half,)) for _ in range(self.COUNT)]

    def prepare(self, digests: list[str]) -> list[str]:
        return digests

    def ask(self, digests: list[str]) -> bytes:
        batches = -(-len(digests) // BATCH)
        middle = -(-batches // self.COUNT) * BATCH
        halves = [digests[:middle], digests[middle:]]
        asked = [pool.submit(_ask, half) for pool, half in zip(self._pools, halves, strict=True)]
        said = b""
        self.extra_bytes = 0
        for future in asked:
            codes, times, cpu, peak = future.result()
            said += codes
            self.times += times
            self.extra_cpu_seconds += cpu
            self.extra_bytes += peak
        return said

    def close(self) -> None:
        for pool in self._pools:
            pool.shutdown()


if __name__ == "__main__":
    trial.run(lambda task: Processes(task) if task.option == "2" else Threads(task))
