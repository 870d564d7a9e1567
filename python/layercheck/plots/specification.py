"""The Vega-Lite specification of a table: plain data, without a plot library.

Every text of a table is a value of the data. None is a part of the specification that Vega takes for an
expression.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from layercheck.display.colours import HUE_OF, SHAPES, Hue, custom_property
from layercheck.display.wording import bytes_text, percent, share_text
from layercheck.plots.table import Cell, PlotTable

WIDTH = 420
"""Width of every plot, pixels. A page shows it at any width, because it is a vector drawing."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
"""Names the grammar. Nothing loads it. Version 6 draws these specifications in the same way."""

INK, PAPER = "#24292f", "#ffffff"
"""Text and background of a drawing that stands alone."""

_FALLBACK = re.compile(r"var\(--lc-[a-z]+, (#[0-9a-f]{6})\)")
_FONT = "system-ui, sans-serif"
_TEXT_PX = 12
_LINE_PX = 20
_NAME_PX = 170  # the most that the names beside bars take
_VALUE_PX = 70
_CHARACTER_PX = 7.6  # the mean width of a character at 12 px, on the wide side
_LEAST_SHARE = 0.008  # a part of a bar that can still be seen

_SERIES: dict[str, tuple[Hue | None, list[int]]] = {
    "requests": ("blue", [1, 0]),
    "throttles": ("bad", [5, 3]),
    "rate limit": (None, [1, 3]),
}


def specification(table: PlotTable, *, on_paper: bool) -> dict[str, Any]:
    """The Vega-Lite specification of a plot.

    Args:
        table: What it shows.
        on_paper: Whether the drawing stands alone: with title and summary, and dark on white. If not, it is a
            part of a page, which has them beside it, and its colours are those of the page.
    """
    kinds = {"verdicts": _stacked, "ranked": _bars, "histogram": _bars, "timeline": _lines}
    made = {"$schema": SCHEMA, "background": None, "config": _CONFIG, **kinds[table.kind](table)}
    if on_paper:
        made = _on_paper(made)
        made["background"] = PAPER
        lines = _wrapped(table.summary)
        made["title"] = {"text": table.title, "subtitle": lines}
        if "padding" in made:  # a fixed size, in which the title has no room yet
            made["padding"]["top"] += 30 + 15 * len(lines)
    return made | {"description": table.summary}


_CONFIG: dict[str, Any] = {
    "aria": False,  # the drawing has one label, and its numbers stand beside it as a table
    "font": _FONT,
    "view": {"stroke": None},
    "text": {"fontSize": _TEXT_PX, "fill": "currentColor"},
    "title": {
        "anchor": "start",
        "frame": "bounds",
        "fontSize": 14,
        "color": "currentColor",
        "subtitleColor": "currentColor",
        "subtitleFontSize": _TEXT_PX,
        "offset": 10,
    },
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "domainColor": "currentColor",
        "tickColor": "currentColor",
        "gridColor": "currentColor",
        "gridOpacity": 0.15,
        "domainOpacity": 0.5,
        "tickOpacity": 0.5,
        "labelFontSize": _TEXT_PX - 1,
        "titleFontSize": _TEXT_PX,
        "titleFontWeight": "normal",
        "titlePadding": 10,
    },
    "legend": {
        "labelColor": "currentColor",
        "labelFontSize": _TEXT_PX,
        "labelLimit": WIDTH,
        "orient": "top",
        "title": None,
    },
}


def _stacked(table: PlotTable) -> dict[str, Any]:
    """One bar, and under it its words in the order of its parts, each with shape, number and share."""
    words = [_plain(str(row[0])) for row in table.rows]
    numbers = [_number(row[1]) for row in table.rows]
    total = sum(numbers)
    widths = _widths(numbers)
    values: list[dict[str, Any]] = []
    for at, (word, number) in enumerate(zip(words, numbers, strict=True)):
        start = sum(widths[:at])
        values.append(
            {
                "at": at,
                "hue": HUE_OF.get(word, "dark"),
                "name": _spoken(word),
                "from": start,
                "to": start + widths[at],
                "shown": f"{_shown(number, table.units[1])}  ({percent(int(number), int(total))})",
            }
        )
    row = {"field": "at", "type": "ordinal", "axis": None}
    hue = _hue_scale([HUE_OF.get(word, "dark") for word in words])
    bar = {
        "mark": {"type": "rect", "cornerRadius": 2},
        "width": WIDTH - 10,
        "height": 24,
        "encoding": {
            "x": {"field": "from", "type": "quantitative", "axis": None, "scale": {"domain": [0, 1]}},
            "x2": {"field": "to"},
            "color": hue,
        },
    }
    legend = {
        "width": WIDTH - 10,
        "height": {"step": _LINE_PX},
        "encoding": {"y": row},
        "layer": [
            {
                "mark": {"type": "point", "filled": True, "opacity": 1, "size": 70, "strokeWidth": 2},
                "encoding": {
                    "x": {"value": 7},
                    "color": hue,
                    "stroke": hue,
                    "shape": {
                        "field": "hue",
                        "legend": None,
                        "scale": {"domain": list(SHAPES), "range": list(SHAPES.values())},
                    },
                },
            },
            {
                "mark": {"type": "text", "align": "left", "limit": 150},
                "encoding": {"x": {"value": 20}, "text": {"field": "name"}},
            },
            {
                "mark": {"type": "text", "align": "left"},
                "encoding": {"x": {"value": 175}, "text": {"field": "shown"}},
            },
        ],
    }
    return {"data": {"values": values}, "spacing": 6, "vconcat": [bar, legend]}


def _bars(table: PlotTable) -> dict[str, Any]:
    """A bar for each row, with its name before it and its number behind it."""
    names = [_plain(str(row[0])) for row in table.rows]
    longest = max(map(len, names)) * _CHARACTER_PX
    left = min(_NAME_PX, max(40.0, longest)) + 8
    # Vega measures text in another font than a page shows, which may be wider.
    limit = left if longest <= _NAME_PX else 0.85 * _NAME_PX
    values: list[dict[str, Any]] = [
        {"at": at, "name": name, "value": _number(row[1]), "shown": _shown(row[1], table.units[1])}
        for at, (name, row) in enumerate(zip(names, table.rows, strict=True))
    ]
    most = max(value["value"] for value in values) or 1
    value = {"field": "value", "type": "quantitative", "axis": None, "scale": {"domain": [0, most]}}
    return {
        "data": {"values": values},
        "width": WIDTH - left - _VALUE_PX,
        "height": {"step": _LINE_PX},
        "padding": {"left": left, "right": _VALUE_PX, "top": 2, "bottom": 2},
        "autosize": {"type": "none"},
        "encoding": {"y": {"field": "at", "type": "ordinal", "axis": None}},
        "layer": [
            {
                "mark": {
                    "type": "bar",
                    "color": custom_property("blue"),
                    "cornerRadius": 2,
                    "height": {"band": 0.7},
                },
                "encoding": {"x": value},
            },
            {
                "mark": {"type": "text", "align": "left", "limit": limit},
                "encoding": {"x": {"value": -left}, "text": {"field": "name"}},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5},
                "encoding": {"x": value, "text": {"field": "shown"}},
            },
        ],
    }


def _lines(table: PlotTable) -> dict[str, Any]:
    """A line for each column that has the unit of the second, each with dashes of its own."""
    scale, unit = _time_unit(max(_number(row[0]) for row in table.rows))
    columns = [at for at in table.drawn if any(_number(row[at]) for row in table.rows)] or [1]
    names = [table.columns[at] for at in columns]
    looks = [_SERIES.get(name) or ("violet", [1, 0]) for name in names]
    values = [
        {"x": _number(row[0]) / scale, "y": row[at], "line": table.columns[at]}
        for at in columns
        for row in table.rows
        if row[at] is not None
    ]
    few = len(table.rows) < 3
    return {
        "data": {"values": values},
        "width": WIDTH - 60,
        "height": 170,
        "mark": {"type": "line", "strokeWidth": 2, "interpolate": "linear", "point": few},
        "encoding": {
            "x": {
                "field": "x",
                "type": "quantitative",
                "title": unit,
                "axis": {"grid": False, "tickCount": 6},
                "scale": {"nice": False, "domainMin": 0},
            },
            "y": {
                "field": "y",
                "type": "quantitative",
                "title": table.units[1],
                "axis": {"tickCount": 5},
                "scale": {"domainMin": 0},
            },
            "color": {
                "field": "line",
                "type": "nominal",
                "scale": {
                    "domain": names,
                    "range": [_ink(hue) for hue, _ in looks],
                },
                "legend": {"symbolType": "stroke", "symbolSize": 400, "symbolStrokeWidth": 2},
            },
            "strokeDash": {
                "field": "line",
                "type": "nominal",
                "scale": {"domain": names, "range": [dash for _, dash in looks]},
            },
        },
    }


def _on_paper(part: Any) -> Any:
    """A specification with plain colours in place of those of CSS, which Altair does not take. Data stays."""
    if isinstance(part, dict):
        return {key: each if key == "data" else _on_paper(each) for key, each in part.items()}
    if isinstance(part, list):
        return [_on_paper(each) for each in part]
    return _FALLBACK.sub(r"\1", part).replace("currentColor", INK) if isinstance(part, str) else part


def _hue_scale(hues: Sequence[Hue]) -> dict[str, Any]:
    present = list(dict.fromkeys(hues))
    scale = {"domain": present, "range": [custom_property(hue) for hue in present]}
    return {"field": "hue", "type": "nominal", "legend": None, "scale": scale}


def _ink(hue: Hue | None) -> str:
    return custom_property(hue) if hue else "currentColor"


def _widths(numbers: Sequence[float]) -> list[float]:
    """The share of each number, at least what can be seen; together 1."""
    total = sum(numbers) or 1
    shares = [number / total for number in numbers]
    widths = [max(share, _LEAST_SHARE) if share else 0.0 for share in shares]
    large = sum(width for width in widths if width > _LEAST_SHARE)
    spare = 1 - sum(width for width in widths if width <= _LEAST_SHARE)
    return [width * spare / large if width > _LEAST_SHARE and large else width for width in widths]


def _time_unit(seconds: float) -> tuple[float, str]:
    if seconds > 3 * 3600:
        return 3600.0, "hours"
    return (60.0, "minutes") if seconds > 300 else (1.0, "seconds")


def _shown(value: Cell, unit: str) -> str:
    """A number with its unit, for people."""
    if value is None:
        return "unknown"
    if isinstance(value, str):
        return value
    if unit == "bytes":
        return bytes_text(value)
    if unit == "%":
        return share_text(value)
    return f"{value:,.0f}" if isinstance(value, int) or value == int(value) else f"{value:,.1f}"


def _number(value: Cell) -> float:
    return value if isinstance(value, int | float) else 0


def _plain(label: str) -> str:
    """A label with escapes for characters beyond U+FFFF: Vega cuts them in two, and then fails."""
    return "".join(char if char <= "\uffff" else f"\\U{ord(char):08x}" for char in label)


def _spoken(word: str) -> str:
    return word.replace("_", " ")


def _wrapped(text: str, width: int = 58) -> list[str]:
    """The lines of a text, because Vega breaks none."""
    return textwrap.wrap(text, width, max_lines=3, placeholder=" …")
