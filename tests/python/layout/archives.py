"""Layouts and archives of images in every form that programs wrote, made by hand."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
PLAIN = "application/vnd.oci.image.layer.v1.tar"
DOCKER_PLAIN = "application/vnd.docker.image.rootfs.diff.tar.gzip"

Json = dict[str, Any]


@dataclass(frozen=True)
class Link:
    """A link in an archive: symbolic from the folder of its name, or hard from the root."""

    target: str
    hard: bool = False


Files = dict[str, "bytes | Link"]


def hex_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digest_of(content: bytes) -> str:
    return "sha256:" + hex_of(content)


def plain_layer(text: str) -> bytes:
    """A layer with one file, as a tar."""
    return pack({f"data/{text}": text.encode()})


def packed_layer(text: str) -> bytes:
    return gzip.compress(plain_layer(text), mtime=0)


def config(*layers: bytes, os: str = "linux", architecture: str = "amd64", **more: object) -> bytes:
    """The config of an image with these plain layers."""
    diff_ids = [digest_of(layer) for layer in layers]
    return json.dumps(
        {"os": os, "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": diff_ids}, **more}
    ).encode()


class Oci:
    """An OCI layout that grows blob by blob."""

    def __init__(self) -> None:
        self.files: Files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}

    def blob(self, content: bytes, media_type: str, **more: object) -> Json:
        self.files[f"blobs/sha256/{hex_of(content)}"] = content
        return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}

    def document(self, document: Json, **more: object) -> Json:
        return self.blob(json.dumps(document).encode(), document["mediaType"], **more)

    def image(self, *layers: bytes, media_type: str = LAYER, **more: object) -> Json:
        """A manifest with these layers and a config of its own."""
        made = config(*layers, architecture=str(more.pop("architecture", "amd64")))
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(made, CONFIG),
            "layers": [self.blob(layer, media_type) for layer in layers],
        }
        return self.document(manifest, **more)

    def list(self, *children: Json, **more: object) -> Json:
        """An index of these children."""
        return self.document({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(children)}, **more)

    def index(self, *children: Json | None) -> Oci:
        """The `index.json`; a null for no list at all."""
        manifests = None if children == (None,) else list(children)
        self.files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()
        return self

    def without(self, descriptor: Json) -> Oci:
        """The layout without one blob."""
        del self.files[path_of(descriptor)]
        return self

    def folder(self, path: Path) -> Path:
        for name, content in self.files.items():
            assert isinstance(content, bytes)
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
        return path

    def archive(self, **how: Any) -> bytes:
        return pack(self.files, **how)


def path_of(descriptor: Json) -> str:
    digest: str = descriptor["digest"]
    return "blobs/" + digest.replace(":", "/")


def named(name: str) -> Json:
    """The annotations that name an image in `index.json`."""
    return {"annotations": {"org.opencontainers.image.ref.name": name}}


def pack(
    files: Mapping[str, bytes | Link],
    *,
    prefix: str = "",
    format: Literal[0, 1, 2] = tarfile.GNU_FORMAT,
    order: Literal["given", "reversed"] = "given",
) -> bytes:
    """The files as a tar archive."""
    file = io.BytesIO()
    names = list(files) if order == "given" else list(files)[::-1]
    with tarfile.open(fileobj=file, mode="w", format=format) as tar:
        for name in names:
            entry, content = tarfile.TarInfo(prefix + name), files[name]
            if isinstance(content, Link):
                entry.type = tarfile.LNKTYPE if content.hard else tarfile.SYMTYPE
                entry.linkname = content.target
                tar.addfile(entry)
            else:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def docker_1_9(*layers: bytes, tags: Mapping[str, str] | None = None) -> Files:
    """`docker save` before 1.10: a folder for each layer, which names its parent, and `repositories`."""
    files: Files = {}
    parent = ""
    for number, layer in enumerate(layers):
        name = f"{number + 1:064x}"
        files[f"{name}/VERSION"] = b"1.0"
        files[f"{name}/json"] = _json({"id": name, **({"parent": parent} if parent else {}), "os": "linux"})
        files[f"{name}/layer.tar"] = layer
        parent = name
    files["repositories"] = _json({"team/app": dict(tags) if tags else {"v1": parent}})
    return files


def docker_1_10(*layers: bytes, tags: list[str] | None = None) -> Files:
    """`docker save` of 1.10 to 24: the same folders, a config named by its hash, and `manifest.json`."""
    made = config(*layers)
    files = docker_1_9(*layers)
    names = []
    seen: dict[bytes, str] = {}
    for number, layer in enumerate(layers):
        name = f"{number + 1:064x}/layer.tar"
        if layer in seen:
            # Docker writes a layer once, and links the others to it.
            files[name] = Link(f"../{seen[layer]}")
        seen.setdefault(layer, name)
        names.append(name)
    files[f"{hex_of(made)}.json"] = made
    entry = {"Config": f"{hex_of(made)}.json", "RepoTags": tags or ["team/app:v1"], "Layers": names}
    files["manifest.json"] = _json([entry])
    return files


def docker_25(*layers: bytes, tags: list[str] | None = None, with_layers: bool = True) -> Files:
    """`docker save` of 25 and later, classic store: an OCI layout of plain layers, and `manifest.json`.

    An image without a tag has no entry in `index.json`, which then has a null.
    """
    oci = Oci()
    made = config(*layers)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": oci.blob(made, CONFIG),
        "layers": [oci.blob(layer, PLAIN) for layer in layers],
    }
    if not with_layers:
        manifest["layers"] = []
    if tags is None:
        oci.index(None)
    else:
        oci.index(*(oci.document(manifest, **named(tag.rpartition(":")[2])) for tag in tags))
    entry = {
        "Config": f"blobs/sha256/{hex_of(made)}",
        "RepoTags": tags,
        "Layers": [f"blobs/sha256/{hex_of(layer)}" for layer in layers],
        "LayerSources": {digest_of(layer): {"mediaType": PLAIN, "size": len(layer)} for layer in layers},
    }
    return {**oci.files, "manifest.json": _json([entry])}


def kaniko(*layers: bytes, plain: tuple[bytes, ...] = ()) -> Files:
    """kaniko and go-containerregistry: compressed layers, and a config named by its digest."""
    made = config(*plain)
    names = [f"{hex_of(layer)}.tar.gz" for layer in layers]
    entry = {"Config": digest_of(made), "RepoTags": ["registry.example/app:v1"], "Layers": names}
    return {
        digest_of(made): made,
        **dict(zip(names, layers, strict=True)),
        "manifest.json": _json([entry]),
    }
