"""Reads what is to be pushed: a layout, an archive or a manifest, as a `Source`."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from layercheck._core import layout_graph
from layercheck.errors import InvalidParameterError, LayoutError
from layercheck.inputs.content import BinaryFile
from layercheck.layout import Layout
from layercheck.layout.watched import OnBytes, read_watched
from layercheck.push.selection import select
from layercheck.push.source import Document, Image, Part, Role, Source
from layercheck.redact import clean

SourceInput: TypeAlias = "str | os.PathLike[str] | BinaryFile | Layout"
"""A path, an open binary file, or a `Layout`."""

_PLAIN = (
    "layers are plain tars: docker push compresses them, so their digests are not known before, and the size "
    "is an upper bound; for an exact plan, save from Docker's containerd image store, build with docker "
    "buildx build -o type=oci, or convert with skopeo copy docker-archive:FILE oci:FOLDER"
)
_KEPT = (
    "the archive has compressed layers: crane push keeps their digests, docker push and skopeo copy "
    "docker-archive: compress them anew"
)
_PROBLEMS = 20
_USABLE = ("present", "unknown")
"""States of what can be pushed. Of a manifest alone nobody can tell, so it counts as there."""

_FLAWS = {
    "damaged": "damaged in the source: its size or hash is not the one that names it",
    "unreadable": "unreadable in the source",
}


def read_source(
    source: SourceInput,
    *,
    image: str | None,
    platforms: Iterable[str],
    blobs: str | os.PathLike[str] | None,
    verify: bool | None = None,
    on_bytes: OnBytes | None = None,
) -> Source:
    """Read a source, and choose what is pushed of it. `verify` and `on_bytes` are those of `read_watched`.

    Raises:
        InvalidParameterError: The source does not have the image or the platform, or `blobs` or `verify` is
            given with a layout that was read already.
        LayoutError: The source is not a layout or an archive of images, is damaged, or has no image.
        OSError: It cannot be read.
    """
    if not isinstance(source, Layout):
        layout = read_watched(source, blobs=blobs, verify=verify, on_bytes=on_bytes)
    else:
        for name, given in (("blobs", blobs), ("verify", verify)):
            if given is not None:
                raise InvalidParameterError(
                    f"{name} is given with a layout that was read already; pass it to read_layout"
                )
        layout = source
    if not layout.images:
        # An empty plan would read as if the target had everything.
        where = "" if layout.source is None else f"{layout.source}: "
        raise LayoutError(
            f"{where}it names no image, so there is nothing to push; add an image, with: skopeo copy "
            "docker://IMAGE oci:FOLDER:TAG"
        )
    return select(_source(layout, _name(source)), image=image, platforms=tuple(platforms))


def _name(source: SourceInput) -> str:
    if isinstance(source, Layout):
        return source.source or "a layout"
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    name = getattr(source, "name", None)
    if isinstance(name, str):
        return "standard input" if name == "<stdin>" else name
    return "an open file"


def _source(layout: Layout, name: str) -> Source:
    images, documents, blobs, problems = layout_graph(layout._layout)
    keys = [digest or f"document {number}" for number, (digest, *_) in enumerate(documents)]
    rewritten = _rewritten(documents, blobs)
    # A source has few media types and platforms, and cleaning each text anew took half of the time.
    cleaned = functools.cache(clean)
    found: dict[str, Document] = {}
    for at, (key, each) in enumerate(zip(keys, documents, strict=True)):
        digest, kind, is_attestation, media_type, size, state, platform, children, parts, unusable = each
        found[key] = Document(
            None if at in rewritten else digest,
            None if at in rewritten else size,
            cleaned(media_type, 200),
            _role(kind, is_attestation),
            cleaned(platform, 100),
            state in _USABLE,
            tuple(_part(blobs[number], role, cleaned) for number, role in parts),
            tuple(keys[child] for child in children),
            unusable,
            _FLAWS.get(state, ""),
        )
    plain = sum(is_unpacked for *_, is_unpacked in blobs)
    layers = len({number for *_, parts, _ in documents for number, role in parts if role == "layer"})
    notes = [*layout.notes, *([f"{plain:,} {_PLAIN}"] if plain else [])]
    if layout.form.startswith("docker-archive") and plain < layers:
        notes.append(_KEPT)
    notes += problems[:_PROBLEMS]
    if len(problems) > _PROBLEMS:
        notes.append(f"{len(problems) - _PROBLEMS:,} more problems in the source: layercheck layout")
    return Source(name, tuple(Image(tuple(names), keys[at]) for names, at in images), found, tuple(notes))


def _rewritten(documents: Sequence[tuple[Any, ...]], blobs: Sequence[tuple[Any, ...]]) -> frozenset[int]:
    """The documents that the client writes anew, because it compresses a layer of theirs or of a child."""
    found = {
        at
        for at, (digest, *_, parts, _unusable) in enumerate(documents)
        if digest is None or any(blobs[number][-1] for number, _ in parts)
    }
    grown = True
    while grown:
        above = {
            at
            for at, (*_, children, _parts, _unusable) in enumerate(documents)
            if at not in found and not found.isdisjoint(children)
        }
        grown = bool(above)
        found |= above
    return frozenset(found)


def _part(
    blob: tuple[str, int | None, str, str, bool, bool], role: Role, cleaned: Callable[[str, int], str]
) -> Part:
    digest, size, media_type, state, is_foreign, is_unpacked = blob
    return Part(
        None if is_unpacked else digest,
        size,
        cleaned(media_type, 200),
        role,
        state in _USABLE,
        not is_foreign,
        digest if is_unpacked else None,
        _FLAWS.get(state, ""),
    )


def _role(kind: str, is_attestation: bool) -> Role:
    if is_attestation or kind == "attestation":
        return "attestation"
    if kind == "index":
        return "index"
    return "artifact" if kind == "artifact" else "manifest"
