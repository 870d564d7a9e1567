"""`verdicts`: a lazy verdict table, which asks whenever it is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from layercheck.dask.input_pieces import pieces_of
from layercheck.dask.verdict_table import frame_of
from layercheck.parts.pieces import batches_of
from layercheck.parts.prepare_pieces import Rows, cut
from layercheck.shard import Settings, Share, accept, ask, look, prepare, schema, share_of
from layercheck.shard.table import arrow

if TYPE_CHECKING:
    import dask.dataframe as dd


def verdicts(
    table: Any,
    repository_name: str,
    *,
    column: str = "digest",
    raw: bool = False,
    strict: bool = False,
    registry_id: str | None = None,
    region_name: str | None = None,
    public: bool = False,
    endpoint_url: str | None = None,
    session: str | Callable[..., Any] | None = None,
    rate: float | None = None,
    askers: int | None = None,
) -> dd.DataFrame:
    """Return a lazy verdict table, which asks whenever it is computed and keeps nothing.

    Use it for a few million digests at most: the whole table is one slice, a lost worker costs its part, and
    a lost client costs all. Write or persist it before you use it twice, because every computation asks
    again.

    Args:
        table: As for `audit`, like all arguments.
        repository_name: The repository.
        column: The column with the digests.
        raw: Bytes are raw digests.
        strict: Accept one spelling only.
        registry_id: The registry.
        region_name: AWS region.
        public: ECR Public.
        endpoint_url: Another endpoint.
        session: How workers find credentials.
        rate: Calls per second of all workers together; a number or None.
        askers: Tasks that ask at once: the partitions of the table.

    Raises:
        LayercheckError: When it is computed, as for `audit`.
    """
    import dask
    import dask.dataframe as dd

    settings = Settings(repository_name, registry_id, region_name, public, endpoint_url, session, rate)
    if settings.rate == "quota":
        raise TypeError('verdicts takes rate as a number or None; only audit can ask for the "quota" first')
    known = settings.rate if isinstance(settings.rate, float) else (100.0 if settings.public else 500.0)
    count = share_of(known, askers=askers).askers
    seen = dask.delayed(look, pure=False)(settings)
    rows = Rows(column, raw, strict)
    split = [
        dask.delayed(_split, pure=False, nout=count)(piece, rows, count) for piece in pieces_of(table, column)
    ]
    asking = dask.delayed(_asked, pure=False)
    frames = [asking(settings, seen, count, [parts[number] for parts in split]) for number in range(count)]
    return dd.from_delayed(frames, meta=frame_of(schema().empty_table()), verify_meta=False)


def _split(piece: Any, rows: Rows, count: int) -> list[Any]:
    """Return the digests of a piece, cut by their first bytes into `count` tables."""
    return cut(rows.prepared(batches_of(piece, rows.column)), count)


def _asked(settings: Settings, seen: Any, count: int, tables: list[Any]) -> Any:
    """Return the verdicts of one of `count` parts as a pandas frame."""
    settings = accept(settings, seen)
    assert isinstance(settings.rate, float)  # noqa: S101 (for the type checker)
    share: Share = share_of(settings.rate, askers=count)
    digests = prepare((batch for table in tables for batch in table.to_batches()), raw=True)
    asking = ask(digests, settings, share)
    found = arrow().Table.from_batches(asking, schema=schema())
    asking.outcome.raise_error()
    return frame_of(found)
