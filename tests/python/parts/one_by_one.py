"""An engine of one process that runs one task after the other, and may end early like a driver that dies."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from layercheck import shard
from layercheck.parts.drive import Audit, Task
from layercheck.parts.files import Files
from layercheck.parts.layout import read_verdicts, verdict_files
from layercheck.parts.pieces import ListedPieces
from layercheck.parts.prepare_pieces import Rows
from layercheck.testing import LocalEcr

REPOSITORY = "team/app"


class DriverDiedError(Exception):
    """Stands for the end of the driver."""


@dataclass
class OneByOne:
    """Runs tasks in this process.

    Attributes:
        slots: How many tasks it pretends to run at once.
        dies_after: Parts after which the driver ends; None for never.
        ran: What ran, as `Task.what`.
    """

    slots: int = 2
    dies_after: int | None = None
    ran: list[str] = field(default_factory=list)

    def run(self, tasks: Iterable[Task], at_once: int) -> Generator[tuple[Task, Any], None, None]:
        """See `layercheck.parts.drive.Engine`."""
        assert at_once >= 1
        for task in tasks:
            if task.asks and self.dies_after is not None:
                if not self.dies_after:
                    raise DriverDiedError
                self.dies_after -= 1
            self.ran.append(task.what)
            yield task, task.function(*task.arguments)

    def run_lanes(
        self, lanes: Iterable[Iterable[Task]], at_once: int
    ) -> Generator[tuple[Task, Any], None, None]:
        """See `layercheck.parts.drive.Engine`."""
        return self.run(chain.from_iterable(lanes), at_once)


def audit(
    ecr: LocalEcr,
    pieces: list[Any],
    path: Path,
    *,
    engine: OneByOne | None = None,
    repository: str = REPOSITORY,
    raw: bool = False,
    session: str = "layercheck.testing:dummy_session",
    **options: Any,
) -> pa.Table:
    """Audit pieces against the server; returns the verdict table."""
    settings = shard.Settings(repository, endpoint_url=ecr.endpoint_url, session=session, rate=5_000)
    source = ListedPieces(pieces)
    Audit(engine or OneByOne(), source, settings, Files.at(path), Rows("digest", raw), **options).run()
    return table_at(path)


def table_at(path: Path) -> pa.Table:
    """The verdict table of an audit."""
    found = verdict_files(Files.at(path))
    final_only = bool(found.last)
    tables = [read_verdicts(str(path), file, final_only=final_only) for file in found.slices]
    tables += [read_verdicts(str(path), file, final_only=False) for file in found.last]
    return pa.concat_tables(tables) if tables else shard.empty_table()


def lines(table: pa.Table) -> list[tuple[Any, ...]]:
    """The lines of a verdict table in order of their digests, without the time of the answer."""
    columns = [table.column(name).to_pylist() for name in shard.schema().names if name != "asked_at"]
    return sorted(zip(*columns, strict=True), key=lambda line: line[0])
