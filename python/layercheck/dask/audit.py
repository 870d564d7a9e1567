"""`audit` and `submit`: a whole audit on a Dask cluster, now or on a thread of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from layercheck.dask.cluster import Cluster, connected
from layercheck.dask.input_pieces import pieces_of
from layercheck.dask.verdict_table import table_of
from layercheck.parts.background import AuditRun
from layercheck.parts.drive import Audit
from layercheck.parts.files import Files
from layercheck.parts.options import AuditOptions
from layercheck.parts.pieces import ListedPieces, check_apart
from layercheck.types import ProgressCallback

if TYPE_CHECKING:
    import dask.dataframe as dd
    import distributed


def audit(
    table: Any,
    repository_name: str,
    *,
    path: str | os.PathLike[str],
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
    slices: int | None = None,
    max_age_s: float | None = None,
    progress: ProgressCallback | bool | None = None,
    client: distributed.Client | None = None,
) -> dd.DataFrame:
    """Check the digests of a table on a Dask cluster, now, and return the verdict table.

    All workers prepare; `askers` tasks ask, each at its share of `rate`. What is finished stays in `path`:
    run the same call again after a worker, the scheduler or the client was lost, and it goes on from there.

    Args:
        table: A Dask DataFrame; the path of a Parquet file or of a folder with such files; a list of paths; a
            `pyarrow.dataset`; an Arrow table; a pandas frame or Series; or a list of such tables,
            `dask.delayed` values and futures of them. Take paths or Arrow tables where digests are raw.
        repository_name: Name, image URI or ARN of the repository.
        path: A folder for the verdicts and the records of the run, which the client and all workers see: a
            path or a URL that pyarrow knows, such as `s3://bucket/audit`.
        column: The column with the digests.
        raw: Bytes are raw digests, as for `layercheck.plan`.
        strict: Accept only `sha256:` followed by 64 lower-case hex digits.
        registry_id: As for `layercheck.Checker`, like the next three.
        region_name: AWS region.
        public: ECR Public instead of private ECR.
        endpoint_url: Another endpoint.
        session: How workers find credentials. None: their own chain. A profile name. Or a function that
            workers can import and that returns a `boto3.Session` there, also as `"package.module:function"`.
        rate: Calls per second of all workers together. None is half the default quota (500, public 100);
            `"quota"` asks Service Quotas.
        askers: Tasks that ask at once. None: two, or one for each 500 calls per second if that is more.
        slices: A power of two: how many slices, each recorded when it is done. None: slices of some minutes.
        max_age_s: Ask again for what is older than so many seconds.
        progress: A function that takes a `Progress`, called after each slice; or True for a bar.
        client: The client of the cluster; None for the current one.

    Returns:
        A Dask DataFrame with a line for each different digest: `digest`, `verdict`, `size` (int64),
        `media_type`, `code`, `reason`, `asked_at`. `layercheck.shard.summary(path)` has the counts.

    Raises:
        TypeError: `session` holds credentials, which are never sent; or an argument has the wrong type.
        RepositoryNotFoundError, AccessDeniedError, CredentialsError, EndpointError, InvalidParameterError:
        What a
            worker came to, tried once.
        JournalError: `path` has another run, another audit used it at the same time, or it cannot be written.
        LayercheckError: The scheduler was lost, or a task ended its worker again and again.
        ImportError: distributed, dask.dataframe or pyarrow is not installed.

    Examples:
        >>> import layercheck.dask
        >>> verdicts = layercheck.dask.audit("digests/", "team/app", path="/shared/audit")  # doctest: +SKIP
    """
    made, _ = _made(
        table,
        repository_name,
        path=path,
        column=column,
        raw=raw,
        strict=strict,
        registry_id=registry_id,
        region_name=region_name,
        public=public,
        endpoint_url=endpoint_url,
        session=session,
        rate=rate,
        askers=askers,
        slices=slices,
        max_age_s=max_age_s,
        progress=progress,
        client=client,
    )
    return table_of(made.files, made.run())


def submit(table: Any, repository_name: str, **options: Any) -> AuditRun[dd.DataFrame]:
    """Begin an audit and return a future of its verdict table at once.

    Args:
        table: As for `audit`.
        repository_name: As for `audit`.
        **options: The other arguments of `audit`; `path` is one of them.

    Returns:
        A `concurrent.futures.Future`; its `cancel` ends the audit, so that the workers stop within a second.

    Examples:
        >>> run = layercheck.dask.submit("digests/", "team/app", path="/shared/audit")  # doctest: +SKIP
        >>> run.cancel()  # doctest: +SKIP
    """
    made, engine = _made(table, repository_name, **options)

    def act() -> dd.DataFrame:
        return table_of(made.files, made.run())

    return AuditRun(act, engine.stop)


def _made(
    table: Any,
    repository_name: str,
    *,
    path: str | os.PathLike[str],
    client: Any = None,
    **options: Any,
) -> tuple[Audit, Cluster]:
    """Return an audit that has not begun, and its engine."""
    given = AuditOptions(**options)
    # First of all, because it refuses what holds credentials before anything is sent.
    settings = given.settings(repository_name)
    files = Files.at(path)
    check_apart(table, files)
    engine = Cluster(connected(client))
    return given.audit(engine, ListedPieces(pieces_of(table, given.column)), settings, files), engine
