"""`verdicts`: a lazy verdict table, which asks whenever it is executed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from layercheck.parts.drive import Task
from layercheck.parts.prepare_pieces import Rows, part_numbers
from layercheck.ray.cluster import Cluster
from layercheck.ray.input_pieces import check_dataset
from layercheck.shard import Settings, Share, accept, ask, look, prepare, schema, share_of
from layercheck.shard.table import arrow

if TYPE_CHECKING:
    from ray.data import Dataset


def verdicts(
    dataset: Dataset,
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
    rate: float | Literal["quota"] | None = None,
    askers: int | None = None,
) -> Dataset:
    """Return a lazy verdict table, which asks whenever it is executed and keeps nothing.

    One worker looks first, with one call. Use it for a few million digests at most: the whole table is one
    slice, and a lost driver costs all. Write or materialize it before you use it twice, because every
    execution asks again. Where a worker has a fatal error, the digests are `not_checked`, with its code and
    reason.

    Args:
        dataset: Rows with a column of digests.
        repository_name: As for `audit`, like all other arguments.
        column: The column with the digests.
        raw: Bytes are raw digests.
        strict: Accept one spelling only.
        registry_id: The registry.
        region_name: AWS region.
        public: ECR Public.
        endpoint_url: Another endpoint.
        session: How workers find credentials.
        rate: Calls per second of all workers together.
        askers: Tasks that ask at once.

    Raises:
        TypeError: `dataset` is not a Dataset, or another argument has the wrong type.
        LayercheckError: What the first look came to, as for `audit`.
    """
    settings = Settings(repository_name, registry_id, region_name, public, endpoint_url, session, rate)
    check_dataset("dataset", dataset)
    engine = Cluster()
    ((_, seen),) = engine.run([Task("the first look", look, (settings,))], 1)
    settings = accept(settings, seen)
    assert isinstance(settings.rate, float)  # noqa: S101 (for the type checker)
    share = share_of(settings.rate, slots=engine.slots, askers=askers)
    rows = Rows(column, raw, strict)
    digests = dataset.map_batches(
        _numbered, batch_format="pyarrow", batch_size=None, fn_args=(rows, share.askers)
    )
    # A group for each asker, and the whole group in one call: so no more than these ask at once.
    return digests.groupby("part").map_groups(_asked, batch_format="pyarrow", fn_args=(settings, share))


def _numbered(block: Any, rows: Rows, count: int) -> Any:
    """Return the digests of a block, each with the number of the asker that it goes to."""
    pa = arrow()
    found = pa.Table.from_batches(
        rows.prepared(block.to_batches()), schema=pa.schema([pa.field("digest", pa.binary())])
    )
    return found.append_column("part", pa.array(part_numbers(found.column(0), count), pa.int32()))


def _asked(group: Any, settings: Settings, share: Share) -> Any:
    digests = prepare(group.select(["digest"]).to_batches(), raw=True)
    return arrow().Table.from_batches(ask(digests, settings, share), schema=schema())
