"""Which images and platforms of a source are pushed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from layercheck.errors import InvalidParameterError
from layercheck.push.source import Document, Image, Source
from layercheck.redact import clean

_SHOWN = 5


def select(source: Source, *, image: str | None = None, platforms: Sequence[str] = ()) -> Source:
    """The source without what is not pushed.

    Raises:
        InvalidParameterError: The source has no such image, or none of the platforms.
    """
    if image is not None:
        source = _of_image(source, image)
    return _of_platforms(source, platforms) if platforms else source


def _of_image(source: Source, image: str) -> Source:
    def is_meant(each: Image) -> bool:
        digest = source.documents[each.root].digest or ""
        names = (each.label(source.documents), *each.names)
        return image in (digest, digest.removeprefix("sha256:")) or any(
            _has_name(name, image) for name in names
        )

    found = tuple(each for each in source.images if is_meant(each))
    if not found:
        raise InvalidParameterError(
            f"image is {clean(image, 100)!r}, which the source does not have; "
            f"it has {_listed(each.label(source.documents) for each in source.images)}"
        )
    return replace(source, images=found)


def _has_name(name: str, wanted: str) -> bool:
    """Whether a name is the wanted one, with or without what stands before its repository or its tag."""
    return name == wanted or name.endswith((f"/{wanted}", f":{wanted}"))


def _of_platforms(source: Source, platforms: Sequence[str]) -> Source:
    images: list[Image] = []
    notes: list[str] = []
    left_out = False
    for image in source.images:
        root = source.documents[image.root]
        if root.role != "index":
            if _matches(root, platforms):
                images.append(image)
            continue
        leaves = [
            (key, document)
            for key, document in source.walk(image)
            if document.role != "index" and _matches(document, platforms)
        ]
        images += [Image(image.names, key) for key, _ in leaves]
        left_out = left_out or bool(leaves)
    if not images:
        known = dict.fromkeys(document.platform for document in _leaves(source) if document.platform)
        raise InvalidParameterError(
            f"platforms is {clean(', '.join(platforms), 100)!r}, which the source does not have; "
            f"it has {_listed(known)}"
        )
    if left_out:
        notes.append("chosen platforms are pushed by themselves, without the index that lists them")
    return replace(source, images=tuple(images), notes=(*source.notes, *notes))


def _leaves(source: Source) -> Iterator[Document]:
    return (
        document for image in source.images for _, document in source.walk(image) if document.role != "index"
    )


def _matches(document: Document, platforms: Sequence[str]) -> bool:
    """Whether a platform is one of the wanted ones; a wanted one without variant means all variants."""
    return any(
        document.platform == wanted or document.platform.startswith(f"{wanted}/")
        for wanted in (each.strip().strip("/").lower() for each in platforms)
        if wanted and document.platform
    )


def _listed(names: Iterable[str]) -> str:
    known = [clean(name, 100) for name in names]
    if not known:
        return "none"
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return ", ".join(known[:_SHOWN]) + more
