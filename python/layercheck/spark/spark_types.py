"""Types of Arrow as Spark writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from layercheck.shard.table import arrow

if TYPE_CHECKING:
    import pyarrow as pa


def fields_of(schema: pa.Schema) -> str:
    """Return the columns of a schema of plain types as Spark writes them: `digest string, size bigint`."""
    return ", ".join(f"{field.name} {_type_of(field.type)}" for field in schema)


def _type_of(kind: Any) -> str:
    types = arrow().types
    if types.is_struct(kind):
        return f"struct<{', '.join(f'{field.name}: {_type_of(field.type)}' for field in kind)}>"
    if types.is_list(kind):
        return f"array<{_type_of(kind.value_type)}>"
    if types.is_timestamp(kind):
        return "timestamp"
    return {"string": "string", "int64": "bigint", "bool": "boolean"}[str(kind)]
