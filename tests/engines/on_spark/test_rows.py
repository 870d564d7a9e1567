"""Every row of a frame gets its verdict back."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession, functions

import layercheck as lc
from audited import REPOSITORY, digests, of_one_process, raw
from layercheck import spark as lcs
from layercheck.testing import LocalEcr
from layercheck.verdict import Verdict
from on_spark.tables import frame_of, lines_of

TEXTS = digests(600)
ROWS = [*TEXTS, *TEXTS[:100], TEXTS[0].upper(), TEXTS[1].removeprefix("sha256:"), "latest", None]


def test_every_row_gets_one_of_the_eight_words(spark: SparkSession, ecr: LocalEcr, audit: Any) -> None:
    table = audit(frame_of(spark, TEXTS[:500]))
    rows = lcs.attach(frame_of(spark, ROWS), table).select("digest", "verdict").collect()
    assert sorted(str(row["digest"]) for row in rows) == sorted(map(str, ROWS))
    words = {row["digest"]: row["verdict"] for row in rows}
    assert {*words.values()} <= {verdict.label for verdict in Verdict}
    truth = {line[0]: line[1] for line in of_one_process(ecr, TEXTS[:500])}
    valid = {row: truth.get(canonical(row), "not_checked") for row in ROWS if row not in ("latest", None)}
    assert words == {**valid, "latest": "invalid", None: "invalid"}


def canonical(row: str | None) -> str:
    """The digest as the table has it."""
    return f"sha256:{str(row).lower().removeprefix('sha256:')}"


def test_rows_of_raw_digests_are_joined_too(spark: SparkSession, audit: Any) -> None:
    frame = frame_of(spark, [*raw(TEXTS[:50]), b"short", None], "binary")
    found = lcs.attach(frame, audit(frame, raw=True), raw=True, columns=["verdict"])
    assert found.columns == ["digest", "verdict"]
    counts = {row["verdict"]: row["count"] for row in found.groupBy("verdict").count().collect()}
    assert (sum(counts.values()), counts["invalid"]) == (52, 2)


def test_a_table_with_two_lines_for_a_digest_does_not_double_rows(spark: SparkSession, audit: Any) -> None:
    frame = frame_of(spark, ROWS)
    table = audit(frame)
    assert lcs.attach(frame, table.unionAll(table)).count() == len(ROWS)


def test_other_columns_and_their_order_stay(spark: SparkSession, audit: Any) -> None:
    frame = frame_of(spark, TEXTS[:3]).withColumn("image", functions.lit("app"))
    assert lcs.attach(frame, audit(frame), columns=["verdict", "size"]).columns == [
        "digest",
        "image",
        "verdict",
        "size",
    ]


def test_a_column_that_is_there_already_is_refused(spark: SparkSession, audit: Any) -> None:
    frame = frame_of(spark, TEXTS[:3]).withColumn("size", functions.lit(1))
    with pytest.raises(lc.InvalidParameterError) as caught:
        lcs.attach(frame, audit(frame))
    assert str(caught.value) == (
        "the frame has a column 'size' already; rename it, or pass columns= without it"
    )


def test_canonical_is_one_key_for_every_spelling(spark: SparkSession) -> None:
    texts = [TEXTS[0], TEXTS[0].upper(), TEXTS[0].removeprefix("sha256:"), "latest", None]
    rows = frame_of(spark, texts).withColumn("key", lcs.canonical("digest")).collect()
    (key,) = raw(TEXTS[:1])
    found = {row["digest"]: row["key"] and bytes(row["key"]) for row in rows}
    assert found == {**dict.fromkeys(texts[:3], key), "latest": None, None: None}


def test_canonical_is_strict_if_asked(spark: SparkSession) -> None:
    frame = frame_of(spark, [TEXTS[0], TEXTS[0].upper()], parts=1)
    rows = frame.withColumn("key", lcs.canonical(functions.col("digest"), strict=True)).collect()
    assert {row["digest"]: row["key"] is None for row in rows} == {TEXTS[0]: False, TEXTS[0].upper(): True}


def test_lazy_verdicts_are_those_of_one_process(spark: SparkSession, ecr: LocalEcr) -> None:
    found = lcs.verdicts(
        frame_of(spark, ROWS), REPOSITORY, endpoint_url=ecr.endpoint_url, region_name="us-east-1", rate=1000
    )
    assert ecr.counters.calls == 1  # the first look
    assert lines_of(found) == of_one_process(ecr, ROWS)
