"""The report of a run: rows, verdicts, statistics and errors."""

from layercheck.report.report import Report
from layercheck.report.row import Row
from layercheck.report.timeline import Interval, Timeline

__all__ = ["Interval", "Report", "Row", "Timeline"]
