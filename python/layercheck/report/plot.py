"""`ReportPlots`: the plots of a report of digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layercheck.plots.accessor import Plots
from layercheck.plots.table import PlotTable
from layercheck.report import plot_tables

if TYPE_CHECKING:
    from layercheck.plots.drawing import Chart
    from layercheck.report.report import Report


class ReportPlots(Plots):
    """The plots of a `Report`; see `Report.plot`."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def verdicts(self) -> Chart | None:
        """Draw the rows for each verdict as one bar."""
        return self._chart(plot_tables.verdicts(self._report))

    def causes(self) -> Chart | None:
        """Draw why rows are invalid and calls failed, the most frequent cause first."""
        return self._chart(plot_tables.causes(self._report))

    def sizes(self) -> Chart | None:
        """Draw the digests by the size of their layer."""
        return self._chart(plot_tables.sizes(self._report))

    def timeline(self) -> Chart | None:
        """Draw requests, throttles and the rate limit over the time of the run."""
        return self._chart(plot_tables.timeline(self._report))

    def tables(self) -> tuple[PlotTable, ...]:
        """Return the numbers of all plots that have something to show, in the order of a page."""
        return plot_tables.all_of(self._report)
