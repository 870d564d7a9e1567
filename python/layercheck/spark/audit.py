"""`audit`: the verdict table of a large input, in slices, so that a rerun goes on where the last ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

from layercheck import shard
from layercheck.errors import LayercheckError
from layercheck.spark import cluster
from layercheck.spark.input_column import digest_column
from layercheck.spark.prepared_input import PreparedInput
from layercheck.spark.run_path import check_path
from layercheck.spark.verdict_table import VerdictTable
from layercheck.spark.verdicts import first_look, share_of
from layercheck.types import ProgressCallback

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def audit(
    frame: DataFrame,
    repository_name: str,
    *,
    column: str | Column = "digest",
    path: str | os.PathLike[str],
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
    write: Callable[[DataFrame, int], object] | None = None,
    done: Iterable[int] | None = None,
    folder: shard.Folder | None = None,
) -> DataFrame:
    """Check the digests of a frame now, and return the verdict table as Spark wrote it.

    All cores prepare the digests and cut them into slices. A few tasks ask, slice by slice. Each slice is
    written to `path` and then recorded. If the driver dies, the same call with the same `path` goes on: it
    asks at most the slice again that was under way. If a worker dies, Spark tries its part again.

    Args:
        frame: A frame with the digests; not a stream.
        repository_name: Name, image URI or ARN of the repository, as for `layercheck.check`.
        column: The column with the digests: a name, or an expression. A string, or binary with `raw`.
        path: A folder of this audit, local or of any file system that Spark can write: the verdicts are under
            `slice=N`, and the audit's own files under `_layercheck`.
        raw: Binary values are raw digests of 32 bytes; values of another length are invalid rows.
        strict: Accept only `sha256:` followed by 64 lower-case hex digits.
        registry_id: Account id of 12 digits; None: the registry of the credentials.
        region_name: AWS region; None: as the workers' own settings say.
        public: ECR Public.
        endpoint_url: Another endpoint.
        session: How a worker finds credentials. None: its own chain. A profile name. A function that returns
            a `boto3.Session`, as `"package.module:function"` or as a function that workers can import.
        rate: Calls per second of all tasks together. None is half the default quota (500, public 100);
            `"quota"` lets a worker ask Service Quotas.
        askers: How many tasks ask at once, each at its part of the rate; None for two, or one for each 500
            calls per second.
        slices: A power of two up to 4,096; None for slices of about four minutes.
        max_age_s: Ask slices again of which a part was asked more than so many seconds ago.
        progress: As for `layercheck.check`; called after each slice.
        write: Called with the lines of each slice and its number, after they are written to `path` and before
            the slice is recorded, to put them into a table of yours. It may be called again with the same
            number and must then replace what it wrote. The number behind that of the last slice stands for
            digests that were asked once more: their lines replace those that are `unanswered` or
            `not_checked`.
        done: With `write`, the slices that your table has; others are asked again. None: all that are
            recorded.
        folder: How the driver reaches `path/_layercheck`, if neither Hadoop nor pyarrow can.

    Returns:
        The table, one line for each different digest: `digest` (string), `verdict` (string), `size` (bigint,
        bytes), `media_type`, `code`, `reason` (string), `asked_at` (timestamp). Rows without a digest have no
        line; `attach` gives them their verdict, and `layercheck.shard.summary(path)` counts them.

    Raises:
        TypeError: `session` is a session, a client or a function that holds one; nothing was pickled then. Or
            another argument has the wrong type.
        RepositoryNotFoundError, AccessDeniedError, CredentialsError, EndpointError, InvalidParameterError: A
            fatal error, on the first worker before anything else starts, or in mid-run. It is tried once.
        JournalError: `path` belongs to another audit, or to other rows; the message says what differs. Or the
            cluster cannot open it.
        LayercheckError: The workers have no layercheck or another version.
        KeyboardInterrupt: Ctrl-C; the jobs are cancelled, and the same call goes on. With Spark 3.5 it may be
            an error of py4j.

    Examples:
        >>> from layercheck import spark as lcs
        >>> table = lcs.audit(  # doctest: +SKIP
        ...     layers, "team/app", path="s3://bucket/audits/2026-11-27"
        ... )
        >>> lcs.attach(layers, table).groupBy("verdict").count().show()  # doctest: +SKIP
    """
    settings = shard.Settings(
        repository_name,
        registry_id=registry_id,
        region_name=region_name,
        public=public,
        endpoint_url=endpoint_url,
        session=session,
        rate=rate,
    )
    if slices is not None:
        slices = shard.slices.check_slices(slices)
    rows = digest_column(frame, column, raw=raw)
    spark = frame.sparkSession
    place = shard.folder.checked_path(path).rstrip("/")
    work = f"{place}/_layercheck"
    go_on = f"the audit in {place} is not finished; call audit again with the same arguments to go on"
    with cluster.cancelled_at_failure(spark, go_on):
        if folder is None:
            folder = cluster.open_folder(spark, work)
            check_path(frame, place)
        settings, seen = first_look(spark, settings)
        shard.waves.refuse_other_run(folder, settings, seen)
        source = PreparedInput(rows, raw=raw, strict=strict, work=work, folder=folder)
        assert isinstance(settings.rate, float)  # noqa: S101 (accept has made it a number)
        preparation = source.prepare(settings.rate, slices)
        waves = shard.Waves(folder, settings, seen, preparation, max_age_s=max_age_s, progress=progress)
        table = VerdictTable(spark, place, work, settings, share_of(spark, settings, askers))
        table.check_lines(waves)  # before anything is asked

        def ask(digests: DataFrame, number: int) -> None:
            waves.begin(number)
            began = time.time()
            outcome = table.ask(digests, number)
            try:
                outcome.raise_error()
                if write is not None:
                    write(table.slice(number), number)
                waves.finish(number, outcome, began=began)
            except LayercheckError as error:
                error.args = (f"{error}; {go_on}",)
                raise

        for number in _to_ask(waves, done):
            ask(source.slice(number), number)
        if waves.needs_last:
            ask(table.open_digests(waves), waves.last)
        waves.check()
        table.check_lines(waves)
        return table.whole(waves)


def _to_ask(waves: shard.Waves, done: Iterable[int] | None) -> list[int]:
    """Return the slices without a record, and those that the caller's own table does not have."""
    if done is None:
        return waves.open
    there = set(done)
    recorded = (number for number in waves.done if number != waves.last)
    return sorted({*waves.open, *(number for number in recorded if number not in there)})
