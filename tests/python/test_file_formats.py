"""What a file's name and first bytes say, the same for inputs, reports and the command line."""

import gzip
from pathlib import Path

import pytest

import layercheck as lc
from layercheck._core import COMPRESSED_SUFFIXES, container, is_compressed
from layercheck.file_formats import REPORT_SUFFIXES, SUFFIXES, input_format, report_format


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_input_may_be_compressed_and_a_report_in_a_text_format(suffix: str) -> None:
    found = input_format(f"dir.d/layers{suffix}")
    assert found == SUFFIXES[suffix]
    for compressed in COMPRESSED_SUFFIXES:
        name = f"layers{suffix}{compressed}".upper()
        assert input_format(name) == found
        assert report_format(name) == (SUFFIXES[suffix] if SUFFIXES[suffix] in ("csv", "jsonl") else None)
    assert (report_format(Path(f"report{suffix}")) is not None) == (suffix in REPORT_SUFFIXES)


@pytest.mark.parametrize(
    ("suffix", "format"),
    {
        ".tsv": "csv",
        ".json": "jsonl",
        ".parq": "parquet",
        ".ipc": "arrow",
        ".arrows": "arrow",
        ".orc": "orc",
    }.items(),
)
def test_more_suffixes_name_inputs_and_no_report(suffix: str, format: str) -> None:
    assert input_format(f"layers{suffix}.gz") == format
    assert report_format(f"layers{suffix}") is None


@pytest.mark.parametrize("name", ["layers.xml", "layers.xml.gz", "layers.csv.bz2", "layers.csv.gz.gz"])
def test_an_unknown_suffix_has_no_format(name: str) -> None:
    assert input_format(name) is None
    with pytest.raises(ValueError, match="cannot tell the format"):
        lc.read(name)


def test_a_compressed_file_is_known_by_its_first_bytes() -> None:
    assert is_compressed(gzip.compress(b"x"))
    # The magic number of a zstd frame (RFC 8878, section 3.1.1), little-endian.
    assert is_compressed((0xFD2FB528).to_bytes(4, "little") + b"rest")
    # A skippable frame, section 3.1.2.
    assert all(is_compressed((0x184D2A50 + number).to_bytes(4, "little")) for number in range(16))
    assert not is_compressed((0x184D2A60).to_bytes(4, "little"))
    assert not is_compressed(b"sha256:")
    assert not is_compressed(b"")


@pytest.mark.parametrize(
    ("head", "content"),
    [
        (b"PAR1\x15\x04", "Parquet"),
        (b"PARE\x15\x04", "Parquet"),
        (b"ARROW1\0\0\xff\xff\xff\xff", "Arrow"),
        (b"\xff\xff\xff\xff\x10", "Arrow stream"),
        (b"ORC\x1d\0\0", "ORC"),
        (b"FEA1\0\0\0\0", "Feather version 1"),
        (b"PAR1,PAR2\r\n", None),
        (b"ORCHID\n", None),
        (b"ARROW1", None),
        (b"\xff\xfea\0", None),
        (b"", None),
    ],
)
def test_a_table_is_known_by_its_first_bytes_and_a_word_is_not_a_table(
    head: bytes, content: str | None
) -> None:
    assert container(head) == content
