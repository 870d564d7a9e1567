"""Checks of whole repositories: `python bench studies.images`.

Two questions, each against `LocalEcr` in a process of its own, with answers that are compared with what that
knows to be broken:

* How long does it take, and how much memory, to check 100,000 images with 30 layers each, without latency:
  all at first, and then with the manifests that the first check kept?
* How much faster is it than a script that asks for each image and each layer by itself, on 32 threads, with
  10 ms latency?
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import layercheck as lc
from layercheck.testing import LocalEcr

RESULT = Path(__file__).parent.parent / "results" / "images.json"
REPOSITORY = "team/app"
MANY, FEW, LAYERS = 100_000, 100, 30
FAST: dict[str, Any] = {"rate": "max", "image_rate": "max", "list_rate": "max"}
THREADS = 32
ROUNDS = 5


def serve(pipe: Connection, images: int, latency_ms: float) -> None:
    """Serve made-up images until the pipe closes."""
    with LocalEcr({}) as ecr:
        broken, indexes = max(images // 2_000, 2), images // 20
        ecr.set_image_rule(REPOSITORY, images, layers=LAYERS, shared=0.67, broken=broken, indexes=indexes)
        ecr.set_latency(latency_ms)
        pipe.send((ecr.endpoint_url, ecr.incomplete_images(REPOSITORY)))
        pipe.recv()
        pipe.send(dict(ecr.counters.operations))


def whole(pipe: Connection, endpoint_url: str, manifests: str | None) -> None:
    """Check the repository once, and send figures and findings."""
    with lc.ImageChecker(REPOSITORY, endpoint_url=endpoint_url, manifests=manifests, **FAST) as checker:
        began = time.perf_counter()  # the script's client is made before, too
        report = checker.check()
        seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "seconds": round(seconds, 3),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": round(used.ru_maxrss * 1_024 / 1e6),
        "blobs": report.repository(REPOSITORY)._graph.blobs,
        "calls": report.stats.calls,
    }
    pipe.send((figures, sorted(image.digest for image in report.find("incomplete"))))


def one_by_one(endpoint_url: str) -> tuple[float, list[str]]:
    """What a script does: a call for each image, and a call for each of its layers."""
    import boto3
    from botocore.config import Config

    config = Config(max_pool_connections=THREADS)
    client: Any = boto3.client("ecr", endpoint_url=endpoint_url, config=config)
    began = time.perf_counter()
    pages = client.get_paginator("describe_images").paginate(repositoryName=REPOSITORY)
    listed = [image["imageDigest"] for page in pages for image in page["imageDetails"]]

    def read(digest: str) -> dict[str, Any]:
        answer = client.batch_get_image(
            repositoryName=REPOSITORY,
            imageIds=[{"imageDigest": digest}],
            acceptedMediaTypes=[
                "application/vnd.oci.image.manifest.v1+json",
                "application/vnd.oci.image.index.v1+json",
            ],
        )
        manifest: dict[str, Any] = json.loads(answer["images"][0]["imageManifest"])
        return manifest

    def is_there(digest: str) -> bool:
        answer = client.batch_check_layer_availability(repositoryName=REPOSITORY, layerDigests=[digest])
        return bool(answer["layers"]) and answer["layers"][0]["layerAvailability"] == "AVAILABLE"

    with ThreadPoolExecutor(THREADS) as threads:
        manifests = dict(zip(listed, threads.map(read, listed), strict=True))
        parts = {
            image: [each["digest"] for each in (manifest["config"], *manifest["layers"])]
            for image, manifest in manifests.items()
            if "layers" in manifest
        }
        asked = [digest for digests in parts.values() for digest in digests]
        there = dict(zip(asked, threads.map(is_there, asked), strict=True))
    broken = {image for image, digests in parts.items() if not all(there[each] for each in digests)}
    for image, manifest in manifests.items():
        if broken.intersection(child["digest"] for child in manifest.get("manifests", ())):
            broken.add(image)
    return time.perf_counter() - began, sorted(broken)


def few_in_turns(endpoint_url: str, broken: list[str]) -> dict[str, Any]:
    """Check with layercheck and with the script, in turns; the medians count."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        measured, found = in_process(whole, endpoint_url, None)
        assert found == broken, "layercheck found other images than are broken"
        ours.append(measured)
        seconds, found = one_by_one(endpoint_url)
        assert found == broken, "the script found other images than are broken"
        theirs.append(seconds)
    ours.sort(key=lambda each: float(each["seconds"]))
    script = round(statistics.median(theirs), 3)
    return {
        "few again": ours[ROUNDS // 2],
        "few, seconds of all rounds": [each["seconds"] for each in ours],
        "few by a script": {"seconds": script, "of all rounds": [round(each, 3) for each in sorted(theirs)]},
        "few, times faster": round(script / ours[ROUNDS // 2]["seconds"], 1),
    }


def in_process(function: Any, *arguments: Any) -> Any:
    """Call a function in a fresh process, and return what it sends."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=function, args=(theirs, *arguments))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        process.join()


def main(arguments: list[str]) -> None:
    """Measure, print, and keep the figures with `--keep`."""
    os.environ.update(dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "bench"))
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    figures: dict[str, Any] = {}
    context = multiprocessing.get_context("spawn")
    for name, images, latency_ms in (("many", MANY, 0.0), ("few", FEW, 10.0)):
        ours, theirs = context.Pipe()
        server = context.Process(target=serve, args=(theirs, images, latency_ms))
        server.start()
        endpoint_url, broken = ours.recv()
        with tempfile.TemporaryDirectory() as folder:
            store = str(Path(folder) / "manifests") if name == "many" else None
            for step in ("first", "again") if store else ("first",):
                measured, found = in_process(whole, endpoint_url, store)
                assert found == sorted(broken), "layercheck found other images than are broken"
                figures[f"{name} {step}"] = measured
        if name == "few":
            figures |= few_in_turns(endpoint_url, sorted(broken))
        ours.send(None)
        ours.recv()
        server.join()
    assert "BatchGetImage" not in figures["many again"]["calls"]
    print(json.dumps(figures, indent=2))
    if "--keep" in arguments:
        RESULT.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
