"""pandas' writers of the same table, which is in memory when the clock starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import layercheck as lc
from offline.data.report_files import answer, new_file

__all__ = ["answer", "report_csv", "report_jsonl", "report_parquet"]


def ready_report_csv(report: lc.Report) -> Any:
    # Without this type, pandas writes a column of integers with gaps as floats.
    return report.to_pandas().astype({"size": "Int64"})


ready_report_jsonl = ready_report_parquet = ready_report_csv


def report_csv(table: Any) -> Path:
    path = new_file("csv")
    table.to_csv(path, index=False)
    return path


def report_jsonl(table: Any) -> Path:
    path = new_file("jsonl")
    table.to_json(path, orient="records", lines=True)
    return path


def report_parquet(table: Any) -> Path:
    path = new_file("parquet")
    table.to_parquet(path, compression="zstd")
    return path
