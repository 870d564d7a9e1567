"""`ImageChecker`: checks the images of repositories in one account and region."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NoReturn, Self

from layercheck._core import ImageGraph
from layercheck.dispatch.making_process import MakingProcess
from layercheck.dispatch.schedule.deadline import Deadline
from layercheck.dispatch.single_calls import CallFailed
from layercheck.errors import InvalidParameterError, LayercheckError, UnansweredError
from layercheck.images.call_threads import result_in_time
from layercheck.images.failures import as_error
from layercheck.images.image_run import ImageCheckOptions, ImageRun
from layercheck.images.manifest_store import ManifestStore
from layercheck.images.progress_display import as_callback
from layercheck.images.registry_connection import RegistryConnection
from layercheck.images.selection import Selection
from layercheck.images.stopping import CheckStopped, StopSignal
from layercheck.images.targets import parse_targets
from layercheck.limits import Limits

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType

    from boto3 import Session
    from botocore.config import Config

    from layercheck.images.estimate import ImageCost
    from layercheck.images.image_progress import ImageProgressCallback
    from layercheck.images.image_report import ImageReport
    from layercheck.images.repository_report import RepositoryReport
    from layercheck.images.selection import Status
    from layercheck.types import EcrClient, Rate, Target

_GRACE_S = 6.0


class ImageChecker:
    """Finds the images that can no longer be pulled, in repositories of one account and region.

    It lists images with DescribeImages, reads each manifest once with BatchGetImage, and checks all blobs
    that they name with BatchCheckLayerAvailability. Each listed image gets exactly one verdict; see
    `ImageVerdict`.

    ECR counts an image that is read as pulled. `lastRecordedPullTime` then says when layercheck read it,
    unless the role is excluded from pull times; the report's `notes` say so. Nothing else is changed.

    Args:
        targets: Names, patterns (`team/*`), image URIs or ARNs of repositories, or the host of a registry for
            all of them. `:tag` or `@digest` behind a name chooses one image and what it needs.
        registry_id: Account id of the registry; None for the registry of the credentials.
        exclude: Patterns of repositories to leave out.
        tags: Patterns of tags, one of which an image must have; None for all images.
        tagged: True for images with a tag only, False for those without, None for all.
        status: `"active"`, `"archived"` or `"any"`.
        pushed_after: Only images pushed at this time or later. A time without a zone is UTC.
        pushed_before: Only images pushed earlier. A time without a zone is UTC.
        newest: Only so many images of each repository, the newest.
        platforms: Platforms such as `"linux/arm64"` of which an index must be whole; None for all.
        manifests: A file that keeps what manifests say, so that each is read once in its life.
        confirm: Ask GetDownloadUrlForLayer too before a blob is called missing, where that is allowed.
        require_exclusion: Raise `PullTimeError` before the first manifest is read, unless the role is
            excluded from pull times.
        session: A `boto3.Session` to make the client from.
        client: A ready boto3 client, in place of all others.
        region_name: AWS region.
        profile_name: Named profile.
        endpoint_url: Another endpoint.
        config: A `botocore.config.Config`; what it sets wins.
        rate: Calls of BatchCheckLayerAvailability per second, as for `Checker`.
        image_rate: Calls of BatchGetImage per second, of up to 100 images; None for 10, `"max"` for no limit.
        list_rate: Calls per second of each operation that lists; None for 10, `"max"` for no limit.
        max_in_flight: Calls of BatchCheckLayerAvailability at once.

    Raises:
        InvalidParameterError: Arguments that cannot be right; also a ValueError.
        TypeError: Arguments of the wrong type.
        ManifestStoreError: `manifests` cannot be opened, or is another file.
        CredentialsError: The profile does not exist.
        EndpointError: No region is set.

    Examples:
        >>> import layercheck as lc
        >>> with lc.ImageChecker("team/*", region_name="eu-west-1") as checker:  # doctest: +SKIP
        ...     for repository in checker.stream():
        ...         print(repository.repository_name, repository.counts["incomplete"])
    """

    def __init__(
        self,
        targets: str | Iterable[str],
        *,
        registry_id: str | None = None,
        exclude: Iterable[str] = (),
        tags: Iterable[str] | None = None,
        tagged: bool | None = None,
        status: Status = "any",
        pushed_after: datetime | None = None,
        pushed_before: datetime | None = None,
        newest: int | None = None,
        platforms: Iterable[str] | None = None,
        manifests: str | os.PathLike[str] | None = None,
        confirm: bool = True,
        require_exclusion: bool = False,
        session: Session | None = None,
        client: EcrClient | None = None,
        region_name: str | None = None,
        profile_name: str | None = None,
        endpoint_url: str | None = None,
        config: Config | None = None,
        rate: Rate = None,
        image_rate: float | str | None = None,
        list_rate: float | str | None = None,
        max_in_flight: int | None = None,
        _limits: Limits | None = None,
        _note: Callable[[str], None] | None = None,
    ) -> None:
        self._process = MakingProcess("ImageChecker")
        self._targets = tuple(parse_targets(targets))
        self._exclude = patterns("exclude", exclude)
        self._selection = Selection(
            patterns("tags", tags or ()), tagged, status, pushed_after, pushed_before, newest
        )
        self._platforms = checked_platforms(patterns("platforms", platforms or ()))
        self._confirm = confirm
        self._require_exclusion = require_exclusion
        self._note = _note or (lambda _: None)
        named = next((each.registry_id for each in self._targets if each.registry_id), None)
        region = next((each.region_name for each in self._targets if each.region_name), None)
        self._store = None if manifests is None else ManifestStore(manifests)
        try:
            self._connection = RegistryConnection(
                _same("registry_id", registry_id, named),
                session=session,
                client=client,
                region_name=_same("region_name", region_name, region) if client is None else region_name,
                profile_name=profile_name,
                endpoint_url=endpoint_url,
                config=config,
                rate=rate,
                image_rate=image_rate,
                list_rate=list_rate,
                max_in_flight=max_in_flight,
                limits=_limits or Limits(),
            )
        except BaseException:
            if self._store is not None:
                self._store.close()
            raise
        self._runs: set[ImageRun] = set()
        self._closed = False

    @property
    def target(self) -> Target:
        """The registry; its repository name is `*`."""
        return self._connection.target

    def check(
        self, *, progress: ImageProgressCallback | bool | None = None, timeout_s: float | None = None
    ) -> ImageReport:
        """Check the images and wait for the report.

        Args:
            progress: A function that takes an `ImageProgress`, called a few times a second and once at the
                end. True shows a line that follows the check on a terminal, and elsewhere writes a line to
                standard error every 30 seconds.
            timeout_s: Most seconds in all. After that nothing more is asked; images without a verdict are
                `not_checked`, and `report.stats.ended` is `"timeout"`.

        Raises:
            RepositoryNotFoundError: A pattern matches no repository, or none of the repositories exists.
            AccessDeniedError: None of the repositories may be checked.
            PullTimeError: `require_exclusion`, and the role is not excluded.
            CredentialsError, EndpointError: Nothing can be asked.
            KeyboardInterrupt: Ctrl-C. The exception has the report so far as its attribute `images`, as all
                of these have.
        """
        run: ImageRun | None = None
        try:
            run = self.submit(progress=progress, timeout_s=timeout_s)
            run._wait()
        except BaseException as error:
            if run is not None:
                _interrupted(run, error)
            raise
        return run.result()

    def submit(
        self, *, progress: ImageProgressCallback | bool | None = None, timeout_s: float | None = None
    ) -> ImageRun:
        """Start a check and return at once. The arguments are those of `check`.

        Raises:
            LayercheckError: The checker is closed.
        """
        return self._submit(progress, timeout_s, keep=True)

    async def check_async(
        self, *, progress: ImageProgressCallback | bool | None = None, timeout_s: float | None = None
    ) -> ImageReport:
        """Check the images without blocking the event loop. Cancelling the task cancels the check.

        The arguments and errors are those of `check`.
        """
        import asyncio  # here, because most users never need it

        run = self.submit(progress=progress, timeout_s=timeout_s)
        try:
            return await asyncio.wrap_future(run)
        except asyncio.CancelledError:
            run.cancel()
            raise

    def stream(
        self, *, progress: ImageProgressCallback | bool | None = None, timeout_s: float | None = None
    ) -> Iterator[RepositoryReport]:
        """Yield the report of each repository as it is finished; memory does not grow with their number.

        Closing the iterator, or leaving the loop, cancels the check. The arguments and errors are those of
        `check`; an error comes after the reports of the repositories that were finished before it.
        """
        run = self._submit(progress, timeout_s, keep=False)
        try:
            while (report := run.finished.get()) is not None:
                yield report
            run.result()
        finally:
            run.cancel()

    def estimate(self, *, timeout_s: float | None = None) -> ImageCost:
        """List repositories and images, read and check nothing, and count the calls of a check.

        A repository that cannot be listed, or does not have an image that is named, is in `errors` of the
        result.

        Args:
            timeout_s: Most seconds in all.

        Raises:
            UnansweredError: The time was up before all images were listed.
            LayercheckError: The repositories cannot be listed, or the images of none of them.
        """
        from layercheck.images.estimate import estimate

        self._process.check()
        stop = StopSignal(Deadline.of(timeout_s).left_s or math.inf)
        work = self._connection.threads.submit(
            estimate,
            self._connection,
            self._targets,
            self._exclude,
            self._selection,
            self._store,
            self._connection.rates,
            stop,
        )
        try:
            return result_in_time(work, stop)
        except CallFailed as failed:
            raise as_error(failed, self.target, self._connection.settings) from failed.failure.cause
        except CheckStopped:
            raise UnansweredError(
                "the time was up before all images were listed; allow more time, or name fewer repositories"
            ) from None
        finally:
            stop.set()

    def close(self) -> None:
        """Cancel what is under way, and close the connections. Safe to call twice."""
        if self._process.is_another or self._closed:
            return
        self._closed = True
        for run in list(self._runs):
            run.cancel()
        for run in list(self._runs):
            run._wait(_GRACE_S)
        self._connection.close()
        if self._store is not None:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncio

        await asyncio.to_thread(self.close)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "an ImageChecker holds connections and threads, so it cannot be pickled or copied; make one "
            "in each process, from the same arguments"
        )

    def __repr__(self) -> str:
        names = ", ".join(repr(each.name) for each in self._targets[:3])
        more = ", ..." if len(self._targets) > 3 else ""
        return f"ImageChecker({names}{more} at {self.target.endpoint_url or self.target.region_name})"

    def _submit(
        self, progress: ImageProgressCallback | bool | None, timeout_s: float | None, *, keep: bool
    ) -> ImageRun:
        self._process.check()
        if self._closed:
            raise LayercheckError("this ImageChecker is closed")
        callback = as_callback(progress)
        options = ImageCheckOptions(
            self._targets,
            self._exclude,
            self._selection,
            self._platforms,
            self._store,
            self._confirm,
            self._require_exclusion,
            Deadline.of(timeout_s).left_s or math.inf,
            self._note,
        )
        run = ImageRun(self._connection, options, callback, keep=keep)
        self._runs.add(run)
        run.add_done_callback(lambda _: self._runs.discard(run))
        run._start()
        return run


def _interrupted(run: ImageRun, error: BaseException) -> None:
    """Set what is known as `images` on an exception in the waiting thread, such as Ctrl-C."""
    try:
        run.cancel()
        run._wait(_GRACE_S)
    finally:
        with contextlib.suppress(MemoryError):
            error.__dict__["images"] = run.report()


def patterns(name: str, given: Iterable[str]) -> tuple[str, ...]:
    """Return one text or several as a tuple.

    Raises:
        TypeError: It is something else, or one of them is not text.
    """
    if not isinstance(given, Iterable):
        raise TypeError(f"{name} is a {type(given).__name__}; expected a str, or several in a list")
    several = (given,) if isinstance(given, str) else tuple(given)
    for each in several:
        if not isinstance(each, str):
            raise TypeError(f"{name} holds a {type(each).__name__}; expected str")
    return several


def checked_platforms(platforms: tuple[str, ...]) -> tuple[str, ...]:
    """Return platforms as they are.

    Raises:
        InvalidParameterError: One of them is not `os/architecture`, with a variant or without.
    """
    try:
        ImageGraph(platforms=platforms)
    except ValueError as error:
        raise InvalidParameterError(f"platforms: {error}") from None
    return platforms


def _same(keyword: str, given: str | None, named: str | None) -> str | None:
    if given is not None and named is not None and given != named:
        raise InvalidParameterError(
            f"a target names {named!r} and {keyword} is {given!r}; leave {keyword} out"
        )
    return given or named
