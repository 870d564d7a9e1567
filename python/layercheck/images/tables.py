"""The tables of a check of images, over all its repositories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

from layercheck._core import ImageGraph, RecordTable

TableName: TypeAlias = Literal["images", "platforms", "layers", "repositories"]
TABLES: tuple[TableName, ...] = get_args(TableName)


def check_name(name: str) -> None:
    """Raise for what is not the name of a table.

    Raises:
        ValueError: It is not.
    """
    if name not in TABLES:
        raise ValueError(f"unknown table {name!r}; expected one of: {', '.join(TABLES)}")


def table_of(
    graph: ImageGraph,
    name: str,
    account_id: str | None,
    region: str | None,
    repository: str,
    *,
    all_layers: bool,
) -> RecordTable:
    """Return the table `images`, `platforms` or `layers` of one repository."""
    if name == "images":
        return graph.images_table(account_id, region, repository)
    if name == "platforms":
        return graph.platforms_table(account_id, region, repository)
    return graph.layers_table(account_id, region, repository, all=all_layers)


def joined(name: str, tables: Sequence[RecordTable]) -> RecordTable:
    """Return the tables of several repositories as one, which is written in constant memory."""
    return RecordTable.joined(tables or [table_of(ImageGraph(), name, None, None, "", all_layers=False)])


def repositories_table(lines: Sequence[dict[str, Any]]) -> RecordTable:
    """Return the table `repositories`."""
    return ImageGraph.repositories_table(lines)
