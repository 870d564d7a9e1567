"""Plots of reports: plain tables of numbers, and the drawings that the extra `plots` makes of them."""

from layercheck.plots.drawing import available, chart, svg
from layercheck.plots.table import PlotTable

__all__ = ["PlotTable", "available", "chart", "svg"]
