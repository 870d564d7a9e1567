"""Draws tables: as SVG for pages, and as charts for notebooks. The libraries are imported on first use."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import json
import os
import re
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

from layercheck.errors import LayercheckError
from layercheck.optional import imported
from layercheck.plots.specification import PAPER, specification
from layercheck.plots.table import PlotTable
from layercheck.redact import visible

if TYPE_CHECKING:
    import altair

    Chart: TypeAlias = altair.Chart | altair.LayerChart | altair.VConcatChart

_SIZE = re.compile(r'<svg[^>]* width="([\d.]+)" height="([\d.]+)" viewBox="([\d. -]+)"[^>]*>')
_IDENTIFIER = re.compile(r'(?<= id=")[^"]+(?=")')
_ROLE = re.compile(r'(<g [^>]*?) role="graphics-[a-z]+"(?: aria-roledescription="[^"]*")?')
_MARGIN = 10
_numbers = itertools.count(1)
_process: dict[str, int] = {}
"""The process that drew first, as `first`."""


@functools.cache
def available() -> bool:
    """Whether the extra `plots` is installed, so that `svg` and `chart` can draw. It imports nothing."""
    return all(importlib.util.find_spec(name) is not None for name in ("vl_convert", "altair"))


def svg(table: PlotTable) -> str:
    """A plot as an inline `<svg>` for a page, without the title.

    Its texts are texts. Ink is the `currentColor` of the page, and each colour is a custom property such as
    `var(--lc-good, #568d63)`, so one drawing does for light and dark pages. It has no script, no style, no
    reference to the outside, and no id that another drawing has.

    Raises:
        ImportError: If the extra `plots` is not installed.
        LayercheckError: The process is a child, made by fork, of one that has drawn before.
    """
    drawn = _drawn(specification(table, on_paper=False))
    opening, width, height, box = _opening(drawn)
    # The drawing is one image with one label, so its parts must have no roles without labels.
    body = _ROLE.sub(r"\1", _with_own_identifiers(drawn[len(opening) :]))
    label = escape(f"{table.title}: {table.summary}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="lc-plot" role="img" aria-label="{label}" '
        f'width="{width}" height="{height}" viewBox="{box}" preserveAspectRatio="xMinYMin meet">{body}'
    )


def chart(table: PlotTable) -> Chart:
    """A plot as a chart of Altair, which shows itself in a notebook as SVG, without script and network.

    Raises:
        ImportError: If the extra `plots` is not installed.
    """
    made = specification(table, on_paper=True)
    kind = "VConcatChart" if "vconcat" in made else "LayerChart" if "layer" in made else "Chart"
    chart: Chart = _class(kind).from_dict(made)
    return chart


def picture(made: dict[str, Any]) -> str:
    """A chart's specification as an SVG that stands alone, on white paper whatever the page around it."""
    drawn = _drawn(made)
    opening, width, height, _ = _opening(drawn)
    wide, high = float(width) + 2 * _MARGIN, float(height) + 2 * _MARGIN
    label = escape(str(made.get("description", "")))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{label}" width="{wide:g}" '
        f'height="{high:g}" viewBox="{-_MARGIN} {-_MARGIN} {wide:g} {high:g}">'
        f'<rect x="{-_MARGIN}" y="{-_MARGIN}" width="{wide:g}" height="{high:g}" fill="{PAPER}"/>'
        f"{drawn[len(opening) :]}"
    )


def _drawn(made: dict[str, Any]) -> str:
    vl_convert = imported("vl_convert", "drawing a plot", extra="plots")
    _refuse_in_child()
    drawn: str = vl_convert.vegalite_to_svg(json.dumps(made), allowed_base_urls=[])
    return drawn


def _refuse_in_child() -> None:
    """Raise where drawing would hang: vl-convert has threads, and a child made by fork does not have them."""
    first = _process.setdefault("first", os.getpid())
    if first != os.getpid():
        raise LayercheckError(
            f"process {first} drew plots before it forked this one, which can draw none; draw them in that "
            "process, or start workers by spawn instead of fork"
        )


def _opening(drawn: str) -> tuple[str, str, str, str]:
    """The opening tag of an SVG, its width, its height and its view box."""
    found = _SIZE.match(drawn)
    if found is None:
        raise RuntimeError(f"vl-convert drew something else than an SVG: {visible(drawn[:80])}")
    return found[0], found[1], found[2], found[3]


def _with_own_identifiers(body: str) -> str:
    """The drawing with ids that no other drawing of this process has."""
    for name in dict.fromkeys(_IDENTIFIER.findall(body)):
        own = f"lc-{next(_numbers)}"
        body = body.replace(f'id="{name}"', f'id="{own}"').replace(f"#{name})", f"#{own})")
    return body


@functools.cache
def _class(kind: str) -> Any:
    """A class of Altair that shows itself as SVG. It is made on first use, because Altair is optional."""
    base = getattr(imported("altair", "a chart", extra="plots"), kind)

    def shown(self: Any, *_: object, **__: object) -> dict[str, str]:
        made = self.to_dict()
        return {"image/svg+xml": picture(made), "text/plain": str(made.get("description", ""))}

    return type(kind, (base,), {"_repr_mimebundle_": shown, "__doc__": base.__doc__})
