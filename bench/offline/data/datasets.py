"""Inputs from a seed, with a true answer that is known by construction.

Digest number k is a function of the seed and k, so that each row can be made without keeping the rows
before it. The generator counts the true answer while it makes the rows, without any implementation.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.harness.expected import Answer, as_tuple

CHUNK = 500_000
HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
INVALID = (
    b"latest\n",
    b"sha256:" + b"0" * 63 + b"\n",
    b"sha256:" + b"0" * 63 + b"g\n",
    b"sha256-" + b"0" * 64 + b"\n",
)


@dataclass(frozen=True)
class Mix:
    """The rows of an input.

    Attributes:
        rows: Number of rows.
        duplicates: Part of the valid rows that repeat an earlier digest, 0 to 1.
        dirty: Whether 5 % are in upper case, 5 % bare hex and 1 % invalid.
        seed: Seed of all random choices.
    """

    rows: int
    duplicates: float = 0.2
    dirty: bool = True
    seed: int = 1

    def capped(self, most_rows: int | None) -> Mix:
        """The same with at most `most_rows` rows."""
        return self if most_rows is None else dataclasses.replace(self, rows=min(self.rows, most_rows))

    def __str__(self) -> str:
        kind = "dirty" if self.dirty else "clean"
        return f"{self.rows} {kind} rows, {self.duplicates:.0%} duplicates"


@dataclass(frozen=True)
class TextInput:
    """A text file of digests, and its true answer."""

    path: Path
    mix: Mix
    truth: Answer


def text_file(folder: Path, mix: Mix) -> TextInput:
    """Return the file for `mix`; make it if `folder` lacks it."""
    kind = "dirty" if mix.dirty else "clean"
    path = folder / f"{mix.rows}-{mix.duplicates:.0%}-{kind}-{mix.seed}.txt"
    beside = path.with_suffix(".json")
    if not beside.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        truth = _write(unfinished, mix)
        unfinished.replace(path)
        beside.write_text(json.dumps(dataclasses.asdict(truth)))
    known = json.loads(beside.read_text())
    return TextInput(path, mix, Answer(**known | {"members": as_tuple(known["members"])}))


def raw_digests(mix: Mix) -> tuple[NDArray[np.uint8], Answer]:
    """Return valid rows as raw digests, shape (rows, 32), and their true answer."""
    mix = dataclasses.replace(mix, dirty=False)
    whole = np.concatenate([digests(chunk.numbers, mix.seed) for chunk in _chunks(mix)])
    truth = Answer.of(len(whole), 0, (digests(c.numbers[c.first], mix.seed).tobytes() for c in _chunks(mix)))
    return whole, truth


def raw_rows(mix: Mix) -> tuple[NDArray[np.uint8], NDArray[np.uint64], NDArray[np.bool_]]:
    """Return valid rows as raw digests, shape (rows, 32), the number of each row's digest, and which are new.

    The numbers count the unique digests in first-seen order.
    """
    whole = np.empty((mix.rows, 32), np.uint8)
    numbers, first = np.empty(mix.rows, np.uint64), np.empty(mix.rows, np.bool_)
    start = 0
    for chunk in _chunks(dataclasses.replace(mix, dirty=False)):
        rows = slice(start, start := start + len(chunk.numbers))
        whole[rows] = digests(chunk.numbers, mix.seed)
        numbers[rows], first[rows] = chunk.numbers, chunk.first
    return whole, numbers, first


def digests(numbers: NDArray[np.uint64], seed: int) -> NDArray[np.uint8]:
    """The digests with these numbers, shape (n, 32): four words of splitmix64 each."""
    words = np.empty((len(numbers), 4), np.uint64)
    words[:] = numbers[:, None] * np.uint64(4) + np.arange(4, dtype=np.uint64)
    words += np.uint64(seed << 40)
    words *= np.uint64(0x9E37_79B9_7F4A_7C15)
    words ^= words >> np.uint64(30)
    words *= np.uint64(0xBF58_476D_1CE4_E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D0_49BB_1331_11EB)
    words ^= words >> np.uint64(31)
    return words.view(np.uint8)


@dataclass(frozen=True)
class _Chunk:
    """Some of the rows: the valid ones, and for each of these the digest's number and whether it is new."""

    valid: NDArray[np.bool_]
    numbers: NDArray[np.uint64]
    first: NDArray[np.bool_]
    chance: np.random.Generator


def _chunks(mix: Mix) -> Iterator[_Chunk]:
    known = 0
    for start in range(0, mix.rows, CHUNK):
        chance = np.random.default_rng((mix.seed, start))
        rows = min(CHUNK, mix.rows - start)
        valid = chance.random(rows) >= (0.01 if mix.dirty else 0.0)
        count = int(valid.sum())
        first = chance.random(count) >= mix.duplicates
        if known == 0 and count:
            first[0] = True
        before = known + np.cumsum(first) - first
        again = (chance.random(count) * before).astype(np.uint64)
        yield _Chunk(valid, np.where(first, before.astype(np.uint64), again), first, chance)
        known += int(first.sum())


def _write(path: Path, mix: Mix) -> Answer:
    invalid = 0

    def new() -> Iterator[bytes]:
        nonlocal invalid
        with path.open("wb") as file:
            for chunk in _chunks(mix):
                raw = digests(chunk.numbers, mix.seed)
                file.write(_text(raw, chunk, dirty=mix.dirty))
                invalid += int((~chunk.valid).sum())
                yield raw[chunk.first].tobytes()

    found = Answer.of(mix.rows, 0, new())
    return dataclasses.replace(found, invalid=invalid)


def _text(raw: NDArray[np.uint8], chunk: _Chunk, *, dirty: bool) -> bytes:
    """The lines of a chunk: made at full width, and then cut to the bytes that belong to a line."""
    lines = np.empty((len(chunk.valid), 72), np.uint8)
    lines[:, :7] = np.frombuffer(b"sha256:", np.uint8)
    lines[:, 71] = ord("\n")
    text = np.empty((len(raw), 64), np.uint8)
    text[:, 0::2] = HEX[raw >> 4]
    text[:, 1::2] = HEX[raw & 15]
    keep = np.ones(lines.shape, np.bool_)
    if dirty:
        spelling = chunk.chance.random(len(raw))
        upper = spelling < 0.05
        text[upper] = np.where(text[upper] >= ord("a"), text[upper] - 32, text[upper])
        bare = np.zeros(len(lines), np.bool_)
        bare[chunk.valid] = (spelling >= 0.05) & (spelling < 0.10)
        keep[bare, :7] = False
    lines[chunk.valid, 7:71] = text
    bad = np.flatnonzero(~chunk.valid)
    for number, line in enumerate(INVALID):
        rows = bad[number :: len(INVALID)]
        lines[rows, : len(line)] = np.frombuffer(line, np.uint8)
        keep[rows, len(line) :] = False
    return lines[keep].tobytes()


def text_rows(path: Path) -> list[str]:
    """The rows of a text file as a list."""
    return path.read_text().splitlines()


def polars_column(path: Path) -> Any:
    """The rows as a polars Series of one chunk."""
    import polars as pl

    frame = pl.read_csv(
        path, has_header=False, new_columns=["row"], quote_char=None, schema={"row": pl.String}
    )
    return frame["row"].rechunk()


def pyarrow_column(path: Path) -> Any:
    """The rows as a pyarrow ChunkedArray of utf8."""
    import pyarrow as pa
    from pyarrow import csv

    return csv.read_csv(
        path,
        read_options=csv.ReadOptions(column_names=["row"]),
        parse_options=csv.ParseOptions(quote_char=False),
        convert_options=csv.ConvertOptions(column_types={"row": pa.string()}),
    )["row"]
