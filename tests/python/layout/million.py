"""Layouts at the limits: a million documents, documents of 4 MiB, and documents of 100,000 parts."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator

MOST_DOCUMENTS = 1_000_000
MOST_BYTES = 4 << 20
MOST_PARTS = 100_000

_CHILDREN = 45_000  # of an index below 4 MiB


def entry(name: str, content: bytes) -> bytes:
    """A file of an archive: its header, its content, and zeros up to a whole block."""
    header = tarfile.TarInfo(name)
    header.size = len(content)
    return header.tobuf(tarfile.GNU_FORMAT) + content + b"\0" * (-len(content) % 512)


def blob(content: bytes) -> tuple[str, bytes]:
    """The hex digits of a blob, and its entry."""
    name = hashlib.sha256(content).hexdigest()
    return name, entry(f"blobs/sha256/{name}", content)


def index_of(names: list[str]) -> bytes:
    children = ",".join(f'{{"digest":"sha256:{name}"}}' for name in names)
    return f'{{"schemaVersion":2,"manifests":[{children}]}}'.encode()


def documents(number: int, *, present: bool) -> Iterator[bytes]:
    """The pieces of an OCI archive of so many indexes and manifests.

    The manifests are tiny, or only named and not there, which takes less room.
    """
    top: list[str] = []
    made = 0
    while made < number:
        names = []
        for at in range(made, made + min(_CHILDREN, number - made - 1)):
            content = b'{"layers":[],"number":%d}' % at
            names.append(hashlib.sha256(content).hexdigest())
            if present:
                yield blob(content)[1]
        name, packed = blob(index_of(names))
        top.append(name)
        yield packed
        made += len(names) + 1
    yield from end(top)


def document(content: bytes) -> Iterator[bytes]:
    """The pieces of an OCI archive of one document."""
    name, packed = blob(content)
    yield packed
    yield from end([name])


def padded_to(size: int, layers: list[str]) -> bytes:
    """A manifest of exactly so many bytes."""
    listed = ",".join(f'{{"digest":"sha256:{name}"}}' for name in layers)
    text = f'{{"schemaVersion":2,"layers":[{listed}],"annotations":{{"a":"PADDING"}}}}'
    return text.replace("PADDING", "x" * (size - len(text) + len("PADDING"))).encode()


def of_parts(number: int) -> bytes:
    """A manifest with so many layers, without digests, because these would take too much room."""
    return b'{"schemaVersion":2,"layers":[' + b",".join([b"{}"] * number) + b"]}"


def end(top: list[str]) -> Iterator[bytes]:
    yield entry("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    yield entry("index.json", index_of(top))
    yield b"\0" * 1024
