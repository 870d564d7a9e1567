"""Where a run may be, beside the files of its rows."""

from __future__ import annotations

import pytest

from layercheck.spark.run_path import is_among


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/d/rows/audit", "file:///d/rows/part-0.parquet"),
        ("/d/rows/audit", "file:///d/rows/date=2026-01-31/hour=7/of-one-writer.parquet"),
        ("/d/rows/audit", "hdfs://name:8020/d/rows/part-0.parquet"),
        ("hdfs:///d/rows/audit", "hdfs://name:8020/d/rows/part-0.parquet"),
        ("s3://bucket/rows/audit", "s3a://bucket/rows/part-0.parquet"),
        ("s3://bucket/audit", "s3a://bucket/part-0.parquet"),
        ("/d/of 100%/audit", "file:///d/of%20100%25/part-0.parquet"),
    ],
)
def test_a_path_in_the_folder_of_the_rows_is_among_them(path: str, file: str) -> None:
    assert is_among(path, [file])


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/d/audit", "file:///d/rows.parquet"),  # read by its own name
        ("s3a://bucket/audit", "s3a://bucket/rows.parquet"),
        ("/d/rows-audit", "file:///d/rows/part-0.parquet"),
        ("s3://other/rows/audit", "s3a://bucket/rows/part-0.parquet"),
        ("/d/audit", "file:///d/rows/date=2026-01-31/part-0.parquet"),
    ],
)
def test_a_path_beside_the_rows_is_not(path: str, file: str) -> None:
    assert not is_among(path, [file])
