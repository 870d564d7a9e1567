"""Compressed inputs as tools write them: skippable frames, padding, several members, and broken ones."""

from __future__ import annotations

import gzip
import io
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import layercheck as lc

DIGESTS = [f"sha256:{number:064x}" for number in range(5)]
TEXT = "".join(f"{digest}\n" for digest in DIGESTS).encode()


def zstd(data: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(data).to_pybytes())


def skippable(content: bytes = b"skipped", number: int = 0) -> bytes:
    """RFC 8878, section 3.1.2: one of 16 magic numbers, a length, and bytes to skip."""
    return struct.pack("<II", 0x184D2A50 + number, len(content)) + content


def is_whole(data: Any) -> bool:
    plan = lc.plan(data)
    return (plan.rows, plan.texts(0, plan.unique)) == (5, DIGESTS)


class Pipe(io.RawIOBase):
    """A file that cannot seek and gives a few bytes at a time."""

    def __init__(self, data: bytes, size: int = 3) -> None:
        self.left = io.BytesIO(data)
        self.size = size

    def read(self, size: int = -1) -> bytes:
        return self.left.read(self.size if size < 0 else min(size, self.size))


def written(data: bytes, path: Path) -> Path:
    path.write_bytes(data)
    return path


DOORS: dict[str, Callable[[bytes, Path], Any]] = {
    "path": written,
    "open file": lambda data, _: io.BytesIO(data),
    "pipe": lambda data, _: Pipe(data),
    "read": lambda data, path: lc.read(written(data, path), "lines"),
}

WHOLE = {
    # As pzstd writes it: the frame to skip has the length of the frame behind it.
    "pzstd": skippable(struct.pack("<I", len(zstd(TEXT)))) + zstd(TEXT),
    **{f"skippable frame {number}": skippable(number=number) + zstd(TEXT) for number in range(16)},
    "empty skippable frame": skippable(b"") + zstd(TEXT),
    "skippable frames between and behind": (
        zstd(TEXT[:100]) + skippable() + skippable(number=15) + zstd(TEXT[100:]) + skippable()
    ),
    "empty frames": zstd(b"") + zstd(TEXT[:7]) + zstd(b"") + zstd(TEXT[7:]) + zstd(b""),
    "a large skippable frame": skippable(bytes(1 << 20)) + zstd(TEXT),
    "one zero behind gzip": gzip.compress(TEXT) + b"\0",
    "many zeros behind gzip": gzip.compress(TEXT) + bytes(3_000_000),
    "zeros between members": gzip.compress(TEXT[:9]) + bytes(513) + gzip.compress(TEXT[9:]) + bytes(7),
    "empty members": gzip.compress(b"") + gzip.compress(TEXT) + gzip.compress(b"") + bytes(2),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_every_whole_file_is_read_by_every_door(data: bytes, door: Any, tmp_path: Path) -> None:
    if len(data) > 100_000 and door is DOORS["pipe"]:
        pytest.skip("a megabyte in steps of three bytes")
    assert is_whole(door(data, tmp_path / "digests"))


@pytest.mark.parametrize("name", ["digests.gz", "digests.txt", "digests.zst"])
@pytest.mark.parametrize(
    "data",
    [TEXT, gzip.compress(TEXT), zstd(TEXT), skippable() + zstd(TEXT)],
    ids=["text", "gzip", "zstd", "skippable and zstd"],
)
def test_the_content_tells_the_compression_and_the_name_does_not(
    name: str, data: bytes, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    assert is_whole(tmp_path / name)


@pytest.mark.parametrize(
    "data",
    [skippable(), skippable() + skippable(b""), zstd(b""), gzip.compress(b"")],
    ids=["skippable", "two skippable", "zstd", "gzip"],
)
def test_a_compressed_file_of_nothing_is_an_empty_plan(data: bytes) -> None:
    assert lc.plan(io.BytesIO(data)).rows == 0


@pytest.mark.parametrize("inside", ["csv", "jsonl"])
def test_csv_and_json_lines_may_begin_with_a_frame_to_skip(inside: Any) -> None:
    rows = [f'"{digest}"' for digest in DIGESTS]
    text = "\n".join(rows if inside == "jsonl" else ["digest", *rows]).encode()
    assert is_whole(lc.read(io.BytesIO(skippable() + zstd(text)), inside))


def test_reports_that_begin_with_a_frame_to_skip_are_compared(tmp_path: Path) -> None:
    text = f"digest,verdict\n{DIGESTS[1]},available\n".encode()
    packed = {"plain": text, "pzstd": skippable() + zstd(text), "padded": gzip.compress(text) + bytes(99)}
    for name, data in packed.items():
        (tmp_path / name).write_bytes(data)
        counts = lc.diff(tmp_path / "plain", tmp_path / name).counts
        assert {word for word, number in counts.items() if number} == {"same"}


def flipped(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 0xFF
    return bytes(changed)


CHECKED = bytes.fromhex("28b52ffd 04 00 09 0000 61 00000000")  # one byte, with a wrong checksum
HUGE_WINDOW = bytes.fromhex("28b52ffd 00 a0 09 0000 61")  # a window of 1 GiB for one byte

BROKEN = {
    "zstd cut in mid-frame": (zstd(TEXT)[:-9], "broken zstd data: incomplete frame"),
    "zstd cut in the magic number of a second frame": (
        zstd(TEXT) + zstd(TEXT)[:3],
        "broken zstd data: incomp",
    ),
    "skippable frame cut": (skippable(b"0123")[:-1], "broken zstd data: incomplete frame"),
    "a skippable frame that claims 4 GiB": (
        struct.pack("<II", 0x184D2A50, 0xFFFFFFFF) + zstd(TEXT),
        "broken zstd data: incomplete frame",
    ),
    "zstd with a wrong checksum": (CHECKED, "broken zstd data: Restored data doesn't match checksum"),
    "text behind zstd": (
        zstd(TEXT) + TEXT,
        "broken zstd data: bytes that are not zstd follow the last frame",
    ),
    "zeros behind zstd": (zstd(TEXT) + bytes(9), "broken zstd data: bytes that are not zstd follow"),
    "text behind a skippable frame": (skippable() + TEXT, "broken zstd data: bytes that are not zstd follow"),
    "gzip behind zstd": (
        zstd(TEXT) + gzip.compress(TEXT),
        "broken zstd data: bytes that are not zstd follow",
    ),
    "window too large": (
        HUGE_WINDOW,
        "needs a window of more than 128 MiB: unpack it first, with zstd -d --long",
    ),
    "gzip cut": (gzip.compress(TEXT)[:-3], "broken gzip data: unexpected end of file"),
    "gzip with a wrong checksum": (flipped(gzip.compress(TEXT), -6), "broken gzip data: "),
    "text behind gzip": (
        gzip.compress(TEXT) + TEXT,
        "broken gzip data: bytes that are not gzip follow the last",
    ),
    "text behind the zeros behind gzip": (
        gzip.compress(TEXT) + bytes(70_000) + b"x",
        "broken gzip data: bytes that are not gzip follow the last member",
    ),
    "a cut member behind gzip": (gzip.compress(TEXT) + b"\x1f\x8b\x08", "broken gzip data: unexpected end"),
    "gzip in gzip": (
        gzip.compress(gzip.compress(TEXT)),
        "the gzip data holds gzip, not text: unpack it first",
    ),
    "zstd in gzip": (
        gzip.compress(skippable() + zstd(TEXT)),
        "the gzip data holds zstd, not text: unpack it",
    ),
    "gzip in zstd": (zstd(gzip.compress(TEXT)), "the zstd data holds gzip, not text: unpack it first"),
    "Parquet in gzip": (
        gzip.compress(b"PAR1" + bytes(99)),
        "the gzip data holds Parquet, not text: unpack it",
    ),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(("data", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_says_what_is_broken(data: bytes, message: str, door: Any, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=message):
        lc.plan(door(data, tmp_path / "digests"))


def test_an_error_of_the_file_is_not_taken_for_broken_data() -> None:
    class Failing(Pipe):
        def read(self, size: int = -1) -> bytes:
            block = super().read(size)
            if not block:
                raise ZeroDivisionError("mine")
            return block

    for data in (TEXT, gzip.compress(TEXT), zstd(TEXT), zstd(TEXT)[:-9]):
        with pytest.raises(ZeroDivisionError, match="mine"):
            lc.plan(Failing(data))


def test_padding_is_read_in_pieces_and_not_kept() -> None:
    """A gigabyte of zeros behind a member passes through in blocks."""
    given = []

    class Padded(io.RawIOBase):
        def __init__(self) -> None:
            self.head = io.BytesIO(gzip.compress(TEXT))
            self.left = 1 << 30

        def read(self, size: int = -1) -> bytes:
            block = self.head.read(size) or bytes(min(size, self.left))
            self.left -= 0 if block[:1] != b"\0" else len(block)
            given.append(len(block))
            return block

    assert is_whole(Padded())
    assert max(given) < 1 << 20


def test_a_named_pipe_is_read_once_from_its_start(tmp_path: Path) -> None:

    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=[skippable() + zstd(TEXT)])
    writer.start()
    assert is_whole(path)
    writer.join()
