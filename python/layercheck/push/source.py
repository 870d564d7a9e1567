"""What a source holds: its documents, the blobs that they name, and the order in which a push sends them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["config", "layer", "config, layer", "manifest", "index", "attestation", "artifact"]
"""What a blob or a document is to the images that need it."""

MANIFEST_ROLES: frozenset[str] = frozenset({"manifest", "index", "attestation", "artifact"})
"""The roles of documents. ECR takes them by PutImage, and blobs in parts."""


@dataclass(frozen=True, slots=True)
class Part:
    """A blob that a document names.

    Attributes:
        digest: The digest as ECR has it, `sha256:<hex>`; None if it is not known before the push.
        size: Bytes, of the file in the source or else of the descriptor; None if neither tells.
        media_type: The media type; empty if the document gives none.
        role: `config` or `layer`.
        present: Whether the source has the bytes.
        distributable: False for layers that a push leaves out by their media type.
        diff_id: The digest of the plain tar, for layers that a push compresses first.
        flaw: Why the source's bytes cannot be pushed, so that it is not `present`; else empty.
    """

    digest: str | None
    size: int | None = None
    media_type: str = ""
    role: Role = "layer"
    present: bool = True
    distributable: bool = True
    diff_id: str | None = None
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or an index.

    Attributes:
        digest: The digest, or None if the client writes the document during the push.
        size: Bytes; None for an unknown size.
        media_type: The media type.
        role: What it is.
        platform: `os/architecture[/variant]`, or empty.
        present: Whether the source has the bytes.
        parts: The blobs that it names itself, in the order of the document.
        children: The documents that it lists, as keys of `Source.documents`.
        unusable: Parts that it names and ECR cannot have, because their digests are not sha256.
        flaw: Why the source's bytes cannot be pushed, so that it is not `present`; else empty.
    """

    digest: str | None
    size: int | None = None
    media_type: str = ""
    role: Role = "manifest"
    platform: str = ""
    present: bool = True
    parts: tuple[Part, ...] = ()
    children: tuple[str, ...] = ()
    unusable: int = 0
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that the source offers under its names.

    Attributes:
        names: Its names and tags in the source; perhaps none.
        root: The key of its document.
    """

    names: tuple[str, ...]
    root: str

    def label(self, documents: Mapping[str, Document]) -> str:
        """The first name, or else the digest."""
        return self.names[0] if self.names else documents[self.root].digest or self.root


@dataclass(frozen=True, slots=True)
class Source:
    """A layout or an archive, as far as a push needs it.

    Attributes:
        name: What it is called in messages.
        images: The images that are pushed.
        documents: All documents by key. The key is the digest, where there is one.
        notes: What is to be known about the source.
    """

    name: str
    images: tuple[Image, ...]
    documents: Mapping[str, Document]
    notes: tuple[str, ...] = ()

    def walk(self, image: Image) -> Iterator[tuple[str, Document]]:
        """The documents of an image, each once, children before the index that lists them."""
        return _walk(image.root, self.documents)


@dataclass(frozen=True, slots=True)
class Need:
    """One blob or document that the push is about, and who needs it.

    Attributes:
        part: The blob; None for a document.
        document: The document; None for a blob.
        images: The labels of the images that need it.
        platforms: The platforms that need it.
        is_root: Whether it is the document of an image, which the tag names.
    """

    part: Part | None = None
    document: Document | None = None
    images: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    is_root: bool = False

    @property
    def digest(self) -> str | None:
        """The digest, or None if it is not known before the push."""
        thing = self.part or self.document
        return thing.digest if thing else None


@dataclass(slots=True)
class _Collected:
    """A need while its images are walked. Dicts keep an order, and find a name among many at once."""

    part: Part | None = None
    document: Document | None = None
    images: dict[str, None] = field(default_factory=dict)
    platforms: dict[str, None] = field(default_factory=dict)
    is_root: bool = False

    def add(self, label: str, document: Document) -> None:
        self.images[label] = None
        if document.platform:
            self.platforms[document.platform] = None

    def need(self) -> Need:
        return Need(self.part, self.document, tuple(self.images), tuple(self.platforms), self.is_root)


def needs_of(source: Source) -> list[Need]:
    """What a push of the source sends, in its order: blobs, manifests of children, then their indexes."""
    blobs: dict[str, _Collected] = {}
    documents: dict[str, _Collected] = {}
    for image in source.images:
        label = image.label(source.documents)
        for key, document in source.walk(image):
            its = documents.setdefault(key, _Collected(document=document))
            its.add(label, document)
            its.is_root = its.is_root or key == image.root
            # The config goes last, as clients send it.
            for part in sorted(document.parts, key=lambda part: part.role == "config"):
                # A layer of a docker-archive has no digest yet; its plain tar tells layers apart.
                name = part.digest or part.diff_id or f"{key} {len(blobs)}"
                blob = blobs.setdefault(name, _Collected())
                blob.part = _joined(blob.part, part)
                blob.add(label, document)
    return [each.need() for each in (*blobs.values(), *documents.values())]


def _walk(root: str, documents: Mapping[str, Document]) -> Iterator[tuple[str, Document]]:
    """Post-order, without recursion, so that a deep or cyclic index cannot end the process."""
    seen = {root}
    path: list[tuple[str, Iterator[str]]] = [(root, iter(documents[root].children))]
    while path:
        key, children = path[-1]
        for child in children:
            if child not in seen and child in documents:
                seen.add(child)
                path.append((child, iter(documents[child].children)))
                break
        else:
            path.pop()
            yield key, documents[key]


def _joined(first: Part | None, second: Part) -> Part:
    """One blob that two documents name, perhaps one as config and the other as layer."""
    if first is None:
        return second
    return replace(
        first,
        role=first.role if first.role == second.role else "config, layer",
        size=first.size if first.size is not None else second.size,
        present=first.present or second.present,
        # A push sends a blob if one of its media types lets it.
        distributable=first.distributable or second.distributable,
    )
