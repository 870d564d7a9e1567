"""Where a run has its files, and where its rows are: what cannot be right, or holds a secret, is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs
import pyarrow.parquet as pq
import pytest

import layercheck as lc
from fake_account import SECRET
from layercheck import shard
from layercheck.parts.files import Files
from layercheck.parts.join_rows import ADDED, added_columns
from layercheck.parts.pieces import check_apart, listed


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        (None, TypeError, "path is a NoneType; expected a str or a path object"),
        (b"audit", TypeError, "path is a bytes"),
        ("", lc.InvalidParameterError, "path is empty; expected a folder"),
        (" ", lc.InvalidParameterError, "path is empty"),
        (f"s3://key:{SECRET[:6]}@bucket/audit", lc.InvalidParameterError, "a user name or a password"),
        (f"abfss://c@a.dfs/run?sv=1&sig={SECRET[:6]}", lc.InvalidParameterError, "a password"),
        (f"abfs://c/run?sig={SECRET[:6]}", lc.InvalidParameterError, "a password"),
        (f"abfss://name:{SECRET[:6]}@a.dfs/run", lc.InvalidParameterError, "a password"),
    ],
)
def test_a_path_that_cannot_be_right_is_refused(path: Any, error: type[Exception], message: str) -> None:
    for use in (Files.at, shard.summary):
        with pytest.raises(error, match=message) as refused:
            use(path)
        assert SECRET[:6] not in str(refused.value)


def test_a_container_of_azure_is_no_user() -> None:
    url = "abfss://container@account.dfs.core.windows.net/run"
    assert Files.at(url).path == url


def test_a_folder_may_have_a_name_that_looks_like_a_secret(tmp_path: Path) -> None:
    assert Files.at(tmp_path / "secret=1").path == f"{tmp_path}/secret=1"


def test_the_query_of_a_url_stays_at_its_end() -> None:
    files = Files.at("s3://bucket/audit?region=eu-west-1")
    assert files.url("slice=0000") == "s3://bucket/audit/slice=0000?region=eu-west-1"
    assert repr(files.records) == "s3://bucket/audit/_layercheck?region=eu-west-1"
    assert Files.at("/shared/what?").url("slice=0000") == "/shared/what?/slice=0000"


def test_a_url_of_rows_with_a_password_is_refused() -> None:
    for table in ("s3://key:word@bucket/rows", ["s3://key:word@bucket/rows"]):
        with pytest.raises(lc.InvalidParameterError, match="table is a URL with a user name or a password"):
            listed(table)


@pytest.mark.parametrize("path", ["rows", "rows/audit", "rows/"])
def test_a_run_inside_the_folder_of_its_rows_is_refused(tmp_path: Path, path: str) -> None:
    for table in (tmp_path / "rows", [str(tmp_path / "rows")]):
        with pytest.raises(lc.InvalidParameterError, match="inside the folder of the rows, and a rerun"):
            check_apart(table, Files.at(tmp_path / path))
        check_apart(table, Files.at(tmp_path / "rows-audit"))


@pytest.mark.parametrize("is_subtree", [False, True])
def test_a_dataset_whose_file_system_holds_keys_is_refused(is_subtree: bool) -> None:
    system: Any = pyarrow.fs.S3FileSystem(access_key="key", secret_key=SECRET, region="eu-west-1")
    if is_subtree:
        system = pyarrow.fs.SubTreeFileSystem("bucket", system)
    part = ds.ParquetFileFormat().make_fragment("bucket/rows.parquet", filesystem=system)
    dataset = ds.FileSystemDataset([part], pa.schema([("digest", pa.string())]), ds.ParquetFileFormat())
    assert SECRET.encode() in pickle.dumps(next(dataset.get_fragments()))
    for table in (dataset, [part]):
        with pytest.raises(TypeError, match="table has a S3FileSystem that holds a secret_key") as refused:
            listed(table)
        assert SECRET not in str(refused.value)


_ABSTRACT = {name: lambda *_: "theirs" for name in pyarrow.fs.FileSystemHandler.__abstractmethods__}
_Foreign: Any = type("_Foreign", (pyarrow.fs.FileSystemHandler,), _ABSTRACT)

HIDDEN: dict[str, Any] = {
    "in a folder of a folder": lambda keys: pyarrow.fs.SubTreeFileSystem(
        "a", pyarrow.fs.SubTreeFileSystem("b", keys)
    ),
    "as the password of a proxy": lambda keys: pyarrow.fs.S3FileSystem(
        region="eu-west-1",
        anonymous=True,
        proxy_options={"scheme": "http", "host": "h", "port": 1, "username": "u", "password": SECRET},
    ),
    "in the file system of another library": lambda _: pyarrow.fs.PyFileSystem(_Foreign()),
}


@pytest.mark.parametrize("how", HIDDEN)
def test_keys_that_are_deep_in_a_dataset_are_found(how: str) -> None:
    keys = pyarrow.fs.S3FileSystem(access_key="key", secret_key=SECRET, region="eu-west-1")
    part = ds.ParquetFileFormat().make_fragment("rows.parquet", filesystem=HIDDEN[how](keys))
    dataset = ds.FileSystemDataset([part], pa.schema([("digest", pa.string())]), ds.ParquetFileFormat())
    for table in (dataset, [part], [ds.dataset([dataset, dataset])]):
        with pytest.raises(TypeError, match="table has a") as refused:
            listed(table)
        assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "table",
    [
        ["sha256:" + "ab" * 32],
        "AB" * 32,
        [f"team/app@sha256:{'ab' * 32}"],
        [f" SHA256:{'AB' * 32}\n"],
        [None, b"\xab" * 32],
    ],
)
def test_digests_in_the_place_of_paths_are_said(table: Any) -> None:
    with pytest.raises(TypeError, match="table holds digests, and texts are taken for paths"):
        listed(table)


@pytest.mark.parametrize(
    "path", ["*.parquet", "part-[0-9].parquet", "part-?.parquet", "s3://bucket/digests/*.parquet"]
)
def test_a_pattern_in_the_place_of_paths_is_said(tmp_path: Path, path: str) -> None:
    given = path if "://" in path else str(tmp_path / path)
    for table in (given, [given]):
        for use in (listed, lambda table: check_apart(table, Files.at(tmp_path / "audit"))):
            with pytest.raises(lc.InvalidParameterError) as refused:
                use(table)
            assert str(refused.value) == (
                f"table has the pattern {given!r}; pass the folder of the files, or a list of their paths"
            )


def test_a_file_whose_name_looks_like_a_pattern_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "rows [1]*.parquet"
    pq.write_table(pa.table({"digest": ["ab" * 32]}), path)
    assert listed([path, "s3://bucket/rows?region=eu-west-1"]) == [
        str(path),
        "s3://bucket/rows?region=eu-west-1",
    ]


def test_a_dataset_in_memory_can_be_sent() -> None:
    rows = pa.table({"digest": ["ab" * 32]})
    pieces = listed(ds.dataset(rows))
    assert pickle.loads(pickle.dumps(pieces)) == [rows]  # noqa: S301 (our own)


def test_a_dataset_of_local_files_is_taken(tmp_path: Path) -> None:
    pq.write_table(pa.table({"digest": ["ab" * 32]}), tmp_path / "rows.parquet")
    pieces = listed(ds.dataset(tmp_path))
    assert pieces is not None
    assert len(pieces) == 1


@pytest.mark.parametrize("columns", ["verdict", "size", None, 5])
def test_columns_that_are_not_a_list_of_names_are_said(columns: Any) -> None:
    with pytest.raises(lc.InvalidParameterError) as refused:
        added_columns(["layer"], "layer", columns, shard.schema().names)
    assert str(refused.value) == (
        f"columns is {columns!r}; expected a list of names, such as ['verdict', 'size']"
    )


def test_columns_may_be_any_iterable() -> None:
    found = added_columns(["layer"], "layer", iter(["size", "code"]), shard.schema().names)  # type: ignore[arg-type]
    assert found == ["verdict", "size", "code"]


def test_a_table_that_holds_no_verdicts_is_said() -> None:
    with pytest.raises(lc.InvalidParameterError, match="the verdict table has no column 'verdict'"):
        added_columns(["digest"], "digest", ADDED, ["digest", "n"])
    names = shard.schema().names
    assert added_columns(["layer"], "layer", ["size"], names) == ["verdict", "size"]
