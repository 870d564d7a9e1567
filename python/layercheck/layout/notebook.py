"""The view of a layout in a notebook: its images with their platforms, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from layercheck.display import fragment
from layercheck.display.wording import bytes_text

if TYPE_CHECKING:
    from layercheck.layout.layout import Layout, LayoutPlatform

_NAMES = 3


def render(layout: Layout) -> str:
    """The layout as an HTML fragment."""
    state = "complete" if layout.complete else "<b>incomplete</b>"
    numbers = (
        f"{len(layout.images):,} images, {len(layout.blobs):,} blobs, {bytes_text(layout.size)}, {state}"
    )
    return fragment.view(
        fragment.title("Layout", layout.source, layout.form),
        fragment.line(numbers),
        *(fragment.note(fragment.text(note)) for note in layout.notes),
        _platforms(layout),
        _problems(layout),
    )


def platform_text(platform: LayoutPlatform) -> str:
    """The platform as `linux/arm64/v8`; empty if nothing tells it."""
    words = (platform.os, platform.architecture, platform.variant)
    return "/".join(word for word in words if word)


ImageKey: TypeAlias = "tuple[str | None, str | None]"
"""The first name of an image and its digest, by which a platform tells its image."""


def names_by_image(layout: Layout) -> dict[ImageKey, tuple[str, ...]]:
    """All names of each image that has more than one."""
    return {(each.names[0], each.digest): each.names for each in layout.images if len(each.names) > 1}


def some_of(names: Sequence[str]) -> tuple[Sequence[str], str]:
    """The first names, and how many more there are, in words."""
    more = len(names) - _NAMES
    return names[:_NAMES], f" and {more:,} more" if more > 0 else ""


def _platforms(layout: Layout) -> str:
    shown = layout.platforms[: fragment.MAX_ROWS]
    known = names_by_image(layout)

    def image_text(each: LayoutPlatform) -> str:
        first = each.image or each.image_digest or "no name"
        names, more = some_of(known.get((each.image, each.image_digest), (first,)))
        return ", ".join(names) + more

    rows = (
        (
            fragment.text(image_text(each)),
            fragment.text(platform_text(each) or each.kind),
            f"{each.layers:,}",
            bytes_text(each.size),
            f"{each.lacking:,}" if each.lacking else "",
            f"{each.damaged:,}" if each.damaged else "",
        )
        for each in shown
    )
    head = ("image", "platform", "layers", "size", "lacking", "damaged")
    note = f"{len(shown):,} of {len(layout.platforms):,}" if len(shown) < len(layout.platforms) else ""
    return fragment.table(head, rows, numbers=(2, 3, 4, 5)) + fragment.note(note)


def _problems(layout: Layout) -> str:
    return "".join(fragment.note(fragment.text(each)) for each in layout.problems[: fragment.MAX_ROWS])
