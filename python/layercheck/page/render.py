"""Makes the HTML of a page. jinja2 fills the template, and escapes every value that it shows."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from layercheck._core import build_info
from layercheck.display.colours import HUE_OF, custom_property
from layercheck.display.wording import bytes_text, percent, share_text
from layercheck.page.content import Bar, Cell, Page
from layercheck.page.policy import content_security_policy
from layercheck.page.text import CELL_LIMIT, shown
from layercheck.plots.drawing import available, svg
from layercheck.redact import visible

if TYPE_CHECKING:
    from jinja2 import Template

    from layercheck.plots.table import PlotTable

_BAR_WIDTH = 1_000
"""Units of the bar."""

_LABEL_LIMIT = 100
"""Characters of a label in a figure."""

_LEAST_WIDTH = 4
"""Units of the smallest part, so that one row in a million is seen."""


def html(page: Page) -> str:
    """Return the page as one HTML document, which refers to nothing outside but `findings.files`."""
    style, script = _asset("style.css"), _asset("script.js")
    return _template().render(
        page=page,
        style=_raw(style),
        script=_raw(script),
        policy=content_security_policy(style, script),
        version=build_info()["version"],
        bar=_bar(page.bar),
        figures=_drawn(page.figures),
        drawn=available(),
    )


def load() -> None:
    """Load what `html` needs, so that the end of a run needs no more descriptors for it."""
    _template()
    _asset("style.css")
    _asset("script.js")


@cache
def _asset(name: str) -> str:
    return files("layercheck.page").joinpath(name).read_text(encoding="utf-8").strip()


def _raw(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - a file of this package


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "number": _number,
        "bytes": bytes_text,
        "percent": percent,
        "when": _when,
        "measured": _measured,
    }
    environment.filters |= {"colour": lambda word: custom_property(HUE_OF.get(word, "dark"))}
    environment.filters |= {"cut": lambda value: shown(value, CELL_LIMIT), "cell": _cell, "key": _sort_key}
    environment.filters["address"] = _address
    return environment.from_string(_asset("page.html"))


def _finalized(value: object) -> object:
    """Every value of the template passes here, before it is escaped."""
    return value if hasattr(value, "__html__") or isinstance(value, int) else shown(value)


def _address(address: str) -> Any:
    """An address, whole: no part of it is cut or hidden, because then it would be that of another file."""
    from markupsafe import escape

    return escape(visible(address))


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")


def _measured(value: float | None, unit: str) -> str:
    """A number of a figure with its unit."""
    if value is None:
        return ""
    if unit == "bytes":
        return bytes_text(value)
    return share_text(value) if unit == "%" else _number(value)


def _when(value: str | datetime | None) -> str:
    """A time to the minute: `2026-11-27 09:30 UTC`."""
    if value is None:
        return ""
    text = value.strftime("%Y-%m-%dT%H:%M") if isinstance(value, datetime) else str(value)
    return f"{text[:10]} {text[11:16]} UTC"


def _cell(value: Cell, kind: str) -> str:
    """What is shown in a cell of the findings."""
    if value is None:
        return ""
    if kind == "number" and not isinstance(value, str):
        return _number(value)
    if kind == "bytes" and not isinstance(value, str):
        return bytes_text(value)
    if kind == "time":
        return _when(str(value))
    return shown(value, CELL_LIMIT)


def _sort_key(value: Cell, kind: str) -> str:
    """What the script sorts a cell by, where the shown text is not it."""
    return str(value) if kind in ("number", "bytes") and isinstance(value, int | float) else ""


def _bar(bar: Bar) -> list[tuple[str, int, int]]:
    """Word, left edge and width of each part that is not empty."""
    found = [part for part in bar.parts if part.count]
    total = bar.total
    widths = [max(_LEAST_WIDTH, math.floor(_BAR_WIDTH * part.count / total)) for part in found]
    if widths:
        # The largest part takes what rounding left, or gives what the smallest need.
        widths[widths.index(max(widths))] += _BAR_WIDTH - sum(widths)
    made, left = [], 0
    for part, width in zip(found, widths, strict=True):
        made.append((part.word, left, width))
        left += width
    return made


def _drawn(figures: tuple[PlotTable, ...]) -> list[tuple[PlotTable, Any]]:
    """Each figure with its drawing; None in place of a drawing that cannot be made."""
    cleaned = [_cleaned(figure) for figure in figures]
    return [(figure, _drawing(figure) if available() else None) for figure in cleaned]


def _drawing(figure: PlotTable) -> Any:
    try:
        # The drawing escapes its texts itself, and holds nothing but elements and attributes of SVG.
        return _raw(svg(figure))
    except Exception:  # noqa: BLE001 - the numbers stand on the page, and a run must not lose its report
        return None


def _cleaned(figure: PlotTable) -> PlotTable:
    """The figure with texts as a page may show them."""
    rows = tuple(
        tuple(shown(cell, _LABEL_LIMIT) if isinstance(cell, str) else cell for cell in row)
        for row in figure.rows
    )
    return replace(figure, rows=rows, summary=shown(figure.summary))
