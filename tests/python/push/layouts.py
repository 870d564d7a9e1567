"""OCI layouts for the tests of push plans."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def layer(text: str, size: int = 1000) -> bytes:
    """A compressed layer; the text and the size decide its bytes."""
    return gzip.compress((text * size).encode()[:size], mtime=0)


@dataclass
class Layout:
    """A layout that grows in a folder."""

    folder: Path
    index: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "blobs" / "sha256").mkdir(parents=True)
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self._save()

    def path(self, digest: str) -> Path:
        return self.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def add(self, content: bytes, media_type: str, **members: Any) -> dict[str, Any]:
        """Put a blob into the layout, and return its descriptor."""
        digest = digest_of(content)
        self.path(digest).write_bytes(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content), **members}

    def image(
        self,
        layers: Sequence[bytes | dict[str, Any]],
        platform: str = "linux/amd64",
        name: str | None = None,
        **members: Any,
    ) -> dict[str, Any]:
        """Add an image of these layers, and return the descriptor of its manifest; `name` lists it."""
        os_, architecture = platform.split("/")
        config = {"os": os_, "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": []}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.add(json.dumps(config | {"x": name}).encode(), CONFIG),
            "layers": [each if isinstance(each, dict) else self.add(each, LAYER) for each in layers],
            **members,
        }
        descriptor = self.add(json.dumps(manifest).encode(), MANIFEST)
        descriptor["platform"] = {"os": os_, "architecture": architecture}
        if name is not None:
            self.list(descriptor, name)
        return descriptor

    def images(self, children: Sequence[Mapping[str, Any]], name: str | None = None) -> dict[str, Any]:
        """Add an index of these images, and return its descriptor."""
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(children)}
        descriptor = self.add(json.dumps(document).encode(), INDEX)
        if name is not None:
            self.list(descriptor, name)
        return descriptor

    def list(self, descriptor: Mapping[str, Any], name: str = "") -> None:
        """Name a document in index.json."""
        named = {"annotations": {"org.opencontainers.image.ref.name": name}} if name else {}
        self.index.append({**descriptor, **named})
        self._save()

    def document(self, digest: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.path(digest).read_bytes())
        return document

    def drop(self, digest: str) -> None:
        self.path(digest).unlink()

    def _save(self) -> None:
        content = {"schemaVersion": 2, "manifests": self.index}
        (self.folder / "index.json").write_text(json.dumps(content))
