"""INPUT arguments of `layercheck plan`: the right numbers, or one line that says what is wrong."""

import gzip
import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

import layercheck as lc
from layercheck.cli import input_files
from layercheck.cli.commands import plan as notes

from .conftest import COMMAND, Layercheck, digest


def numbers(layercheck: Layercheck, *arguments: str | Path, stdin: bytes = b"") -> dict[str, Any]:
    ended = layercheck("plan", "--format", "jsonl", *arguments, stdin=stdin)
    assert ended.code == 0, ended.err
    assert ended.out.count("\n") == 1
    parsed: dict[str, Any] = json.loads(ended.out)
    assert parsed["rows"] == parsed["unique"] + parsed["duplicates"] + parsed["invalid"]
    assert sum(parsed["spellings"].values()) + sum(parsed["rejects"].values()) == parsed["rows"]
    return parsed


def test_files_and_standard_input_are_one_plan_in_order(layercheck: Layercheck, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second.gz"
    first.write_text(f"{digest(1)}\n{digest(2)}")  # without a line end at its end
    second.write_bytes(gzip.compress(f"# comment\n\n{digest(2)}\n".encode()))
    plan = numbers(layercheck, first, "-", second, stdin=f"{digest(3)}\njunk\n".encode())
    assert (plan["rows"], plan["unique"], plan["duplicates"], plan["invalid"]) == (5, 3, 1, 1)


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_standard_input_is_the_default(layercheck: Layercheck, arguments: list[str]) -> None:
    assert numbers(layercheck, *arguments, stdin=f"{digest(1)}\r\n".encode())["unique"] == 1


def test_gzip_is_recognised_on_standard_input(layercheck: Layercheck) -> None:
    assert numbers(layercheck, stdin=gzip.compress(digest(1).encode()))["unique"] == 1


@pytest.mark.parametrize("by", ["name", "standard input"])
@pytest.mark.parametrize("padding", [b"", bytes(1000)], ids=["", "with zeros behind it"])
def test_a_frame_to_skip_and_padding_are_part_of_a_compressed_file(
    layercheck: Layercheck, tmp_path: Path, by: str, padding: bytes
) -> None:
    text = f"{digest(1)}\n".encode()
    skippable = (0x184D2A50).to_bytes(4, "little") + (4).to_bytes(4, "little") + bytes(4)
    zstd = skippable + pa.Codec("zstd").compress(text).to_pybytes()
    path = tmp_path / "digests"
    path.write_bytes(gzip.compress(text) + padding if padding else zstd)
    given = [path] if by == "name" else []
    assert numbers(layercheck, *given, stdin=b"" if given else path.read_bytes())["unique"] == 1


def test_kinds_calls_and_seconds_are_counted(layercheck: Layercheck) -> None:
    rows = [digest(number) for number in range(250)]
    rows += [digest(0).upper(), digest(1)[7:], "latest", "md5:00"]
    plan = numbers(layercheck, stdin="\n".join(rows).encode())
    assert plan["spellings"] | {"canonical": 250, "upper_case": 1, "bare_hex": 1} == plan["spellings"]
    assert (plan["rejects"]["not_hexadecimal"], plan["rejects"]["unsupported_algorithm"]) == (1, 1)
    times = ("calls", "seconds_at_quota", "seconds_at_default_rate")
    assert [plan[key] for key in times] == [3, 0.003, 0.006]
    public = numbers(layercheck, "--public", "--batch-size", "10", stdin="\n".join(rows).encode())
    assert (public["calls"], public["seconds_at_quota"], public["seconds_at_default_rate"]) == (
        25,
        0.125,
        0.25,
    )


def test_threads_change_nothing_in_the_numbers_of_a_large_file(
    layercheck: Layercheck, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    rows = [digest(number * 7_919 % 200_003) if number % 9 else "junk" for number in range(300_000)]
    large.write_text("\n".join(rows))
    one, two, default = (
        numbers(layercheck, large, *threads) for threads in (["--threads", "1"], ["--threads", "2"], [])
    )
    assert (one["rows"], one["unique"]) == (300_000, len(set(rows) - {"junk"}))
    assert one == two == default


def test_strict_accepts_only_the_canonical_form(layercheck: Layercheck) -> None:
    plan = numbers(layercheck, "--strict", stdin=f"{digest(1)}\n{digest(2).upper()}\n".encode())
    assert (plan["unique"], plan["rejects"]["not_canonical"]) == (1, 1)


def test_every_spelling_and_every_kind_of_rejection_has_a_note() -> None:
    made = lc.plan([])
    assert (set(notes.SPELLINGS), set(notes.REJECTS)) == (set(made.spellings), set(made.reject_counts))
    assert all([*notes.SPELLINGS.values(), *notes.REJECTS.values()])


def test_the_table_names_each_kind_that_occurred(layercheck: Layercheck) -> None:
    ended = layercheck("plan", stdin=f"{digest(1)}\n{digest(1)}\nlatest\n".encode())
    assert ended.code == 0
    for expected in ("canonical", "not_hexadecimal", "calls", "1,000 calls/s"):
        assert expected in ended.out
    assert "blob_path" not in ended.out


@pytest.mark.parametrize(
    ("content", "note"),
    [
        pytest.param(b"\x7fELF\x02\x01\x00\x00" + os.urandom(5000), "looks binary", id="binary"),
        pytest.param(f'"{digest(1)}",\n'.encode(), "jq -r", id="quotes"),
        pytest.param(f"{digest(1)}\t{digest(2)}\n".encode(), "tr -s", id="several"),
        pytest.param(f"app\t{digest(1)}\n".encode(), "--input-format csv", id="tabs"),
        pytest.param(b"name,tag\napp,v1\n", "no row is a digest", id="csv"),
    ],
)
def test_an_input_that_is_probably_a_mistake_has_a_note(
    layercheck: Layercheck, tmp_path: Path, content: bytes, note: str
) -> None:
    path = tmp_path / "input"
    path.write_bytes(content)
    for arguments in ([path], [path, "--quiet"]):
        ended = layercheck("plan", *arguments)
        assert ended.code == 0
        assert note in ended.err
        assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"\n# only a comment\n \n", gzip.compress(b"")],
    ids=["nothing", "comments", "packed nothing"],
)
@pytest.mark.parametrize("arguments", [["plan"], ["check", "app", "--dry-run"]], ids=["plan", "dry-run"])
def test_an_input_without_rows_is_one_line_and_code_1_unless_allowed(
    layercheck: Layercheck, tmp_path: Path, content: bytes, arguments: list[str]
) -> None:
    path = tmp_path / "input"
    path.write_bytes(content)
    ended = layercheck(*arguments, path)
    assert (ended.code, ended.out) == (1, "")
    assert f"no digests in the input: no rows in '{path}'; --allow-empty accepts" in ended.err
    assert ended.err.count("\n") == 1
    allowed = layercheck(*arguments, path, "--allow-empty")
    assert allowed.code == 0
    assert "no digests" not in allowed.err
    both = layercheck(*arguments, path, "-", stdin=digest(1).encode())
    assert both.code == 0


def test_a_rejected_row_of_several_inputs_names_its_file_and_line(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(f"{digest(1)}\n")
    second.write_text(f"# two\n\n{digest(2)}\nlatest\n")
    several = input_files.read_plan([str(first), str(second)]).plan
    assert several.rejects[0].message.startswith(f"{second}:4 (row 2), offset 0: ")
    single = input_files.read_plan([str(second)]).plan
    assert single.rejects[0].message.startswith("line 4 (row 1), offset 0: ")


def test_what_cannot_be_read_is_one_line_and_code_1(layercheck: Layercheck, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(os.urandom(5000))[:-100])
    damaged = tmp_path / "damaged.gz"
    damaged.write_bytes(b"\x1f\x8bnot really")
    zstd = tmp_path / "digests.zst"
    zstd.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(20))
    utf_16 = tmp_path / "utf-16"
    utf_16.write_bytes(digest(1).encode("utf-16"))
    trailing = tmp_path / "trailing"
    trailing.write_bytes(gzip.compress(b"") + b"more")
    twice = tmp_path / "twice"
    twice.write_bytes(gzip.compress(gzip.compress(b"")))
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(path))
        for name, said in (
            (tmp_path / "missing", "no such file"),
            (tmp_path, "is a directory"),
            (cut, "broken gzip"),
            (damaged, "broken gzip"),
            (zstd, "broken zstd"),
            (utf_16, "it is UTF-16 text; convert it with: iconv"),
            (trailing, "not gzip follow the last member; fetch or pack it again"),
            (twice, "the gzip data holds gzip, not text: unpack it first\n"),
            (loop, "cannot read"),
            (path, "cannot read"),
            (tmp_path / ("x" * 300), "cannot read"),
        ):
            ended = layercheck("plan", name)
            assert (ended.code, ended.out) == (1, "")
            assert said in ended.err
            assert ended.err.count("\n") == 1


def test_a_missing_permission_is_reported(layercheck: Layercheck, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(digest(1))
    path.chmod(0)
    ended = layercheck("plan", path, as_common_user=True)
    assert (ended.code, ended.out) == (1, "")
    assert "no permission to read" in ended.err
    assert ended.err.count("\n") == 1


def test_a_very_long_line_is_one_rejected_row(layercheck: Layercheck, tmp_path: Path) -> None:
    path = tmp_path / "long"
    with path.open("wb") as file:
        file.truncate(200 << 20)  # a sparse file: 200 MiB of zeros without a line end
        file.seek(0, os.SEEK_END)
        file.write(f"\n{digest(1)}\n".encode())
    plan = numbers(layercheck, path)
    assert (plan["rows"], plan["unique"], plan["invalid"]) == (2, 1, 1)


def test_control_characters_in_a_file_name_are_shown_as_escapes(layercheck: Layercheck) -> None:
    ended = layercheck("plan", "no\x1b[31msuch\nfile")
    assert ended.code == 1
    assert "\x1b" not in ended.err
    assert ended.err.count("\n") == 1


def test_columns_of_other_formats_are_read(layercheck: Layercheck, tmp_path: Path) -> None:
    table = tmp_path / "layers.csv.gz"
    table.write_bytes(gzip.compress(f"image,layer\napp,{digest(1)}\nweb,{digest(2)}\n".encode()))
    lines = tmp_path / "layers.jsonl"
    lines.write_text(f'{{"image": "app", "layer": "{digest(2)}"}}\n{{"layer": null}}\n')
    parquet = tmp_path / "layers.parquet"
    pq.write_table(pa.table({"image": ["a", "b"], "layer": [digest(3), "junk"]}), parquet)
    plan = numbers(layercheck, "--column", "layer", table, lines, parquet)
    assert (plan["rows"], plan["unique"], plan["duplicates"], plan["invalid"]) == (6, 3, 1, 2)
    assert numbers(layercheck, "--column", "1", table, parquet)["unique"] == 3


def test_the_format_option_replaces_a_missing_suffix(layercheck: Layercheck) -> None:
    text = f"layer\n{digest(1)}\n".encode()
    plan = numbers(layercheck, "--input-format", "csv", stdin=text)
    assert (plan["rows"], plan["unique"]) == (1, 1)
    assert numbers(layercheck, "--input-format", "jsonl", stdin=f'"{digest(1)}"'.encode())["unique"] == 1


def test_the_format_option_wins_over_the_suffix(layercheck: Layercheck, tmp_path: Path) -> None:
    path = tmp_path / "layers.csv"
    path.write_text(f"{digest(1)}\n# comment\n")
    assert numbers(layercheck, "--input-format", "lines", path)["rows"] == 1


def test_a_file_of_another_format_is_one_line_and_code_1(layercheck: Layercheck, tmp_path: Path) -> None:
    table = tmp_path / "layers.csv"
    table.write_text("image,layer\napp,1\n")
    twice = tmp_path / "twice.csv"
    twice.write_text("layer,image,layer\n")
    parquet = tmp_path / "layers.parquet"
    pq.write_table(pa.table({"image": ["a"], "number": [1]}), parquet)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1" + bytes(100))
    for arguments, said in (
        ([table], 'choose one of "image", "layer" with --column NAME'),
        (["--column", "layer", twice], "choose one by its number, counted from 0, such as --column 2"),
        (["--column", "digest", table], 'no column "digest"; there are "image", "layer"'),
        (["--column", "7", table], "no column 7, counted from 0"),
        (["--column", "number", parquet], "column of int64 holds no digests"),
        ([broken], "cannot read"),
        (["--input-format", "parquet", "-"], "cannot be read as Parquet"),
        (["--column", "layer"], "standard input is read as lines, which have no columns"),
    ):
        ended = layercheck("plan", *arguments)
        assert (ended.code, ended.out) == (1, "")
        assert said in ended.err
        assert ended.err.count("\n") == 1


def notes_of(layercheck: Layercheck, *arguments: str | Path, stdin: bytes = b"") -> tuple[int, list[str]]:
    ended = layercheck("plan", "--format", "jsonl", *arguments, stdin=stdin)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)["unique"], ended.err.splitlines()


def test_the_delimiter_and_the_column_are_told_from_the_file(layercheck: Layercheck, tmp_path: Path) -> None:
    for name, delimiter in (("rows.csv", ";"), ("rows.tsv", "\t"), ("pipes.csv", "|"), ("commas.csv", ",")):
        path = tmp_path / name
        path.write_text(f"image{delimiter}digest\napp{delimiter}{digest(1)}\n")
        expected = (1, [f"layercheck: note: column \"digest\" of '{path}'"])
        assert notes_of(layercheck, path) == expected
        assert notes_of(layercheck, "--column", "digest", path) == (1, [])
    note = 'layercheck: note: column "digest" of standard input'
    assert notes_of(layercheck, "--input-format", "csv", stdin=path.read_bytes()) == (1, [note])


@pytest.mark.parametrize("delimiter", ["tab", "\\t", "\t"])
def test_the_delimiter_may_be_given(layercheck: Layercheck, delimiter: str) -> None:
    text = f"image\tdigest\na,b\t{digest(1)}\n".encode()
    arguments = ["--input-format", "csv", "--column", "1", "--delimiter", delimiter]
    assert notes_of(layercheck, *arguments, stdin=text) == (1, [])


def test_the_key_of_json_lines_is_named(layercheck: Layercheck, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(f'{{"a": 1}}\n{{"digest": "{digest(1)}"}}\n')
    unique, notes = notes_of(layercheck, path)
    assert unique == 1
    assert notes == [
        f"layercheck: note: key \"digest\" of '{path}'",
        f"layercheck: note: 1 record without the key \"digest\" (the first is row 0) of '{path}'",
    ]


def test_tables_are_read_by_their_content_from_a_path_a_pipe_and_a_redirection(
    layercheck: Layercheck, tmp_path: Path
) -> None:
    path = tmp_path / "rows.txt"
    table = pa.table({"layer": [digest(1), digest(2)]})
    for write in (pq.write_table, pyarrow.feather.write_feather, pyarrow.orc.write_table):
        write(table, path)
        assert notes_of(layercheck, path) == (2, [])
        assert notes_of(layercheck, stdin=path.read_bytes()) == (2, [])
        with path.open("rb") as file:
            command = [*COMMAND, "plan", "--format", "jsonl"]
            ended = subprocess.run(command, stdin=file, capture_output=True, check=True)
            assert json.loads(ended.stdout)["unique"] == 2


def test_raw_digests_in_a_binary_column_are_read_with_the_option(
    layercheck: Layercheck, tmp_path: Path
) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"layer": [bytes.fromhex(digest(number)[7:]) for number in (1, 2)]}), path)
    assert notes_of(layercheck, "--raw", path) == (2, [])
    unique, notes = notes_of(layercheck, path)
    assert unique == 0
    hint = '32-byte values that are not text (raw digests: --raw) in the column "layer" of'
    assert f"layercheck: note: {hint} '{path}'" in notes
    ended = layercheck("plan", "--raw", stdin=digest(1).encode())
    assert (ended.code, ended.out) == (1, "")
    assert "--raw is for binary columns, and lines is text: leave it out" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--delimiter", ";;"], "delimiter must be one character such as ; or |, or tab"),
        (["--delimiter", ";", "--input-format", "jsonl"], "only CSV has a delimiter"),
        (["--raw", "--input-format", "csv"], "--raw is for binary columns"),
    ],
)
def test_options_that_cannot_fit_the_format_are_wrong_usage(
    layercheck: Layercheck, arguments: list[str], said: str
) -> None:
    ended = layercheck("plan", *arguments)
    assert ended.code == 2
    assert said in ended.err


def test_a_delimiter_of_lines_is_one_line_and_code_1(layercheck: Layercheck) -> None:
    ended = layercheck("plan", "--delimiter", ";", stdin=digest(1).encode())
    assert (ended.code, ended.out) == (1, "")
    assert (
        "standard input is read as lines, which have no columns; leave out --delimiter, or say" in ended.err
    )


def test_a_column_of_lines_is_wrong_usage(layercheck: Layercheck) -> None:
    ended = layercheck("plan", "--input-format", "lines", "--column", "layer")
    assert ended.code == 2
    assert "lines have no columns" in ended.err
