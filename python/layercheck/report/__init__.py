"""The report of a run: rows, verdicts, statistics and errors."""

from layercheck.report.report import Report
from layercheck.report.row import Row

__all__ = ["Report", "Row"]
