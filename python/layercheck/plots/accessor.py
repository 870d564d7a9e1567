"""`Plots`: what `plot` of every kind of report has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from html import escape
from typing import TYPE_CHECKING, Any

from layercheck.plots.drawing import available, chart, svg
from layercheck.plots.table import PlotTable

if TYPE_CHECKING:
    from layercheck.plots.drawing import Chart

HINT = "pip install 'layercheck[plots]' to see this as a plot"


class Plots(ABC):
    """The plots of a report: each method returns a chart of Altair, or None if the report has nothing for it.

    A chart shows itself in a notebook as SVG, without network. `tables` has the numbers, and needs no
    library. As the last line of a cell, the object itself shows all plots.
    """

    @abstractmethod
    def tables(self) -> tuple[PlotTable, ...]:
        """Return the numbers of all plots that have something to show, in the order of a page."""

    def _chart(self, table: PlotTable | None) -> Chart | None:
        return None if table is None else chart(table)

    def __repr__(self) -> str:
        names = ", ".join(table.name for table in self.tables())
        return f"{type(self).__name__}({names or 'nothing to show'})"

    def _repr_html_(self) -> str:
        figures = map(_figure if available() else _line, self.tables())
        return f'<div style="display:flex;flex-wrap:wrap;gap:1.5em 2.5em">{"".join(figures)}</div>'

    def __reduce__(self) -> Any:
        raise TypeError("the plots of a report cannot be pickled or copied; send the report, or tables()")


def _figure(table: PlotTable) -> str:
    return (
        '<figure style="margin:0;max-width:420px;flex:1 1 300px">'
        f"<figcaption><b>{escape(table.title)}</b><br>{escape(table.summary)}</figcaption>{svg(table)}</figure>"
    )


def _line(table: PlotTable) -> str:
    return f"<div><b>{escape(table.title)}</b><br>{escape(table.summary)}<br><small>{HINT}</small></div>"
