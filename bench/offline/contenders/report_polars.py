"""polars' writers of the same table, which is in memory when the clock starts."""

from __future__ import annotations

from pathlib import Path

import polars as pl

import layercheck as lc
from offline.data.report_files import answer, new_file

__all__ = ["answer", "report_csv", "report_jsonl", "report_parquet"]


def ready_report_csv(report: lc.Report) -> pl.DataFrame:
    return report.to_polars()


ready_report_jsonl = ready_report_parquet = ready_report_csv


def report_csv(table: pl.DataFrame) -> Path:
    path = new_file("csv")
    table.write_csv(path)
    return path


def report_jsonl(table: pl.DataFrame) -> Path:
    path = new_file("jsonl")
    table.write_ndjson(path)
    return path


def report_parquet(table: pl.DataFrame) -> Path:
    path = new_file("parquet")
    table.write_parquet(path, compression="zstd")
    return path
