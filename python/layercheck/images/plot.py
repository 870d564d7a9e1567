"""`ImagePlots`: the plots of a check of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layercheck.images import plot_tables
from layercheck.plots.accessor import Plots
from layercheck.plots.table import PlotTable

if TYPE_CHECKING:
    from layercheck.images.image_report import ImageReport
    from layercheck.plots.drawing import Chart


class ImagePlots(Plots):
    """The plots of an `ImageReport`; see `ImageReport.plot`."""

    def __init__(self, report: ImageReport) -> None:
        self._report = report

    def verdicts(self) -> Chart | None:
        """Draw the images for each verdict as one bar."""
        return self._chart(plot_tables.verdicts(self._report))

    def repositories(self) -> Chart | None:
        """Draw the repositories with the largest shares of broken images."""
        return self._chart(plot_tables.repositories(self._report))

    def missing_layers(self) -> Chart | None:
        """Draw the missing layers of incomplete images that the most images need."""
        return self._chart(plot_tables.missing_layers(self._report))

    def pushed(self) -> Chart | None:
        """Draw the images by the time since their push."""
        return self._chart(plot_tables.ages(self._report, "pushed"))

    def pulled(self) -> Chart | None:
        """Draw the images by the time since their last pull."""
        return self._chart(plot_tables.ages(self._report, "pulled"))

    def bytes(self) -> Chart | None:
        """Draw the repositories with the most bytes of layers, each layer once."""
        return self._chart(plot_tables.bytes_by_repository(self._report))

    def sharing(self) -> Chart | None:
        """Draw the layers by the number of images that share them."""
        return self._chart(plot_tables.sharing(self._report))

    def timeline(self) -> Chart | None:
        """Draw the requests for layers, their throttles and the rate limit over time."""
        return self._chart(plot_tables.timeline(self._report))

    def tables(self) -> tuple[PlotTable, ...]:
        """Return the numbers of all plots that have something to show, in the order of a page."""
        return plot_tables.all_of(self._report)
