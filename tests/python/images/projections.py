"""Writes what the core's store keeps of a manifest, by the form that `src/images/projection.rs` describes.

With it, a test can give documents digests that no sha256 has: an index that contains itself.
"""

from __future__ import annotations

import zlib
from typing import Any

from images.reference_judge import (
    DOCUMENTS,
    fault_of,
    is_artifact,
    is_attestation,
    is_foreign,
    layers_of,
    size_of,
)

Json = dict[str, Any]

KIND, VERSION = b"m", b"\x02"
KINDS = ["image", "index", "attestation", "artifact", "schema1", "unknown"]
CONFIG, LAYER, FOREIGN, URLS, CHILD, SIZES, ATTESTATION, REPEATED = (1 << bit for bit in range(8))
ARTIFACT = CONFIG  # of children


def projection(digest: str, manifest: Json, kind: str) -> bytes:
    """The bytes for a manifest with this digest."""
    blobs: dict[str, list[Any]] = {}
    faults: list[str] = []
    described = [(CONFIG, manifest["config"])] if manifest.get("config") else []
    described += [(LAYER, layer) for layer in layers_of(manifest)]
    children = manifest.get("manifests") or []
    documents = [child for child in children if not child.get("mediaType") or child["mediaType"] in DOCUMENTS]
    described += [(LAYER | CHILD, child) for child in children if child not in documents]
    for flags, part in described:
        flags |= (FOREIGN if is_foreign(part) else 0) | (URLS if part.get("urls") else 0)
        size = size_of(part)
        if fault := fault_of(part["digest"]):
            faults += [] if flags & FOREIGN else [fault]
        elif part["digest"] not in blobs:
            blobs[part["digest"]] = [flags, -1 if size is None else size, part.get("mediaType", "")]
        else:
            known = blobs[part["digest"]]
            foreign = known[0] & flags & FOREIGN
            known[0] = (known[0] | flags) & ~FOREIGN | foreign
            if known[1] == -1:
                known[1] = -1 if size is None else size
            elif size is not None and size != known[1]:
                known[0] |= SIZES
    needed = [child for child in documents if not is_attestation(child) and not is_artifact(child)]
    faults += [fault_of(child["digest"]) for child in needed if fault_of(child["digest"])]
    body = bytes([KINDS.index(kind)]) + media_type(manifest.get("mediaType", "")) + text("") + b"\x00"
    malformed, unsupported = faults.count("malformed"), faults.count("unsupported")
    body += number(malformed) + number(unsupported) + (number(0) + text("") if faults else b"")
    body += number(len(blobs))
    for name, (flags, size, kind_of_blob) in blobs.items():
        body += bytes([flags]) + media_type(kind_of_blob) + number(size + 1) + raw(name)
    listed = [child for child in documents if not fault_of(child["digest"])]
    body += number(len(listed))
    for at, child in enumerate(listed):
        flags = (ATTESTATION if is_attestation(child) else 0) | (ARTIFACT if is_artifact(child) else 0)
        flags |= REPEATED if child["digest"] in [other["digest"] for other in listed[:at]] else 0
        platform = child.get("platform") or {}
        words = [platform.get(word, "") for word in ("os", "architecture", "variant", "os.version")]
        body += bytes([flags]) + b"".join(text(word) for word in words) + raw(child["digest"])
    sum_ = zlib.crc32(KIND + VERSION + body + raw(digest))
    return KIND + VERSION + sum_.to_bytes(4, "little") + body


def media_type(name: str) -> bytes:
    """A known type is one byte, another one its text behind a zero."""
    return bytes([KNOWN.index(name) + 1]) if name in KNOWN else b"\x00" + text(name)


def number(value: int) -> bytes:
    """Seven bits in a byte, the lowest first."""
    return (bytes([value & 127 | 128]) + number(value >> 7)) if value > 127 else bytes([value])


def text(value: str) -> bytes:
    return number(len(value.encode())) + value.encode()


def raw(digest: str) -> bytes:
    return bytes.fromhex(digest.removeprefix("sha256:"))


KNOWN = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.oci.artifact.manifest.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.oci.empty.v1+json",
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.in-toto+json",
]
