"""Columns of each type go through Spark and come out as one process says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession, functions
from pyspark.sql.pandas.types import from_arrow_schema

import layercheck as lc
from audited import REPOSITORY, digests, of_one_process, raw
from layercheck import shard
from layercheck import spark as lcs
from layercheck.spark import prepared_input, tasks
from layercheck.testing import LocalEcr
from on_spark.tables import frame_of, lines_of

TEXTS = digests(1200)
MIXED = [*TEXTS, *TEXTS[:200], TEXTS[3].upper(), TEXTS[4].removeprefix("sha256:"), "latest", "", None]
RAW = [*raw(TEXTS), *raw(TEXTS[:50]), b"short", b"\0" * 33, b"", None]


def test_text_in_any_spelling_gets_the_verdicts_of_one_process(
    spark: SparkSession, ecr: LocalEcr, audit: Any, tmp_path: Any
) -> None:
    table = audit(frame_of(spark, MIXED))
    assert lines_of(table) == of_one_process(ecr, MIXED)
    found = shard.summary(tmp_path / "audit")
    assert (found.rows, found.invalid, found.digests) == (len(MIXED), 3, 1200)


def test_raw_digests_get_the_verdicts_of_one_process(
    spark: SparkSession, ecr: LocalEcr, audit: Any, tmp_path: Any
) -> None:
    table = audit(frame_of(spark, RAW, "binary"), raw=True)
    assert lines_of(table) == of_one_process(ecr, RAW, raw=True)
    assert shard.summary(tmp_path / "audit").invalid == 4


def test_large_types_of_arrow_change_nothing(spark: SparkSession, ecr: LocalEcr, audit: Any) -> None:
    spark.conf.set("spark.sql.execution.arrow.useLargeVarTypes", "true")
    try:
        assert lines_of(audit(frame_of(spark, RAW, "binary"), raw=True)) == of_one_process(ecr, RAW, raw=True)
    finally:
        spark.conf.unset("spark.sql.execution.arrow.useLargeVarTypes")


@pytest.mark.parametrize(
    "rows",
    [pytest.param([], id="zero rows"), pytest.param([None, "latest", ""], id="rows without a digest")],
)
def test_an_input_without_digests_has_a_table_without_lines(
    spark: SparkSession, ecr: LocalEcr, audit: Any, tmp_path: Any, rows: list[str | None]
) -> None:
    table = audit(frame_of(spark, rows))
    assert (table.count(), table.columns) == (0, shard.SCHEMA.names)
    assert ecr.counters.calls == 1  # the first look
    assert shard.summary(tmp_path / "audit").rows == len(rows)


def test_a_frame_without_partitions_has_a_table_without_lines(spark: SparkSession, audit: Any) -> None:
    frame = spark.createDataFrame(spark.sparkContext.emptyRDD(), "digest string")
    assert frame.rdd.getNumPartitions() == 0
    assert audit(frame).count() == 0
    assert lcs.attach(frame, audit(frame)).count() == 0


def test_a_column_of_a_struct_is_named_by_its_path(spark: SparkSession, ecr: LocalEcr, audit: Any) -> None:
    nested = frame_of(spark, TEXTS).select(functions.struct("digest").alias("layer"))
    assert lines_of(audit(nested, column="layer.digest")) == of_one_process(ecr, TEXTS)


@pytest.mark.parametrize(
    ("kind", "rows", "message"),
    [
        (
            "binary",
            raw(TEXTS[:2]),
            "column 'digest' is binary; pass raw=True if it holds raw digests of 32 bytes, or cast it to "
            "string",
        ),
        ("int", [1], "column 'digest' is int; expected string, or binary with raw=True"),
    ],
)
def test_a_column_of_another_type_is_refused_before_anything_runs(
    spark: SparkSession, ecr: LocalEcr, audit: Any, kind: str, rows: list[Any], message: str
) -> None:
    with pytest.raises(lc.InvalidParameterError) as caught:
        audit(frame_of(spark, rows, kind))
    assert str(caught.value) == message
    assert ecr.counters.calls == 0


NO_COLUMNS: dict[str, tuple[Any, type[Exception], str]] = {
    "a name": ("layer", lc.InvalidParameterError, "no column 'layer'; there are 'digest'"),
    "a name in quotes": ("`a.b`", lc.InvalidParameterError, "no column '`a.b`'; there are 'digest'"),
    "a name that cannot be": ("a..b", lc.InvalidParameterError, "column 'a..b' cannot be read: "),
    "an expression": (lambda: functions.lower("layer"), lc.InvalidParameterError, "cannot be read: "),
    "a number": (5, TypeError, "column is a int; expected a name or a Column of Spark"),
    "a list": (["digest"], TypeError, "column is a list; expected a name or a Column of Spark"),
    "nothing": (None, TypeError, "column is a NoneType; expected a name or a Column of Spark"),
}


@pytest.mark.parametrize("case", NO_COLUMNS)
def test_a_column_that_is_not_there_is_refused_before_anything_runs(
    spark: SparkSession, ecr: LocalEcr, audit: Any, case: str
) -> None:
    column, error, message = NO_COLUMNS[case]
    if callable(column):
        column = column()
    frame = frame_of(spark, TEXTS[:2])
    verdicts = spark.createDataFrame([], tasks.LINES)
    for use in (
        lambda: audit(frame, column=column),
        lambda: lcs.verdicts(frame, REPOSITORY, column=column, endpoint_url=ecr.endpoint_url),
        lambda: lcs.attach(frame, verdicts, column=column),
    ):
        with pytest.raises(error) as caught:
            use()
        assert message in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
        assert "'digest'" in str(caught.value) or error is TypeError
    assert ecr.counters.calls == 0
    if error is TypeError:
        with pytest.raises(TypeError, match=r"column is a .*; expected a name or a Column of Spark"):
            lcs.canonical(column)


def test_a_name_that_two_columns_have_is_said(spark: SparkSession, audit: Any) -> None:
    frame = frame_of(spark, TEXTS[:2]).select("digest", functions.lit("x").alias("digest"))
    with pytest.raises(lc.InvalidParameterError, match=r"column 'digest' cannot be read: .*AMBIGUOUS"):
        audit(frame)


@pytest.mark.parametrize("name", ["frame", "verdicts"])
def test_attach_says_what_is_not_a_frame_of_spark(spark: SparkSession, name: str) -> None:
    given: dict[str, Any] = {
        "frame": frame_of(spark, TEXTS[:2]),
        "verdicts": spark.createDataFrame([], tasks.LINES),
        name: pd.DataFrame({"digest": TEXTS}),
    }
    with pytest.raises(TypeError, match=f"{name} is a pandas DataFrame; expected a DataFrame of Spark 3.5"):
        lcs.attach(**given)


@pytest.mark.parametrize("use", [lcs.audit, lcs.verdicts, lcs.audit_images])
def test_a_frame_of_pandas_is_said(use: Any, tmp_path: Any) -> None:
    given = {} if use is lcs.verdicts else {"path": tmp_path}
    name = () if use is lcs.audit_images else (REPOSITORY,)
    with pytest.raises(TypeError, match=r"frame is a pandas DataFrame; expected a DataFrame of Spark 3.5"):
        use(pd.DataFrame({"digest": TEXTS}), *name, **given)


@pytest.mark.parametrize("columns", ["verdict", None])
def test_columns_that_are_not_a_list_of_names_are_said(spark: SparkSession, columns: Any) -> None:
    frame, verdicts = frame_of(spark, TEXTS[:2]), spark.createDataFrame([], tasks.LINES)
    with pytest.raises(lc.InvalidParameterError, match="expected a list of names, such as"):
        lcs.attach(frame, verdicts, columns=columns)


def test_the_schema_of_lines_is_that_of_the_contract(spark: SparkSession) -> None:
    for text, schema in ((tasks.LINES, shard.SCHEMA), (tasks.PREPARED, shard.PREPARED)):
        assert spark.createDataFrame([], text).schema == from_arrow_schema(schema)


def test_a_slice_of_sql_is_a_slice_of_the_contract(spark: SparkSession) -> None:
    values = raw(digests(500))
    column = functions.col("digest")
    for slices in (1, 4, 256, 4096):
        found = spark.createDataFrame([(value,) for value in values], "digest binary")
        numbers = [row[0] for row in found.select(prepared_input.slice_number(column, slices)).collect()]
        assert numbers == shard.slice_numbers(pa.array(values, pa.binary()), slices).to_pylist()


def test_the_moment_of_an_answer_does_not_depend_on_the_time_zone_of_the_session(
    spark: SparkSession, audit: Any
) -> None:
    began = datetime.now(UTC).timestamp()
    kept = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    try:
        seconds = audit(frame_of(spark, TEXTS[:5])).select(functions.col("asked_at").cast("double")).collect()
    finally:
        spark.conf.set("spark.sql.session.timeZone", kept)
    assert all(began - 1 <= row[0] <= datetime.now(UTC).timestamp() for row in seconds)
