"""The tables of a check of images in plain types, and the one table in which all of them cross an engine.

An engine takes record batches of one schema from a task. So the four tables travel in one: each has a column
of structs, and a line has a value in one of these columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from layercheck.shard.image_outcome import ImageOutcome, Lane
from layercheck.shard.table import BATCH_ROWS, arrow

if TYPE_CHECKING:
    import pyarrow as pa

    from layercheck.images.repository_report import RepositoryReport

IMAGE_TABLES = ("images", "platforms", "layers", "repositories")
"""The tables of a check of images."""
_SHOWN = 300
"""Most characters of what a row has in place of a name."""

Frame = TypeVar("Frame")


class ImageTables(NamedTuple, Generic[Frame]):
    """The tables of a check of images, each as a frame of the engine. None of them asks anything.

    Attributes:
        images: A line for each listed image, with its verdict.
        platforms: A line for each platform of each index, and for each image.
        layers: A line for each blob that is not available, or for all with `all_layers`.
        repositories: A line for each repository: how its check ended, and what it has.
    """

    images: Frame
    platforms: Frame
    layers: Frame
    repositories: Frame


class Unchecked(NamedTuple):
    """Repositories about which nothing is known but why.

    Attributes:
        lane: Where they are.
        names: Their names, as far as the rows had one.
        code: Why, in one word.
        reason: The same as a sentence.
    """

    lane: Lane
    names: Sequence[str | None]
    code: str | None
    reason: str | None

    @property
    def shown(self) -> list[str | None]:
        """The names as the tables have them, at most 300 characters of each."""
        return [None if name is None else name[:_SHOWN] for name in self.names]


@cache
def image_table_schema(name: str) -> pa.Schema:
    """Return the schema of a table in plain types: `images`, `platforms`, `layers` or `repositories`.

    Examples:
        >>> from layercheck import shard
        >>> shard.image_table_schema("repositories").names[:5]
        ['account_id', 'region', 'repository', 'state', 'listed_at']
    """
    from layercheck._core import ImageGraph
    from layercheck.images.tables import check_name, repositories_table, table_of

    check_name(name)
    pa = arrow()
    found = (
        repositories_table([])
        if name == "repositories"
        else table_of(ImageGraph(), name, None, None, "", all_layers=False)
    )
    return pa.schema([pa.field(each.name, _plain(each.type)) for each in pa.schema(found)])


@cache
def image_lines_schema() -> pa.Schema:
    """Return the schema in which all tables cross an engine.

    `key` names the repository of a line, and one of the next four columns has the line. Behind the last line
    of a part is one whose `outcome` is `ImageOutcome.to_json()`.

    Examples:
        >>> from layercheck import shard
        >>> shard.image_lines_schema().names
        ['key', 'images', 'platforms', 'layers', 'repositories', 'outcome']
    """
    pa = arrow()
    tables = [pa.field(name, pa.struct(list(image_table_schema(name)))) for name in IMAGE_TABLES]
    return pa.schema([pa.field("key", pa.string()), *tables, pa.field("outcome", pa.string())])


def lines_of_report(lane: Lane, report: RepositoryReport, *, all_layers: bool) -> Iterator[pa.RecordBatch]:
    """Yield the lines of all tables of a repository, in `image_lines_schema()`, at most 50,000 in a batch."""
    key = lane.key(report.repository_name)
    for name in IMAGE_TABLES:
        for batch in plain_batches(report.table(name, all_layers=all_layers), image_table_schema(name)):
            yield _lines(name, batch, [key] * batch.num_rows)


def lines_of_unchecked(unchecked: Unchecked) -> Iterator[pa.RecordBatch]:
    """Yield a line of the table `repositories` for each repository that could not be checked."""
    lane, names, code, reason = unchecked
    known = {"account_id": lane.registry_id, "region": lane.region, "state": "failed"}
    rows = [{**known, "code": code, "reason": reason, "repository": name} for name in unchecked.shown]
    schema = image_table_schema("repositories")
    batch = arrow().RecordBatch.from_pylist(rows, schema=schema)
    yield _lines("repositories", batch, [lane.key(name) for name in names])


def line_of_outcome(outcome: ImageOutcome) -> pa.RecordBatch:
    """Return the line behind all others."""
    pa = arrow()
    schema = image_lines_schema()
    return pa.RecordBatch.from_pylist([{"outcome": outcome.to_json()}], schema=schema)


def table_in(lines: pa.Table, name: str) -> pa.Table:
    """Return one of the tables out of lines in `image_lines_schema()`.

    Args:
        lines: An Arrow table with the column of this name.
        name: `images`, `platforms`, `layers` or `repositories`.
    """
    import pyarrow.compute as pc

    pa = arrow()
    schema = image_table_schema(name)
    found = []
    for chunk in lines.column(name).chunks:
        there = chunk.filter(pc.is_valid(chunk))
        found.append(pa.RecordBatch.from_arrays(there.flatten(), names=schema.names).cast(schema))
    return pa.Table.from_batches(found, schema=schema)


def plain_batches(table: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield a table of layercheck as record batches in plain types; columns beyond its own are left out."""
    pa = arrow()
    for batch in pa.RecordBatchReader.from_stream(table):
        for start in range(0, batch.num_rows, BATCH_ROWS):
            part = batch.slice(start, BATCH_ROWS)
            columns = [column.cast(each.type) for column, each in zip(part.columns, schema, strict=False)]
            yield pa.RecordBatch.from_arrays(columns, schema=pa.schema(list(schema)[: len(columns)]))


def _lines(name: str, batch: Any, keys: list[str]) -> pa.RecordBatch:
    pa = arrow()
    schema = image_lines_schema()
    columns = [pa.nulls(batch.num_rows, each.type) for each in schema]
    kind = schema.field(name).type
    columns[schema.get_field_index(name)] = pa.StructArray.from_arrays(batch.columns, fields=list(kind))
    columns[0] = pa.array(keys, pa.string())
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _plain(kind: Any) -> Any:
    """The type without a dictionary, and times in microseconds, which Spark takes."""
    pa = arrow()
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz=kind.tz)
    if pa.types.is_list(kind):
        return pa.list_(pa.field("element", _plain(kind.value_type)))
    return kind
