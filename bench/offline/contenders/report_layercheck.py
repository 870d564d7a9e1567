"""layercheck's writers: from the columns of the run to a file that is synced to disk."""

from __future__ import annotations

from pathlib import Path

import layercheck as lc
from offline.data.report_files import answer, new_file

__all__ = ["answer", "ready_report_parquet", "report_csv", "report_jsonl", "report_parquet"]


def ready_report_parquet(report: lc.Report) -> lc.Report:
    import pyarrow.parquet  # noqa: F401 - imported before the clock starts, as the peers' libraries are

    return report


def report_csv(report: lc.Report) -> Path:
    return _written(report, "csv")


def report_jsonl(report: lc.Report) -> Path:
    return _written(report, "jsonl")


def report_parquet(report: lc.Report) -> Path:
    return _written(report, "parquet")


def _written(report: lc.Report, suffix: str) -> Path:
    path = new_file(suffix)
    report.write(path)
    return path
