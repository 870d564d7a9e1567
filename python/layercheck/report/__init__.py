"""The report of a run: rows, verdicts, statistics and errors."""

from layercheck.report.report import Report

__all__ = ["Report"]
