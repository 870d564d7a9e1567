"""Small images in a local endpoint: made whole, and then broken by a test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import layercheck as lc
from layercheck.testing import LocalEcr

REPOSITORY = "team/app"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
FAST: dict[str, Any] = {"rate": "max", "image_rate": "max", "list_rate": "max"}


def sha(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def part(name: str, media_type: str = LAYER, **members: Any) -> dict[str, Any]:
    """A descriptor of a blob whose content is its name."""
    return {"mediaType": media_type, "digest": sha(name), "size": len(name), **members}


def manifest(*layers: str, **members: Any) -> str:
    config = part("config of " + " ".join(layers), CONFIG)
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [*map(part, layers)]}
    return json.dumps({**document, **members})


def index(*manifests: str, **members: Any) -> str:
    """An index of manifests, one for each made-up architecture."""
    children = [
        {
            "mediaType": json.loads(each)["mediaType"],
            "digest": sha(each),
            "size": len(each),
            "platform": {"os": "linux", "architecture": f"arch{number}"},
        }
        for number, each in enumerate(manifests)
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": children, **members})


def put(
    ecr: LocalEcr,
    text: str,
    *tags: str,
    repository: str = REPOSITORY,
    lacking: Iterable[str] = (),
    **how: Any,
) -> str:
    """Put an image with its blobs; those that are named in `lacking` are left out."""
    document = json.loads(text)
    parts = [*([document["config"]] if "config" in document else []), *document.get("layers", [])]
    missing = {sha(name) for name in lacking}
    held = {each["digest"]: each["size"] for each in parts if each["digest"] not in missing}
    ecr.put(repository, held)
    return ecr.put_image(repository, text, tags, force=True)


def check(ecr: LocalEcr, targets: Any = REPOSITORY, **options: Any) -> lc.ImageReport:
    given = {"session": ecr.session(), "endpoint_url": ecr.endpoint_url, **FAST, **options}
    if "client" in options:
        del given["session"], given["endpoint_url"]
    report = lc.check_images(targets, **given)
    assert sum(report.counts.values()) == report.images
    return report


def verdicts(report: lc.ImageReport) -> dict[str, tuple[str, str | None]]:
    """Digest to verdict and code, of all images."""
    found = report.to_arrow().to_pylist()
    return {line["digest"]: (line["verdict"], line["code"]) for line in found}


def asked(ecr: LocalEcr, operation: str) -> list[str]:
    """The digests that calls of an operation asked for."""
    return [digest for call in ecr.calls if call.operation == operation for digest in call.digests]
