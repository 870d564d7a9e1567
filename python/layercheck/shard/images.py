"""`ask_images`: repositories of one part -> lines about their images, one or more for each repository."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from layercheck.errors import InvalidParameterError, LayercheckError
from layercheck.limits import Limits
from layercheck.redact import clean
from layercheck.repository import resolve_repository
from layercheck.shard.image_settings import ImageSettings
from layercheck.shard.outcome import PartError
from layercheck.shard.packing import deal
from layercheck.shard.session_source import is_function_name, open_session
from layercheck.shard.share import Share
from layercheck.shard.table import BATCH_ROWS, arrow

if TYPE_CHECKING:
    import pyarrow as pa

    from layercheck.images.image_checker import ImageChecker
    from layercheck.images.repository_report import RepositoryReport


class Lane(NamedTuple):
    """An account and a region: what a budget belongs to.

    Attributes:
        registry_id: Account id; None for the registry of the worker's credentials.
        region: Region; None for that of the worker's settings.
    """

    registry_id: str | None
    region: str | None


@dataclass(frozen=True, slots=True)
class ImageOutcome:
    """What one part, or several together, did. Outcomes can be added up.

    Attributes:
        repositories: Repositories by how their check ended: `done`, `partial`, `denied`, `gone`, `failed`.
        counts: Images for each verdict.
        calls: Requests sent, by operation.
        throttles: Requests that the service throttled, by operation.
        error: What stopped the repositories of a lane that are `failed`, the first of them; None for nothing.
    """

    repositories: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    throttles: dict[str, int] = field(default_factory=dict)
    error: PartError | None = None

    def __add__(self, other: ImageOutcome) -> ImageOutcome:
        def added(one: dict[str, int], two: dict[str, int]) -> dict[str, int]:
            return {name: one.get(name, 0) + two.get(name, 0) for name in sorted({*one, *two})}

        return ImageOutcome(
            added(self.repositories, other.repositories),
            added(self.counts, other.counts),
            added(self.calls, other.calls),
            added(self.throttles, other.throttles),
            self.error or other.error,
        )


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
    from layercheck._core import ImageGraph

    pa = arrow()
    table = pa.schema(ImageGraph().images_table(None, None, ""))
    fields = [pa.field(each.name, _plain(each.type)) for each in table]
    return pa.schema([*fields, pa.field("state", pa.string())])


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

    def __init__(self, batches: Iterable[Any], settings: ImageSettings, share: Share) -> None:
        self._batches = batches
        self._settings = settings
        self._share = share
        self.outcome = ImageOutcome()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield record batches in `images_schema()`, of at most 50,000 lines."""
        lanes: dict[Lane, list[str]] = {}
        for batch in self._batches:
            for row in batch.to_pylist():
                lane, name = Lane(row.get("registry_id"), row.get("region")), row.get("repository")
                wrong = _wrong(lane, name)
                if wrong is None:
                    lanes.setdefault(lane, []).append(name)
                else:
                    shown = None if name is None else str(name)[:300]
                    self.outcome += ImageOutcome(repositories={"failed": 1})
                    yield _one_line(lane, [shown], "failed", (wrong.code, wrong.message))
        for lane, names in lanes.items():
            yield from self._lane(lane, list(dict.fromkeys(names)))

    def _lane(self, lane: Lane, names: list[str]) -> Iterator[pa.RecordBatch]:
        left = dict.fromkeys(names)
        error = PartError(LayercheckError.__name__, "NotChecked", "it was not checked")
        try:
            with self._checker(lane, names) as checker:
                run = checker._submit(None, None, keep=False)
                try:
                    while (report := run.finished.get()) is not None:
                        if report.state == "partial" and not report.images:
                            continue  # nothing was asked about it, and the error says why
                        left.pop(report.repository_name, None)
                        yield from self._lines(report)
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
        if left:
            self.outcome += ImageOutcome(repositories={"failed": len(left)}, error=error)
            yield _one_line(lane, list(left), "failed", (error.code, error.message))

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

    def _lines(self, report: RepositoryReport) -> Iterator[pa.RecordBatch]:
        self.outcome += ImageOutcome(repositories={report.state: 1}, counts=report.counts)
        if not report.images:
            place = report.account_id, report.region_name
            said = report.code or None, report.reason or None
            yield _one_line(place, [report.repository_name], report.state, said)
            return
        pa = arrow()
        for batch in pa.RecordBatchReader.from_stream(report.table("images")):
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield _plain_batch(batch.slice(start, BATCH_ROWS), report.state)


def ask_images(batches: Iterable[pa.RecordBatch], settings: ImageSettings, share: Share) -> ImageAsking:
    """Check the images of the repositories of a part, at this task's share of the rates of each lane.

    An error that concerns one repository, or all of one account, is data: the lines of these repositories
    have no `digest`, and say why. Nothing of layercheck is raised; exceptions of `batches` pass through.

    Args:
        batches: Record batches with the columns `registry_id`, `region` (both may be null or missing) and
            `repository`. A repository belongs to one part only; see `image_parts`.
        settings: The same in every worker.
        share: What `share_of(settings.rate or 500.0)` returned.

    Returns:
        The lines, and after them the outcome.

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
    return ImageAsking(batches, settings, share)


def _wrong(lane: Lane, name: object) -> PartError | None:
    """Why a row names no repository; None if it does."""
    try:
        found = resolve_repository(name, registry_id=lane.registry_id, region_name=lane.region)
        if found.public or found.ignored or found.name != name or any(each in found.name for each in "*?["):
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


def _plain_batch(batch: Any, state: str) -> pa.RecordBatch:
    pa = arrow()
    wanted = images_schema()
    columns = [column.cast(each.type) for column, each in zip(batch.columns, wanted, strict=False)]
    columns.append(pa.array([state] * batch.num_rows, pa.string()))
    return pa.RecordBatch.from_arrays(columns, schema=wanted)


def _plain(kind: Any) -> Any:
    """The type without a dictionary, and times in microseconds, which Spark takes."""
    pa = arrow()
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz=kind.tz)
    if pa.types.is_list(kind):
        return pa.list_(pa.field("element", _plain(kind.value_type)))
    return kind
