"""`PushPlots`: the plots of a push plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layercheck.plots.accessor import Plots
from layercheck.plots.table import PlotTable
from layercheck.push import plot_tables

if TYPE_CHECKING:
    from layercheck.plots.drawing import Chart
    from layercheck.push.plan import PushPlan


class PushPlots(Plots):
    """The plots of a `PushPlan`; see `PushPlan.plot`."""

    def __init__(self, plan: PushPlan) -> None:
        self._plan = plan

    def actions(self) -> Chart | None:
        """Draw the blobs for each action as one bar."""
        return self._chart(plot_tables.actions(self._plan))

    def bytes(self) -> Chart | None:
        """Draw the bytes of blobs for each action as one bar."""
        return self._chart(plot_tables.sizes(self._plan))

    def images(self) -> Chart | None:
        """Draw the images of the source by the bytes that a push of each alone sends."""
        return self._chart(plot_tables.images(self._plan))

    def tables(self) -> tuple[PlotTable, ...]:
        """Return the numbers of all plots that have something to show, in the order of a page."""
        return plot_tables.all_of(self._plan)
