"""The comparison in polars: two lazy frames and a full join. It knows only two verdicts."""

from __future__ import annotations

import polars as pl

from offline.data.comparisons import answer

__all__ = ["answer", "compare"]


def compare(files: list[str]) -> tuple[dict[str, int], list[str]]:
    before, after = (
        pl.scan_parquet(path).select("digest", pl.col("verdict").cast(pl.String).alias(name))
        for name, path in zip(("before", "after"), files, strict=True)
    )
    change = (
        pl.when(pl.col("before").is_null())
        .then(pl.lit("added"))
        .when(pl.col("after").is_null())
        .then(pl.lit("removed"))
        .when(pl.col("before") == pl.col("after"))
        .then(pl.lit("same"))
        .when(pl.col("after") == "unavailable")
        .then(pl.lit("vanished"))
        .otherwise(pl.lit("appeared"))
    )
    joined = before.join(after, on="digest", how="full", coalesce=True)
    told = joined.select("digest", change.alias("change")).collect()
    counts = dict(told.group_by("change").len().iter_rows())
    return counts, told.filter(pl.col("change") == "vanished")["digest"].to_list()
