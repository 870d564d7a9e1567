"""Crafted and mutated report files: an answer or the one class of error, and the process survives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest

import layercheck as lc
from cli.conftest import Layercheck, environment, layercheck  # noqa: F401 - fixtures
from comparison import hostile_reports
from fake_account import digests
from layercheck.testing import LocalEcr

ROWS = 20
WORDS = ["available", "unavailable"] * (ROWS // 2)
TABLE = pa.table({"digest": digests(ROWS), "verdict": WORDS})


def arrow_bytes(table: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def parquet_bytes(table: Any, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="none", **options)
    return bytes(sink.getvalue())


def words(indices: list[int]) -> Any:
    unchecked = pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), ["available"], safe=False)
    return pa.table({"digest": digests(len(indices)), "verdict": unchecked})


def offsets(first: int, step: int) -> bytes:
    return b"".join((first + step * at).to_bytes(4, "little", signed=True) for at in range(ROWS + 1))


def numbered(count: int) -> bytes:
    return count.to_bytes(8, "little")


def patched(whole: bytes, old: bytes, new: bytes) -> bytes:
    assert old in whole
    return whole.replace(old, new)


def of_type(column: str, values: list[Any], kind: Any = None) -> Any:
    return TABLE.set_column(TABLE.column_names.index(column), column, pa.array(values, kind))


PLAIN = arrow_bytes(TABLE)
PLAIN_PARQUET = parquet_bytes(TABLE, use_dictionary=False)
DIGEST_OFFSETS = offsets(0, 71)
CRAFTED: dict[str, bytes] = {
    "word_outside_the_dictionary.arrow": arrow_bytes(words([0, 7])),
    "word_before_the_dictionary.arrow": arrow_bytes(words([0, -1])),
    "text_outside_the_data.arrow": patched(PLAIN, DIGEST_OFFSETS, offsets(0, 1 << 26)),
    "text_before_the_data.arrow": patched(PLAIN, DIGEST_OFFSETS, offsets(-71, 71)),
    "text_backwards.arrow": patched(PLAIN, DIGEST_OFFSETS, offsets(71 * ROWS, -71)),
    "verdict_not_utf8.arrow": patched(PLAIN, b"availableunavailable", b"\xff\xfeailableunavailable"),
    "digest_not_utf8.arrow": patched(PLAIN, b"sha256:", b"sha\xff\xfe6:"),
    "name_not_utf8.arrow": patched(PLAIN, b"verdict", b"verd\xff\xfet"),
    "many_rows.arrow": patched(PLAIN, numbered(ROWS), numbered(1 << 60)),
    "minus_one_row.arrow": patched(PLAIN, numbered(ROWS), b"\xff" * 8),
    "only_a_head.arrow": PLAIN[:8],
    "head_and_foot.arrow": PLAIN[:8] + PLAIN[-10:],
    "verdict_not_utf8.parquet": patched(parquet_bytes(TABLE), b"unavailable", b"unavail\xff\xfe\xfd\xfc"),
    "digest_not_utf8.parquet": patched(
        parquet_bytes(TABLE, use_dictionary=False), b"sha256:", b"sha\xff\xfe6:"
    ),
    "name_not_utf8.parquet": patched(parquet_bytes(TABLE), b"verdict", b"verd\xff\xfet"),
    "only_a_head.parquet": b"PAR1",
    "head_and_foot.parquet": b"PAR1" + b"\xff\xff\xff\x7fPAR1",
}
for form, write in (("arrow", arrow_bytes), ("parquet", parquet_bytes)):
    CRAFTED |= {
        f"no_verdict.{form}": write(TABLE.select(["digest"])),
        f"verdict_twice.{form}": write(TABLE.append_column("verdict", TABLE.column("verdict"))),
        f"verdict_list.{form}": write(of_type("verdict", [[word] for word in WORDS])),
        f"verdict_struct.{form}": write(of_type("verdict", [{"is": word} for word in WORDS])),
        f"verdict_numbers.{form}": write(of_type("verdict", [1.5] * ROWS)),
        f"verdict_number_dictionary.{form}": write(
            of_type("verdict", [1] * ROWS, pa.dictionary(pa.int8(), pa.int64()))
        ),
        f"digest_list.{form}": write(of_type("digest", [[each] for each in digests(ROWS)])),
        f"digest_times.{form}": write(of_type("digest", [1] * ROWS, pa.timestamp("us"))),
        f"digest_booleans.{form}": write(of_type("digest", [True] * ROWS)),
        f"digest_bytes_of_31.{form}": write(of_type("digest", [b"a" * 31] * ROWS, pa.binary(31))),
    }


@pytest.fixture(params=sorted(CRAFTED))
def crafted(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    path.write_bytes(CRAFTED[path.name])
    return path


def read_in_a_process(folder: Path, seed: int, count: int) -> None:
    (folder / "good.csv").write_text(f"digest,verdict\n{digests(1)[0]},available\n")
    done = subprocess.run(
        [sys.executable, "-m", "comparison.hostile_reports", str(folder), str(seed), str(count)],
        env={**os.environ, "PYTHONPATH": str(Path(hostile_reports.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_crafted_files_neither_end_the_process_nor_raise_another_error(tmp_path: Path) -> None:
    for name, content in CRAFTED.items():
        (tmp_path / name).write_bytes(content)
    read_in_a_process(tmp_path, 0, 0)


def test_a_crafted_report_is_refused_in_one_line_with_its_name(crafted: Path) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        lc.diff(crafted, crafted)
    assert type(refused.value) is ValueError
    assert str(refused.value).startswith(f"{crafted}: ")
    assert str(refused.value).isprintable()


def test_the_command_says_a_crafted_report_in_one_line(layercheck: Layercheck, tmp_path: Path) -> None:  # noqa: F811
    for name in ("word_outside_the_dictionary.arrow", "text_outside_the_data.arrow", "name_not_utf8.parquet"):
        path = tmp_path / name
        path.write_bytes(CRAFTED[name])
        ended = layercheck("diff", path, path)
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith(f"layercheck: cannot compare: {path}: ")
        assert ended.err.count("\n") == 1


def written(path: Path) -> None:
    held = digests(ROWS)[::2]
    with LocalEcr({"app": held}) as ecr:
        report = lc.check([*digests(ROWS), "junk", held[0]], "app", client=ecr.client())
    report.write(path)


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: written(folder / "report.arrow"),
        lambda folder: written(folder / "report.parquet"),
        lambda folder: written(folder / "report.csv"),
        lambda folder: written(folder / "report.jsonl"),
        lambda folder: (folder / "plain.arrow").write_bytes(PLAIN),
        lambda folder: (folder / "plain.parquet").write_bytes(PLAIN_PARQUET),
        lambda folder: (folder / "one.parquet").write_bytes(parquet_bytes(TABLE.select(["digest"]))),
    ],
    ids=["arrow", "parquet", "csv", "jsonl", "plain_arrow", "plain_parquet", "one_column"],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_mutated_file_gives_an_answer_or_the_one_error(
    tmp_path: Path, make: Callable[[Path], object], seed: int
) -> None:
    """A thousand mutations of each; twenty thousand were tried by hand."""
    make(tmp_path)
    read_in_a_process(tmp_path, seed, 500)


def test_digests_of_one_check_alone_are_listed_as_absent_in_the_other(tmp_path: Path) -> None:
    both = digests(2)
    for name, digest in zip(("a.csv", "b.csv"), both, strict=True):
        (tmp_path / name).write_text(f"digest,verdict\n{digest},available\n")
    changes = lc.diff(tmp_path / "a.csv", tmp_path / "b.csv")
    assert list(changes.lines(("added", "removed"))) == [
        (both[0], "removed", "available", "absent"),
        (both[1], "added", "absent", "available"),
    ]
