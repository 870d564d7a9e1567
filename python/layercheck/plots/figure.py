"""Plots inside the view of a report in a notebook."""

from __future__ import annotations

from html import escape

from layercheck.display import fragment
from layercheck.plots.drawing import available, svg
from layercheck.plots.table import PlotTable


def figure(table: PlotTable | None) -> str:
    """A plot with its title as HTML, if the extra `plots` is installed; else nothing, as for None.

    It is a part of `fragment.view`, which has its style.
    """
    if table is None or not available():
        return ""
    try:
        drawn = svg(table)
    except Exception:  # noqa: BLE001 - a view without a drawing is better than none
        return ""
    head = f"<figcaption><b>{escape(table.title)}</b>{fragment.note(escape(table.summary))}</figcaption>"
    return f'<figure class="plot">{head}{drawn}</figure>'
