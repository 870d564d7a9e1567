"""Images as inputs: layouts, archives and manifests, whose configs and layers are rows."""

from __future__ import annotations

import os
from typing import Any, Literal, TypeAlias

from layercheck import _core
from layercheck._core import Planner, is_compressed
from layercheck.inputs.content import more_of

ImageFormat: TypeAlias = Literal["layout", "manifest"]

_COMPRESSED_HEAD = (
    256 << 10
)  # a block of zstd has up to 128 KiB, and nothing of it can be read before its end
_LONGEST_MANIFEST = 4 << 20


def told(head: bytes, file: Any, format: str, *, by_column: bool) -> tuple[ImageFormat | None, Any]:
    """Whether a file is an archive of images or a manifest, and the file with all bytes still to be read.

    Args:
        head: The first bytes of the file.
        file: The path or the open file, with these bytes still to be read.
        format: The format that a file of text would be read in.
        by_column: Whether a column was chosen, which images do not have.
    """
    if not head or by_column:
        return None, file
    source = _core.image_source(head)
    if source is None and is_compressed(head):
        head, file = more_of(file, _COMPRESSED_HEAD)
        source = _core.image_source(head)
    elif _core.may_be_manifest(head) and format in ("lines", "jsonl"):
        head, file = more_of(file, _LONGEST_MANIFEST + 1)
        source = _core.image_source(head) if len(head) <= _LONGEST_MANIFEST else None
    return ("layout" if source == "archive" else source), file


def is_layout_folder(file: Any) -> bool:
    """Whether a path is a folder, which can only be a layout."""
    return isinstance(file, (str, os.PathLike)) and os.path.isdir(file)  # noqa: PTH112 - loading pathlib costs more


def feed_images(planner: Planner, file: Any, format: ImageFormat | None) -> tuple[str, ...]:
    """Gives the configs and layers of a layout, an archive or a manifest to a planner.

    Args:
        planner: Takes the rows.
        file: A path or an open binary file.
        format: What the file must be; None if it may be any of these.

    Returns:
        Notes for people, as those of `FileRows.feed`.

    Raises:
        ValueError: If it cannot be read as images, or its layers have other digests in a registry.
    """
    layout = _core.read_layout(file)
    if format is not None and (layout.form == "manifest") != (format == "manifest"):
        raise ValueError(f"this is {layout.form_says}, not a {format}: leave the format out, or correct it")
    return tuple(planner.extend_layout(layout))
