"""What a file's name and first bytes say, the same for inputs, reports and the command line."""

import gzip
from pathlib import Path

import pytest

import layercheck as lc
from layercheck._core import COMPRESSED_SUFFIXES, is_compressed
from layercheck.file_formats import REPORT_SUFFIXES, SUFFIXES, input_format, report_format


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_input_may_be_compressed_and_a_report_in_a_text_format(suffix: str) -> None:
    found = input_format(f"dir.d/layers{suffix}")
    assert found == (None if SUFFIXES[suffix] == "arrow" else SUFFIXES[suffix])
    for compressed in COMPRESSED_SUFFIXES:
        name = f"layers{suffix}{compressed}".upper()
        assert input_format(name) == found
        assert report_format(name) == (SUFFIXES[suffix] if SUFFIXES[suffix] in ("csv", "jsonl") else None)
    assert (report_format(Path(f"report{suffix}")) is not None) == (suffix in REPORT_SUFFIXES)


@pytest.mark.parametrize("name", ["layers.xml", "layers.xml.gz", "layers.csv.bz2", "layers.csv.gz.gz"])
def test_an_unknown_suffix_has_no_format(name: str) -> None:
    assert input_format(name) is None
    with pytest.raises(ValueError, match="cannot tell the format"):
        lc.read(name)


def test_a_compressed_file_is_known_by_its_first_bytes() -> None:
    assert is_compressed(gzip.compress(b"x"))
    # The magic number of a zstd frame (RFC 8878, section 3.1.1), little-endian.
    assert is_compressed((0xFD2FB528).to_bytes(4, "little") + b"rest")
    assert not is_compressed(b"sha256:")
    assert not is_compressed(b"")
