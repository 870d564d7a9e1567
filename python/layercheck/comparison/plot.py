"""`ChangePlots`: the plots of a comparison of two checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layercheck.comparison import plot_tables
from layercheck.plots.accessor import Plots
from layercheck.plots.table import PlotTable

if TYPE_CHECKING:
    from layercheck.comparison.changes import Changes
    from layercheck.plots.drawing import Chart


class ChangePlots(Plots):
    """The plots of `Changes`; see `Changes.plot`."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def changes(self) -> Chart | None:
        """Draw the digests for each change as one bar."""
        return self._chart(plot_tables.by_change(self._changes))

    def transitions(self) -> Chart | None:
        """Draw the digests whose verdict is another, by the verdicts before and after."""
        return self._chart(plot_tables.transitions(self._changes))

    def tables(self) -> tuple[PlotTable, ...]:
        """Return the numbers of all plots that have something to show, in the order of a page."""
        return plot_tables.all_of(self._changes)
