"""A run without an engine: parts are lists, the shuffle is a dict, and each slice is a file."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from layercheck import shard

Part = Sequence[Any]
"""Record batches."""


class Killed(BaseException):
    """Stands for the death of the driver."""


def audit(
    parts: Sequence[Part],
    settings: shard.Settings,
    path: Path,
    *,
    raw: bool = False,
    slices: int = 4,
    askers: int = 2,
    max_age_s: float | None = None,
    progress: Callable[[Any], object] | None = None,
    on: Callable[[str, int], object] = lambda step, number: None,
    seed: int = 0,
) -> pa.Table:
    """Run the whole contract, as an adapter does; `on` is called at each step and may raise `Killed`."""
    seen = shard.Look.from_json(shard.look(settings).to_json())
    settings = shard.accept(settings, seen)
    share = shard.share_of(float(settings.rate or 0), askers=askers)
    folder = shard.open_folder(path / "_layercheck")
    digests = path / "_layercheck" / "digests"

    prepared = [shard.prepare(part, column="digest", raw=raw) for part in parts]
    record = shard.Preparation.read(folder)
    if record is None:
        ranges: dict[int, list[pa.RecordBatch]] = {}
        for each in prepared:
            for number, batch in shard.slices_of(each, slices):
                ranges.setdefault(number, []).append(batch)
        counts = sum((each.counts for each in prepared), shard.Counts())
        digests.mkdir(parents=True, exist_ok=True)
        fingerprints = {}
        for number, batches in ranges.items():
            whole = list(shard.prepare(batches, raw=True))
            fingerprints[number] = shard.fingerprint(whole)
            pq.write_table(pa.Table.from_batches(whole), digests / f"{number}.parquet")
        on("prepared", -1)
        record = shard.Preparation(counts, slices, fingerprints)
        record.write(folder)
    else:
        for each in prepared:
            list(each)
        record.check_input(sum((each.counts for each in prepared), shard.Counts()))

    waves = shard.Waves(folder, settings, seen, record, max_age_s=max_age_s, progress=progress)
    dice = random.Random(seed)
    for number in dice.sample(waves.open, len(waves.open)):
        on("slice", number)
        lines = pq.read_table(digests / f"{number}.parquet").to_batches(max_chunksize=dice.randint(1, 50))
        _ask(lines, settings, share, path, number, waves, on)
    if waves.needs_last:
        left = pa.concat_tables(_tables(path, list(record.fingerprints)))
        left = left.filter(pa.compute.is_in(left["verdict"], pa.array(shard.OPEN)))
        lines = list(shard.prepare(left.select(["digest"]).to_batches()))
        on("slice", waves.last)
        _ask(lines, settings, share, path, waves.last, waves, on)
    return table(path, waves)


def _ask(
    lines: list[pa.RecordBatch],
    settings: shard.Settings,
    share: shard.Share,
    path: Path,
    number: int,
    waves: shard.Waves,
    on: Callable[[str, int], object],
) -> None:
    began = time.time()
    outcome = shard.Outcome()
    rows: list[pa.RecordBatch] = []
    for asker in range(share.askers):
        asking = shard.ask(lines[asker :: share.askers], settings, share)
        found, noted = shard.Outcome.split(asking.with_outcome())
        assert noted == asking.outcome
        rows += found
        outcome += noted
    on("asked", number)
    temporary = path / f".slice={number:04d}.part"
    pq.write_table(pa.Table.from_batches(rows, schema=shard.SCHEMA), temporary)
    temporary.rename(path / f"slice={number:04d}.parquet")
    on("written", number)
    waves.finish(number, outcome, began=began)
    on("finished", number)


def table(path: Path, waves: shard.Waves) -> pa.Table:
    """The verdict table: a line for each digest."""
    slices = [number for number in waves.done if number != waves.last]
    found = pa.concat_tables([shard.empty_table(), *_tables(path, slices)])
    if waves.has_last:
        final = pa.compute.invert(pa.compute.is_in(found["verdict"], pa.array(shard.OPEN)))
        found = pa.concat_tables([found.filter(final), *_tables(path, [waves.last])])
    return found


def _tables(path: Path, numbers: Sequence[int]) -> list[pa.Table]:
    return [pq.read_table(path / f"slice={number:04d}.parquet", partitioning=None) for number in numbers]


def lines_of(found: pa.Table) -> dict[str, tuple[Any, ...]]:
    """What the table says of each digest, without the time; a digest with two lines is an error."""
    columns = ["verdict", "size", "media_type", "code", "reason"]
    lines = {row["digest"]: tuple(row[name] for name in columns) for row in found.to_pylist()}
    assert len(lines) == found.num_rows
    return lines
