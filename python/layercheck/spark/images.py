"""`audit_images`: the images of many repositories, checked by the tasks of Spark, wave by wave."""

from __future__ import annotations

import functools
import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from layercheck import shard
from layercheck.errors import InvalidParameterError, JournalError, LayercheckError
from layercheck.images.image_progress import ImageProgressCallback
from layercheck.parts.image_rows import COLUMNS, check_columns
from layercheck.spark import cluster, tasks
from layercheck.spark.input_column import check_frame
from layercheck.spark.paths_there import paths_there
from layercheck.spark.run_path import check_path
from layercheck.spark.spark_types import fields_of
from layercheck.spark.verdicts import first_found

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_WAVE_BYTES = 500_000
"""Most bytes of the repositories of a wave in its manifest, which has 1 MiB at most. Their names are sent
with its tasks, too."""
_END_BYTES = 80
"""Most bytes of how a repository ended, and of where a lane is."""


def audit_images(
    frame: DataFrame,
    *,
    path: str | os.PathLike[str],
    tags: Iterable[str] | None = None,
    tagged: bool | None = None,
    status: Literal["active", "archived", "any"] = "any",
    newest: int | None = None,
    platforms: Iterable[str] | None = None,
    confirm: bool = True,
    require_exclusion: bool = False,
    all_layers: bool = False,
    endpoint_url: str | None = None,
    session: str | Callable[..., Any] | None = None,
    rate: float | None = None,
    image_rate: float | None = None,
    list_rate: float | None = None,
    askers: int | None = None,
    max_age_s: float | None = None,
    progress: ImageProgressCallback | bool | None = None,
    folder: shard.Folder | None = None,
) -> shard.ImageTables[DataFrame]:
    """Check the images of repositories now, and return the tables as Spark wrote them.

    A task checks up to 50 repositories of one account and region. Each account and region has a rate of its
    own, and at most `askers` tasks at once. They work in waves: each is an ordinary job that ends in a write
    to `path`, and then it is recorded. If the driver dies, the same call with the same `path` goes on: it
    checks at most the repositories of one wave again. If a worker dies, Spark tries its part again. An error
    that concerns one repository, or all of one account, is data: `repositories` says it in `state`, `code`
    and `reason`.

    Args:
        frame: A row for each repository, in the columns `registry_id` (the account), `region` and
            `repository`, which are strings; the first two may be missing or null, for those of the workers'
            credentials and settings.
        path: A folder of this run, local or of any file system that Spark can write.
        tags: Patterns of tags, one of which an image must have; None for all. The options down to
            `all_layers` are those of `layercheck.ImageChecker`.
        tagged: True for images with a tag only, False for those without, None for all.
        status: `"active"`, `"archived"` or `"any"`.
        newest: Only so many images of each repository.
        platforms: Platforms of which an index must be whole; None for all.
        confirm: Ask a second operation before a blob is called missing.
        require_exclusion: Refuse to read manifests where that renews pull times.
        all_layers: Let the table `layers` have those that are available too.
        endpoint_url: Another endpoint.
        session: How workers find credentials. None: their own chain. A profile name. Or a function that
            workers can import and that returns a `boto3.Session` there, also as `"package.module:function"`.
            It is called for each account and region, with `registry_id` and `region_name` if it has
            parameters of these names.
        rate: Calls of BatchCheckLayerAvailability per second for each account and region, of all workers
            together; None is 500.
        image_rate: The same for BatchGetImage; None is 10.
        list_rate: The same for each operation that lists; None is 10.
        askers: Tasks that check at once for each account and region. None: two, or one for each 500 calls
            per second of `rate`.
        max_age_s: Check again what was checked more than so many seconds ago.
        progress: A function that takes an `ImageProgress`, called after each wave; or True for a line.
        folder: How the driver reaches `path/_layercheck`, if neither Hadoop nor pyarrow can.

    Returns:
        The tables `images`, `platforms`, `layers` and `repositories` of `layercheck.check_images` as frames,
        with the same lines.

    Raises:
        TypeError: `session` holds credentials, which are never sent; or an argument has the wrong type.
        RepositoryNotFoundError, AccessDeniedError, CredentialsError, EndpointError, PullTimeError: Not one
            repository could be checked.
        InvalidParameterError: An argument cannot be right, the workers have another version of layercheck, or
            they asked different registries for the same account and region.
        JournalError: `path` has another run, or it cannot be written.
        LayercheckError: The workers have no layercheck.

    Examples:
        >>> from layercheck import spark as lcs
        >>> tables = lcs.audit_images(repositories, path="s3://bucket/images")  # doctest: +SKIP
        >>> tables.images.groupBy("verdict").count().show()  # doctest: +SKIP
    """
    settings = shard.ImageSettings(
        session=session,
        endpoint_url=endpoint_url,
        rate=rate,
        image_rate=image_rate,
        list_rate=list_rate,
        tags=tags,  # type: ignore[arg-type] # made a tuple there
        tagged=tagged,
        status=status,
        newest=newest,
        platforms=platforms,  # type: ignore[arg-type] # made a tuple there
        confirm=confirm,
        require_exclusion=require_exclusion,
        all_layers=all_layers,
    )
    rows = _rows(frame)
    spark = frame.sparkSession
    place = shard.folder.checked_path(path).rstrip("/")
    go_on = f"the check in {place} is not finished; call audit_images again with the same arguments to go on"
    with cluster.cancelled_at_failure(spark, go_on):
        if folder is None:
            folder = cluster.open_folder(spark, f"{place}/_layercheck")
            check_path(frame, place)
        work = shard.ImageWork(folder, settings, rows, max_age_s=max_age_s, progress=progress)
        share = shard.share_of(
            settings.rate or shard.DEFAULT_RATE,
            slots=cluster.slots(spark),
            askers=askers,
            speculation=cluster.speculates(spark),
        )
        waves = list(_waves(work.groups(share.askers), share.askers))
        if waves:
            shard.accept_version(shard.Look.from_json(first_found(spark, tasks.look_at_version)))
        for groups in waves:
            name = f"images/{uuid.uuid4().hex}"
            task = functools.partial(tasks.check_images, groups=groups, settings=settings, share=share)
            # A range has as many partitions as it is told, each with one number: that of its group.
            numbers = spark.range(0, len(groups), 1, len(groups))
            lines = numbers.mapInArrow(task, _lines_type())
            lines.write.mode("overwrite").parquet(f"{place}/{name}")
            result = shard.ImageResult()
            result.see(_seen(spark, f"{place}/{name}"))
            _check_whole(groups, result)
            work.finish(result, name)
        work.check()
        found = work.files()
        _check_files(spark, place, found)
    return shard.ImageTables(*(_frame(spark, place, found, name) for name in shard.IMAGE_TABLES))


def _rows(frame: DataFrame) -> list[tuple[Any, ...]]:
    from pyspark.sql import functions

    check_frame("frame", frame)
    if frame.isStreaming:
        raise InvalidParameterError("frame is a stream; pass one batch of it, for instance in foreachBatch")
    kinds = {each.name: each.dataType.simpleString() for each in frame.schema}
    check_columns(list(kinds))
    for name in COLUMNS:
        if not kinds.get(name, "string").startswith(("string", "varchar", "char", "void")):
            raise TypeError(f"the column {name!r} is {kinds[name][:100]}; expected string")
    chosen = [
        (functions.col(name) if name in kinds else functions.lit(None)).cast("string").alias(name)
        for name in COLUMNS
    ]
    return [tuple(row) for row in frame.select(*chosen).distinct().collect()]


def _waves(lanes: list[list[shard.ImageGroup]], askers: int) -> Iterator[list[shard.ImageGroup]]:
    """Yield the groups that run at the same time: at most `askers` of each account and region."""
    left = [list(groups) for groups in lanes]
    while any(left):
        wave: list[shard.ImageGroup] = []
        size = 0
        for groups in left:
            for _ in range(min(askers, len(groups))):
                added = _manifest_bytes(groups[0])
                if wave and size + added > _WAVE_BYTES:
                    break
                wave.append(groups.pop(0))
                size += added
        yield wave


def _manifest_bytes(group: shard.ImageGroup) -> int:
    keys = [*(group.lane.key(name) for name in group.names), group.lane.key(None)]
    return sum(len(json.dumps(key)) + _END_BYTES for key in keys)


def _check_whole(groups: list[shard.ImageGroup], result: shard.ImageResult) -> None:
    """Make sure that the engine lost and doubled no repository."""
    wanted = {group.lane.key(name) for group in groups for name in group.names}
    if result.repositories.keys() != wanted:
        raise LayercheckError(
            f"a wave wrote {len(result.repositories):,} repositories and should have written "
            f"{len(wanted):,}; run the same again, and with another path if that does not help"
        )


def _check_files(spark: SparkSession, place: str, found: list[shard.ImageFile]) -> None:
    """Make sure that all repositories are in the files that are recorded, before tables are made of them.

    A folder or a file may have been deleted since. The tables would lack its lines, and nobody would notice.

    Raises:
        JournalError: Some are not; the message says how to check them again.
    """
    from pyspark.sql import functions

    counted: dict[str, int] = {}
    paths = paths_there(spark, [f"{place}/{each.name}" for each in found], _lines_type())
    if paths:
        lines = spark.read.schema(_lines_type()).parquet(*paths)
        folder = functions.regexp_extract("_metadata.file_path", "/(images/[0-9a-f]{32})/[^/]*$", 1)
        there = lines.where(functions.col("repositories").isNotNull())
        rows = there.groupBy(folder.alias("folder")).agg(functions.countDistinct("key").alias("keys"))
        counted = {row["folder"]: row["keys"] for row in rows.collect()}
    for each in found:
        if counted.get(each.name, 0) != each.repositories:
            raise JournalError(
                f"{place}/{each.name} has {counted.get(each.name, 0):,} repositories and should have "
                f"{each.repositories:,}; delete {place}/{shard.folder.FOLDER}/{each.manifest} and run the "
                "same again"
            )


def _seen(spark: SparkSession, path: str) -> list[dict[str, Any]]:
    from pyspark.sql import functions

    lines = spark.read.schema(_lines_type()).parquet(path).select("key", "repositories", "outcome")
    there = functions.col("repositories").isNotNull() | functions.col("outcome").isNotNull()
    return [row.asDict(recursive=True) for row in lines.where(there).collect()]


def _frame(spark: SparkSession, place: str, found: list[shard.ImageFile], name: str) -> DataFrame:
    from pyspark.sql import functions

    if not found:
        return spark.createDataFrame([], fields_of(shard.image_table_schema(name)))
    whole = [f"{place}/{each.name}" for each in found if not each.left_out]
    read = spark.read.schema(_lines_type())
    frames = [read.parquet(*whole)] if whole else []
    for each in found:
        if each.left_out:
            lines = read.parquet(f"{place}/{each.name}")
            frames.append(lines.where(~functions.col("key").isin(*each.left_out)))
    lines = functools.reduce(lambda one, other: one.unionByName(other), frames)
    return lines.where(functions.col(name).isNotNull()).select(f"{name}.*")


def _lines_type() -> str:
    return fields_of(shard.image_lines_schema())
