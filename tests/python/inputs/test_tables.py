"""Parquet, Arrow, Feather and ORC files by their content, and raw digests in binary columns."""

from __future__ import annotations

import asyncio
import gzip
import io
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

import layercheck as lc
from layercheck.testing import LocalEcr

DIGESTS = [f"sha256:{number:064x}" for number in range(70_000)]
RAW = [bytes.fromhex(digest[7:]) for digest in DIGESTS[:5]]
TABLE = pa.table({"image": ["app"] * 70_000, "layer": DIGESTS, "number": range(70_000)})


def stream(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=20_000)


def ipc(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=20_000)


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    "parquet": lambda table, path: pq.write_table(table, path, row_group_size=30_000),
    "arrow": ipc,
    "stream": stream,
    "feather, lz4": lambda table, path: pyarrow.feather.write_feather(table, path, compression="lz4"),
    "feather, zstd": lambda table, path: pyarrow.feather.write_feather(table, path, compression="zstd"),
    "orc": lambda table, path: pyarrow.orc.write_table(table, path, stripe_size=100_000, compression="zlib"),
}

by_writer = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


class Pipe(io.RawIOBase):
    """A file that cannot seek."""

    def __init__(self, data: bytes) -> None:
        self.left = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self.left.read(min(size, 10_000) if size >= 0 else 10_000)


@by_writer
@pytest.mark.parametrize("name", ["rows", "rows.txt", "rows.csv", "rows.jsonl", "rows.bin", "rows.gz"])
def test_a_table_is_read_by_its_content_whatever_its_name(write: Any, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    write(TABLE.select(["layer"]).slice(0, 100), path)
    expected = lc.plan(DIGESTS[:100]).fingerprint()
    assert lc.plan(path).fingerprint() == expected
    assert lc.plan(lc.read(path)).fingerprint() == expected
    with path.open("rb") as file:
        assert lc.plan(file).fingerprint() == expected


@by_writer
def test_every_door_gives_all_rows_of_a_long_table(write: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    write(TABLE, path)
    expected = lc.plan(DIGESTS).fingerprint()
    data = path.read_bytes()
    for column in (None, "layer", 1):
        assert lc.plan(lc.read(path, column=column)).fingerprint() == expected
        assert lc.plan(lc.read(io.BytesIO(data), column=column)).fingerprint() == expected
        assert lc.plan(lc.read(Pipe(data), "csv", column)).fingerprint() == expected


@by_writer
def test_a_table_in_a_named_pipe_or_behind_other_bytes_is_read(write: Any, tmp_path: Path) -> None:
    path, pipe = tmp_path / "rows", tmp_path / "pipe"
    write(TABLE, path)
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[path.read_bytes()])
    writer.start()
    assert lc.plan(pipe).unique == 70_000
    writer.join()
    behind = io.BytesIO(b"another file before it" + path.read_bytes())
    behind.seek(22)
    assert lc.plan(behind).unique == 70_000


def test_the_column_of_a_table_is_told_by_name_or_content(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    path = tmp_path / "rows"
    for columns, note in (
        ({"Digest": DIGESTS[:3], "other": DIGESTS[:3]}, 'column "Digest"'),
        ({"image": ["a", "b", "c"], "layer": [None, *DIGESTS[:2]]}, 'column "layer"'),
        ({"number": [1, 2, 3], "raw": pa.array(RAW[:3], pa.binary(32))}, 'column "raw"'),
    ):
        pq.write_table(pa.table(columns), path)
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="layercheck"):
            assert lc.plan(path).unique > 1
        assert [record.getMessage() for record in caplog.records] == [f"{note} of {str(path)!r}"]
    pq.write_table(pa.table({"a": DIGESTS[:3], "b": DIGESTS[:3]}), path)
    with pytest.raises(ValueError, match="choose one of 'a', 'b' by column="):
        lc.plan(path)


def test_the_second_of_two_equal_names_is_read_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    pq.write_table(pa.table([DIGESTS[:2], DIGESTS[2:4]], ["a", "a"]), path)
    plan = lc.plan(lc.read(path, column=1))
    assert plan.texts(0, 2) == DIGESTS[2:4]


@by_writer
@pytest.mark.parametrize("damage", ["cut", "head alone", "noise"])
def test_a_broken_table_is_one_line(write: Any, damage: str, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    write(TABLE, path)
    data = path.read_bytes()
    noise = np.random.default_rng(1).bytes(len(data) - 16)
    broken = {"cut": data[: len(data) // 2], "head alone": data[:12] + b"\0" * 8, "noise": data[:16] + noise}
    path.write_bytes(broken[damage])
    with pytest.raises(ValueError, match=r"cannot be read as|malformed|choose one") as raised:
        lc.plan(path)
    assert "\n" not in str(raised.value)


def test_a_compressed_table_is_refused_with_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet.gz"
    path.write_bytes(gzip.compress(b"PAR1"))
    with pytest.raises(ValueError, match="Parquet cannot be read from compressed data: unpack it first"):
        lc.plan(lc.read(path))


def test_the_first_version_of_feather_is_refused_with_a_hint() -> None:
    with pytest.raises(ValueError, match="Feather version 1 is not supported: write the file again"):
        lc.plan(io.BytesIO(b"FEA1" + bytes(60)))


def test_text_that_begins_with_the_letters_of_a_table_is_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"ORCHID,digest\nPAR1,{DIGESTS[0]}\n")
    assert lc.plan(lc.read(path)).unique == 1


# Raw digests

ODD = [b"", b"\1\2", bytes(31), bytes(33), b"\xff" * 500]


def arrow_types() -> list[Any]:
    return [pa.binary(), pa.large_binary(), pa.binary_view()]


RAW_FORMS: dict[str, Callable[[list[bytes | None]], Any]] = {
    **{str(kind): lambda rows, kind=kind: pa.array(rows, kind) for kind in arrow_types()},  # type: ignore[misc]
    "table": lambda rows: pa.table({"digest": pa.array(rows, pa.binary())}),
    "dictionary": lambda rows: pa.array(rows, pa.binary()).dictionary_encode(),
    "polars": lambda rows: pl.Series(rows, dtype=pl.Binary),
    "pandas": lambda rows: pd.Series(rows, dtype=object),
    "numpy object": lambda rows: np.array(rows, dtype=object),
    "list": lambda rows: rows,
    "generator": lambda rows: (row for row in rows),
    "bytearray": lambda rows: [None if row is None else bytearray(row) for row in rows],
}


@pytest.mark.parametrize("form", RAW_FORMS.values(), ids=RAW_FORMS)
def test_raw_says_that_bytes_are_digests_and_other_lengths_are_invalid(form: Any) -> None:
    plan = lc.plan(form([*RAW, None, *ODD, RAW[0]]), raw=True)
    assert plan.row_index.tolist() == [*range(5), *[-1] * 6, 0]
    assert plan.texts(0, 5) == DIGESTS[:5]
    assert [reject.kind for reject in plan.rejects] == ["not_text"] + ["wrong_length"] * 5
    assert plan.rejects[2].message == "row 7, offset 2: wrong length; raw digests have 32 bytes"
    assert plan.rejects[2].text == "0x0102"
    assert plan.rejects[5].text == "0x" + "ff" * 127 + "…"


def test_a_parquet_file_may_hold_raw_digests(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"image": ["a"] * 5, "layer": RAW}), path)
    for plan in (
        lc.plan(path, raw=True),
        lc.plan(lc.read(path, raw=True)),
        lc.plan(lc.read(path, None, 1), raw=True),
    ):
        assert plan.texts(0, plan.unique) == DIGESTS[:5]
    assert lc.plan(lc.read(path, column="layer")).unique == 0


def test_bytes_are_text_unless_raw_says_otherwise_whatever_their_length() -> None:
    md5 = [b"d41d8cd98f00b204e9800998ecf8427e"]
    assert lc.plan(md5).rejects[0].kind == "wrong_length"
    assert "raw" not in lc.plan(md5).rejects[0].message
    assert lc.plan(md5, raw=True).unique == 1
    digest = [os.urandom(31) + b"\xff"]
    assert "; if these 32 bytes are a raw digest, pass raw=True" in lc.plan(digest).rejects[0].message
    assert lc.plan(digest).fingerprint() != lc.plan(digest, raw=True).fingerprint()


def test_text_stays_text_beside_raw_digests() -> None:
    assert lc.plan([DIGESTS[0], RAW[1]], raw=True).texts(0, 2) == DIGESTS[:2]
    assert lc.plan(pa.array(DIGESTS[:5]), raw=True).unique == 5
    assert lc.plan(pa.array([DIGESTS[0].encode()]), raw=True).rejects[0].kind == "wrong_length"


def test_raw_is_refused_where_nothing_can_be_raw(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text(DIGESTS[0])
    with pytest.raises(ValueError, match="raw=True is for binary columns, and lines is text: leave raw out"):
        lc.plan(path, raw=True)
    with pytest.raises(ValueError, match="dtype S71 drops trailing zero bytes"):
        lc.plan(np.array([DIGESTS[0].encode()]), raw=True)


async def streamed(checker: lc.Checker) -> lc.Report:
    reports = [answer.report async for answer in checker.stream_async(RAW, raw=True)]
    return reports[0]


@pytest.mark.parametrize("rows", [RAW[:1], RAW])
def test_small_checks_that_share_calls_take_raw_digests(rows: list[bytes]) -> None:
    with (
        LocalEcr({"app": DIGESTS[:2]}) as ecr,
        lc.Checker("app", client=ecr.client(), coalesce_s=0.001) as checker,
    ):
        assert checker.check(rows, raw=True).counts["invalid"] == 0
        assert asyncio.run(checker.check_async(rows, raw=True)).counts["invalid"] == 0


def test_a_checker_takes_raw_digests_by_every_door() -> None:
    with LocalEcr({"app": DIGESTS[:2]}) as ecr, lc.Checker("app", client=ecr.client()) as checker:
        reports = [
            checker.check(RAW, raw=True),
            checker.submit(RAW, raw=True).result(),
            asyncio.run(checker.check_async(RAW, raw=True)),
            *(answer.report for answer in checker.stream(RAW, raw=True)),
            asyncio.run(streamed(checker)),
        ]
        assert [report.counts["available"] for report in reports] == [2] * 5
        with pytest.raises(lc.InvalidParameterError, match="this is a plan already: pass raw=True to plan"):
            checker.check(lc.plan(RAW, raw=True), raw=True)
