"""What came of a run: rows, verdicts, and how it went."""

from layercheck.report.report import Report

__all__ = ["Report"]
