"""`audit_images`: the images of many repositories, checked on a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from layercheck import shard
from layercheck.images.image_progress import ImageProgressCallback
from layercheck.parts.drive_images import ImageAudit
from layercheck.parts.files import Files
from layercheck.parts.image_parts import image_files_at, read_image_table
from layercheck.parts.image_rows import COLUMNS, Row, check_columns, rows_of
from layercheck.ray.cluster import Cluster
from layercheck.shard.table import arrow

if TYPE_CHECKING:
    from ray.data import Dataset


def audit_images(
    table: Any,
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
) -> shard.ImageTables[Dataset]:
    """Check the images of repositories on the Ray cluster of this program, now, and return the tables.

    An actor checks up to 50 repositories of one account and region at a time and writes what it found into
    one file. Each account and region has a rate of its own. What is finished stays in `path`: run the same
    call again after a worker or the driver was lost, and it goes on from there. An error that concerns one
    repository, or all of one account, is data: `repositories` says it in `state`, `code` and `reason`.

    Args:
        table: A row for each repository, in the columns `registry_id` (the account), `region` and
            `repository`; the first two may be missing or null, for those of the workers' credentials and
            settings. A `ray.data.Dataset`, a pandas frame, an Arrow table, the path of a Parquet file or of a
            folder with such files, or a list of paths or Arrow tables.
        path: A folder for the lines and the records of the run, which the driver and all workers see: a path
            or a URL that pyarrow knows, such as `s3://bucket/images`.
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
        askers: Actors that check at once for each account and region. None: two, or one for each 500 calls
            per second of `rate`.
        max_age_s: Check again what was checked more than so many seconds ago.
        progress: A function that takes an `ImageProgress`, called after each file; or True for a line.

    Returns:
        The tables `images`, `platforms`, `layers` and `repositories` of `layercheck.check_images` as
        Datasets, with the same lines.

    Raises:
        TypeError: `session` holds credentials, which are never sent; or an argument has the wrong type.
        RepositoryNotFoundError, AccessDeniedError, CredentialsError, EndpointError, PullTimeError: Not one
            repository could be checked.
        InvalidParameterError: An argument cannot be right, the workers have another version of layercheck, or
            they asked different registries for the same account and region.
        JournalError: `path` has another run, or it cannot be written.
        LayercheckError: A task ended its worker three times, or Ray was not started.
        ImportError: ray or pyarrow is not installed.

    Examples:
        >>> import layercheck.ray
        >>> tables = layercheck.ray.audit_images("repositories/", path="/shared/images")  # doctest: +SKIP
        >>> tables.images.groupby("verdict").count().show()  # doctest: +SKIP
    """
    # First of all, because it refuses what holds credentials before anything is sent.
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
    files = Files.at(path)
    engine = Cluster()
    found = ImageAudit(engine, _rows(table), settings, files, askers, max_age_s, progress).run()
    return _tables_of(files, found)


def read_images(path: str | os.PathLike[str]) -> shard.ImageTables[Dataset]:
    """Return the tables of a check of images, as far as it is done.

    Args:
        path: The path that was given to `audit_images`.

    Raises:
        JournalError: No check of images began there, or a file of it is broken.
    """
    files = Files.at(path)
    return _tables_of(files, image_files_at(files))


def _rows(table: Any) -> list[Row]:
    import ray.data

    if isinstance(table, ray.data.Dataset):
        names = list(table.columns() or [])
        check_columns(names)
        chosen = table.select_columns([name for name in COLUMNS if name in names])
        return [tuple(row.get(name) for name in COLUMNS) for row in chosen.iter_rows()]
    found = rows_of(table)
    if found is None:
        raise TypeError(
            f"table is a {type(table).__name__}; expected a ray.data.Dataset, a pandas frame, an Arrow "
            "table, or paths of Parquet files"
        )
    return found


def _tables_of(files: Files, found: list[shard.ImageFile]) -> shard.ImageTables[Dataset]:
    return shard.ImageTables(*(_dataset(files, found, name) for name in shard.IMAGE_TABLES))


def _dataset(files: Files, found: list[shard.ImageFile], name: str) -> Any:
    import ray.data

    if not found:
        return ray.data.from_arrow(shard.image_table_schema(name).empty_table())
    lines = [
        arrow().table({"file": [each.name], "left_out": [list(each.left_out)], "manifest": [each.manifest]})
        for each in found
    ]
    return ray.data.from_arrow(lines).map_batches(
        _read, batch_format="pyarrow", batch_size=None, fn_args=(files.path, name)
    )


def _read(block: Any, path: str, name: str) -> Iterator[Any]:
    for line in block.to_pylist():
        file = shard.ImageFile(line["file"], tuple(line["left_out"] or ()), manifest=line["manifest"])
        yield read_image_table(path, file, name)
