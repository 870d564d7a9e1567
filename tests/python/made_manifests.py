"""Small manifests and indexes for tests, with digests that fit."""

from __future__ import annotations

import hashlib
import json
from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
FOREIGN_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"


def digest_of(text: str | bytes) -> str:
    content = text.encode() if isinstance(text, str) else text
    return "sha256:" + hashlib.sha256(content).hexdigest()


def blob(name: str, media_type: str = LAYER) -> dict[str, Any]:
    """A descriptor of a blob whose content is its name."""
    return {"mediaType": media_type, "digest": digest_of(name), "size": len(name)}


def image(*layers: str, media_type: str = OCI_MANIFEST, **members: Any) -> str:
    """A manifest of a config and layers, each named."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": blob("config of " + " ".join(layers), CONFIG),
            "layers": [blob(name) for name in layers],
            **members,
        }
    )


def blobs_of(manifest: str) -> list[str]:
    document = json.loads(manifest)
    return [part["digest"] for part in (document["config"], *document["layers"])]


def index(*manifests: str, **members: Any) -> str:
    """An index of these manifests, one for each made-up architecture."""
    children = [
        {
            "mediaType": json.loads(manifest)["mediaType"],
            "digest": digest_of(manifest),
            "size": len(manifest),
            "platform": {"os": "linux", "architecture": f"arch{number}"},
        }
        for number, manifest in enumerate(manifests)
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children, **members})
