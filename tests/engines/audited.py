"""What the engines audit, the server that they ask, and what a single process says about it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

import layercheck as lc
from layercheck.testing import LocalEcr
from processes import until

REPOSITORY = "team/app"
SECRET = "MARKER/secret+key=" + "s" * 22
TOKEN = "MARKER-session-token-" + "t" * 40
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_SESSION_TOKEN": TOKEN,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Keys for every process of an engine, with a secret that must not be found anywhere else."""

Line: TypeAlias = tuple[Any, ...]
COLUMNS = ["digest", "verdict", "size", "media_type", "code", "reason"]


def digests(count: int, start: int = 0) -> list[str]:
    """`count` different digests as text."""
    return [
        "sha256:" + hashlib.sha256(str(number).encode()).hexdigest() for number in range(start, start + count)
    ]


def raw(texts: Iterable[str]) -> list[bytes]:
    """The digests as their 32 bytes."""
    return [bytes.fromhex(text.removeprefix("sha256:")) for text in texts]


def server(**options: Any) -> LocalEcr:
    """A server that has a half of all digests and keeps every call."""
    ecr = LocalEcr([REPOSITORY], **{"log_calls": 1_000_000, **options})
    ecr.set_rule(REPOSITORY, "fraction", fraction=0.5)
    return ecr


def write_parts(folder: Path, rows: Sequence[Any], parts: int, **schema: Any) -> list[str]:
    """Writes rows as Parquet files with the column `digest`; returns the paths."""
    folder.mkdir(exist_ok=True)
    size = -(-len(rows) // parts)
    paths = []
    for part in range(parts):
        path = str(folder / f"part-{part}.parquet")
        pq.write_table(pa.table({"digest": pa.array(rows[part * size : (part + 1) * size], **schema)}), path)
        paths.append(path)
    return paths


def of_one_process(ecr: LocalEcr, rows: Sequence[Any], *, raw: bool = False) -> list[Line]:
    """The lines of the verdict table that a single process makes."""
    report = lc.check(
        rows, REPOSITORY, session=ecr.session(), endpoint_url=ecr.endpoint_url, rate="max", raw=raw
    )
    assert report.complete
    return lines(report.to_arrow(unique=True))


def lines(table: pa.Table) -> list[Line]:
    """The lines of a verdict table in order of their digests, without the time of the answer."""
    columns = [table.column(name).to_pylist() for name in COLUMNS]
    return sorted(zip(*columns, strict=True), key=lambda line: line[0])


def wait_for_calls(ecr: LocalEcr, calls: int) -> None:
    """Returns as soon as the server has counted so many calls."""
    for _ in until(f"{calls} calls at the server"):
        if ecr.counters.calls >= calls:
            return


def most_calls_in_a_second(ecr: LocalEcr) -> int:
    """The most calls that began in any second, wherever that second begins."""
    times = [call.at_ns for call in ecr.calls]
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= 1_000_000_000:
            first += 1
        most = max(most, last - first + 1)
    return most


def as_table(frame: Any) -> pa.Table:
    """A pandas frame of Arrow types as a table, without pandas' own notes."""
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
