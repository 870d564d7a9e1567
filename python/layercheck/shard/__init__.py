"""The contract of a distributed check, without an engine: what each worker and the driver do.

An engine (Spark, Dask, Ray, or a queue of your own) moves rows, starts tasks and writes tables. Everything
that makes an answer right or wrong is here: which settings cross to a worker, how rows become digests, how a
part is asked, what its table looks like, which share of the rate it has, and what is recorded so that a run
can resume.

`import layercheck.shard` loads neither pyarrow nor boto3. pyarrow is needed from the first call on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING as _TYPE_CHECKING

from layercheck.shard.ask import Asking, ask
from layercheck.shard.fingerprint import Fingerprint, fingerprint
from layercheck.shard.folder import Folder, open_folder
from layercheck.shard.image_outcome import ImageOutcome, Lane
from layercheck.shard.image_result import ImageGroup, ImageResult, RepositoryEnd, image_groups
from layercheck.shard.image_settings import ImageSettings
from layercheck.shard.image_tables import (
    IMAGE_TABLES,
    ImageTables,
    image_lines_schema,
    image_table_schema,
    table_in,
)
from layercheck.shard.image_work import ImageFile, ImageWork, image_files
from layercheck.shard.images import ImageAsking, ask_images, image_parts, images_schema
from layercheck.shard.look import Look, accept, accept_version, look, look_at_version
from layercheck.shard.manifest import Manifest
from layercheck.shard.outcome import ERROR, NOTES, Outcome
from layercheck.shard.packing import Piece, pack_repositories
from layercheck.shard.preparation import Preparation
from layercheck.shard.prepare import PREPARED_NOTES, Counts, Prepared, prepare
from layercheck.shard.settings import Settings
from layercheck.shard.share import DEFAULT_RATE, Share, share_of
from layercheck.shard.slices import MAX_SLICES, slice_count, slice_numbers, slices_of
from layercheck.shard.summary import Summary, summary
from layercheck.shard.table import BATCH_ROWS, OPEN, empty_table, prepared_schema, schema
from layercheck.shard.waves import Waves

if _TYPE_CHECKING:
    import pyarrow as pa

    SCHEMA: pa.Schema
    PREPARED: pa.Schema

__all__ = [
    "Settings",
    "Look",
    "look",
    "accept",
    "look_at_version",
    "accept_version",
    "Share",
    "share_of",
    "DEFAULT_RATE",
    "SCHEMA",
    "PREPARED",
    "schema",
    "prepared_schema",
    "empty_table",
    "BATCH_ROWS",
    "OPEN",
    "Prepared",
    "Counts",
    "PREPARED_NOTES",
    "prepare",
    "Fingerprint",
    "fingerprint",
    "MAX_SLICES",
    "slice_count",
    "slice_numbers",
    "slices_of",
    "Asking",
    "ask",
    "Outcome",
    "NOTES",
    "ERROR",
    "Preparation",
    "Folder",
    "open_folder",
    "Manifest",
    "Waves",
    "Piece",
    "pack_repositories",
    "ImageSettings",
    "ImageAsking",
    "ImageOutcome",
    "ask_images",
    "Lane",
    "image_parts",
    "images_schema",
    "IMAGE_TABLES",
    "ImageTables",
    "image_table_schema",
    "image_lines_schema",
    "table_in",
    "ImageGroup",
    "image_groups",
    "RepositoryEnd",
    "ImageResult",
    "ImageFile",
    "ImageWork",
    "image_files",
    "Summary",
    "summary",
]


def __getattr__(name: str) -> object:
    # Made on first use, because they need pyarrow.
    if name == "SCHEMA":
        return schema()
    if name == "PREPARED":
        return prepared_schema()
    raise AttributeError(f"module 'layercheck.shard' has no attribute {name!r}")
