"""`ask_images`: repositories of one part -> lines about their images, one or more for each repository."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from layercheck.errors import InvalidParameterError, LayercheckError, RunCancelled
from layercheck.limits import Limits
from layercheck.redact import clean
from layercheck.repository import resolve_repository
from layercheck.shard.image_outcome import ImageOutcome, Lane
from layercheck.shard.image_settings import ImageSettings
from layercheck.shard.image_tables import (
    Unchecked,
    image_table_schema,
    line_of_outcome,
    lines_of_report,
    lines_of_unchecked,
    plain_batches,
)
from layercheck.shard.outcome import PartError
from layercheck.shard.packing import deal
from layercheck.shard.session_source import is_function_name, open_session
from layercheck.shard.share import Share
from layercheck.shard.table import arrow

if TYPE_CHECKING:
    import pyarrow as pa

    from layercheck.images.image_checker import ImageChecker
    from layercheck.images.image_run import ImageRun
    from layercheck.images.repository_report import RepositoryReport

_LOOK_S = 0.1
"""How often a part looks whether to stop, seconds."""


@cache
def images_schema() -> pa.Schema:
    """Return the schema of the images table in plain types, with `state` behind it.

    `state` says how the check of the line's repository ended. A repository without images has one line with a
    null `digest`, whose `code` and `reason` say why it was not checked.

    Examples:
        >>> from layercheck import shard
        >>> schema = shard.images_schema()
        >>> schema.names[:6], schema.names[-1]
        (['account_id', 'region', 'repository', 'digest', 'tags', 'kind'], 'state')
    """
    pa = arrow()
    return pa.schema([*image_table_schema("images"), pa.field("state", pa.string())])


def image_parts(
    rows: Iterable[tuple[str | None, str | None, str]], askers: int
) -> list[tuple[Lane, list[str]]]:
    """Divide repositories among tasks: for each account and region at most `askers` parts of whole ones.

    All parts may run at the same time. The askers of a lane keep within its rate together, and two lanes have
    quotas of their own.

    Args:
        rows: Account id, region and name of each repository. Duplicates count once.
        askers: `Share.askers`.

    Examples:
        >>> rows = [("123456789012", "eu-west-1", name) for name in ("c", "a", "b", "a")]
        >>> for lane, names in image_parts(rows, askers=2):
        ...     print(lane.region, names)
        eu-west-1 ['a', 'c']
        eu-west-1 ['b']
    """
    lanes: dict[Lane, list[str]] = {}
    for registry_id, region, repository in rows:
        lanes.setdefault(Lane(registry_id, region), []).append(repository)
    ordered = sorted(lanes.items(), key=lambda each: tuple(part or "" for part in each[0]))
    return [(lane, part) for lane, names in ordered for part in deal(names, askers) if part]


class ImageAsking:
    """The lines of one part, as an iterator of record batches, and its outcome once it has ended.

    Attributes:
        outcome: What was done so far; complete when the iterator has ended.
    """

    def __init__(
        self,
        batches: Iterable[Any],
        settings: ImageSettings,
        share: Share,
        stop: Callable[[], bool] | None = None,
    ) -> None:
        self._batches = batches
        self._settings = settings
        self._share = share
        self._stop = stop or (lambda: False)
        self.outcome = ImageOutcome()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield record batches in `images_schema()`, of at most 50,000 lines."""
        for lane, found in self._found():
            if isinstance(found, Unchecked):
                yield _one_line(lane, found.shown, "failed", (found.code, found.reason))
            elif found.images:
                schema = images_schema()
                for batch in plain_batches(found.table("images"), schema):
                    states = arrow().array([found.state] * batch.num_rows, arrow().string())
                    yield arrow().RecordBatch.from_arrays([*batch.columns, states], schema=schema)
            else:
                place = found.account_id, found.region_name
                said = found.code or None, found.reason or None
                yield _one_line(place, [found.repository_name], found.state, said)

    def tables(self) -> Iterator[pa.RecordBatch]:
        """Yield the lines of all four tables, and behind them the outcome, in `image_lines_schema()`."""
        for lane, found in self._found():
            if isinstance(found, Unchecked):
                yield from lines_of_unchecked(found)
            else:
                yield from lines_of_report(lane, found, all_layers=self._settings.all_layers)
        yield line_of_outcome(self.outcome)

    def _found(self) -> Iterator[tuple[Lane, RepositoryReport | Unchecked]]:
        lanes: dict[Lane, list[str]] = {}
        for batch in self._batches:
            for row in batch.to_pylist():
                lane, name = Lane(row.get("registry_id"), row.get("region")), row.get("repository")
                wrong = _wrong(lane, name)
                if wrong is None:
                    lanes.setdefault(lane, []).append(name)
                else:
                    given = None if name is None else str(name)
                    self.outcome += ImageOutcome(repositories={"failed": 1})
                    yield lane, Unchecked(lane, [given], wrong.code, wrong.message)
        for lane, names in lanes.items():
            for found in self._lane(lane, list(dict.fromkeys(names))):
                yield lane, found

    def _lane(self, lane: Lane, names: list[str]) -> Iterator[RepositoryReport | Unchecked]:
        left = dict.fromkeys(names)
        error: PartError | None = None
        try:
            with self._checker(lane, names) as checker:
                run = checker._submit(None, None, keep=False)
                try:
                    while (report := self._next(run)) is not None:
                        if report.state == "partial" and not report.images:
                            continue  # nothing was asked about it, and the error says why
                        left.pop(report.repository_name, None)
                        counted: dict[str, int] = {report.state: 1}
                        self.outcome += ImageOutcome(repositories=counted, counts=report.counts)
                        yield report
                    stats = run.report().stats
                    self.outcome += ImageOutcome(calls=stats.calls, throttles=stats.throttles)
                    run.result()
                finally:
                    run.cancel()
        except MemoryError:
            raise
        except Exception as raised:  # noqa: BLE001 (an engine would try it four times, and lose its class)
            # If each repository has its lines, the error is that of the first of them, and they say it.
            error = PartError.of(raised)
            self.outcome += ImageOutcome(error=error)
        if left:
            said = error or PartError(LayercheckError.__name__, "NotChecked", "it was not checked")
            self.outcome += ImageOutcome(repositories={"failed": len(left)}, error=said)
            yield Unchecked(lane, list(left), said.code, said.message)

    def _next(self, run: ImageRun) -> RepositoryReport | None:
        """Wait for the next report; None behind the last one.

        Raises:
            RunCancelled: The part is to stop.
        """
        while True:
            try:
                return run.finished.get(timeout=_LOOK_S)
            except queue.Empty:
                if self._stop():
                    raise RunCancelled("the check of images was cancelled") from None

    def _checker(self, lane: Lane, names: list[str]) -> ImageChecker:
        from layercheck.images.image_checker import ImageChecker

        given, share = self._settings, self._share
        name = given.session if isinstance(given.session, str) else None
        is_function = name is not None and is_function_name(name)
        return ImageChecker(
            names,
            registry_id=lane.registry_id,
            tags=given.tags,
            tagged=given.tagged,
            status=given.status,
            newest=given.newest,
            platforms=given.platforms,
            confirm=given.confirm,
            require_exclusion=given.require_exclusion,
            session=open_session(name, region_name=lane.region, registry_id=lane.registry_id),
            region_name=lane.region,
            profile_name=None if is_function else name,
            endpoint_url=given.endpoint_url,
            rate=share.rate,
            image_rate=None if given.image_rate is None else given.image_rate * share.part,
            list_rate=None if given.list_rate is None else given.list_rate * share.part,
            max_in_flight=share.max_in_flight,
            _limits=Limits(lane_share=share.part),
        )


def ask_images(
    batches: Iterable[pa.RecordBatch],
    settings: ImageSettings,
    share: Share,
    *,
    stop: Callable[[], bool] | None = None,
) -> ImageAsking:
    """Check the images of the repositories of a part, at this task's share of the rates of each lane.

    An error that concerns one repository, or all of one account, is data: the lines of these repositories
    have no `digest`, and say why. Nothing of layercheck is raised; exceptions of `batches` pass through.

    Args:
        batches: Record batches with the columns `registry_id`, `region` (both may be null or missing) and
            `repository`. A repository belongs to one part only; see `image_parts`.
        settings: The same in every worker.
        share: What `share_of(settings.rate or 500.0)` returned.
        stop: Asked several times a second. When it says True, nothing more is asked, and the outcome's error
            is a `RunCancelled`.

    Returns:
        The lines, and after them the outcome. `ImageAsking.tables` gives the lines of all four tables.

    Examples:
        >>> import pyarrow as pa
        >>> from layercheck import shard
        >>> from layercheck.testing import LocalEcr
        >>> with LocalEcr(["app"], region_name=None) as ecr:
        ...     settings = shard.ImageSettings(
        ...         endpoint_url=ecr.endpoint_url, session="layercheck.testing:dummy_session"
        ...     )
        ...     rows = pa.record_batch({"region": ["us-east-1"] * 2, "repository": ["app", "nope"]})
        ...     asking = shard.ask_images([rows], settings, shard.share_of(500.0))
        ...     lines = pa.Table.from_batches(asking, schema=shard.images_schema())
        >>> sorted(zip(lines["repository"].to_pylist(), lines["state"].to_pylist()))
        [('app', 'done'), ('nope', 'failed')]
    """
    return ImageAsking(batches, settings, share, stop)


def _wrong(lane: Lane, name: object) -> PartError | None:
    """Why a row names no repository; None if it does."""
    from layercheck.images.targets import parse_target

    try:
        found = resolve_repository(name, registry_id=lane.registry_id, region_name=lane.region)
        # What one process takes for something else would end the check of the whole part.
        target = parse_target(found.name)
        if found.public or found.ignored or not found.name == target.name == name or target.is_pattern:
            raise InvalidParameterError(
                f"repository is {clean(repr(name), 100)}; expected the name of one private repository alone"
            )
    except (TypeError, LayercheckError) as error:
        kind = InvalidParameterError.__name__
        return PartError(kind, kind, clean(error, 500))
    return None


def _one_line(
    place: tuple[str | None, str | None],
    names: Sequence[str | None],
    state: str,
    said: tuple[str | None, str | None],
) -> pa.RecordBatch:
    pa = arrow()
    known = {"account_id": place[0], "region": place[1], "code": said[0], "reason": said[1], "state": state}
    rows = [{**known, "repository": name} for name in names]
    return pa.RecordBatch.from_pylist(rows, schema=images_schema())
