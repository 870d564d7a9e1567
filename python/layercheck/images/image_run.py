"""`ImageRun`: a check of images that is under way, as a future of its report."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from layercheck.daemon_thread import DaemonThread
from layercheck.dispatch.making_process import MakingProcess
from layercheck.dispatch.single_calls import CallFailed
from layercheck.errors import LayercheckError, RunCancelled
from layercheck.images.admission import Admission
from layercheck.images.call_threads import CallThreads
from layercheck.images.failures import as_error
from layercheck.images.image_progress import ImageProgressCallback, ProgressCounter
from layercheck.images.image_report import ImageReport, ImageStats
from layercheck.images.manifest_store import ManifestStore
from layercheck.images.platform_choice import PlatformChoice
from layercheck.images.pull_through import RulesUnderWay, read_rules
from layercheck.images.pull_time import PullTimeGuard
from layercheck.images.registry_connection import RegistryConnection
from layercheck.images.repositories import FoundRepository, find_repositories
from layercheck.images.repository_check import CheckParts, RepositoryCheck
from layercheck.images.repository_report import RepositoryReport
from layercheck.images.second_look import SecondWitness
from layercheck.images.selection import Selection
from layercheck.images.stopping import CheckStopped, StopSignal
from layercheck.images.targets import ImageTarget
from layercheck.types import Ending

T = TypeVar("T")

REPOSITORIES_AT_ONCE = 8
"""Repositories that are checked at once."""

_SLICE_S = 0.1
_TICK_S = 0.25
_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class ImageCheckOptions:
    """What a check of images was asked to do.

    Attributes:
        targets: Which repositories.
        exclude: Patterns of names of repositories to leave out.
        selection: Which images of them.
        platforms: Platforms of an index that must be whole; empty for all.
        store: Keeps manifests; None for none.
        confirm: Ask a second operation about missing blobs.
        require_exclusion: Refuse to read manifests if that renews pull times.
        timeout_s: Seconds in all.
        note: Takes a line for the user as soon as it is known.
    """

    targets: tuple[ImageTarget, ...]
    exclude: tuple[str, ...]
    selection: Selection
    platforms: tuple[str, ...]
    store: ManifestStore | None
    confirm: bool
    require_exclusion: bool
    timeout_s: float
    note: Callable[[str], None]


class ImageRun(Future[ImageReport]):
    """A check of images under way, made by `ImageChecker.submit`: a future of the report.

    As with `Run`, `cancel` also ends a check that is under way. `result` then raises `RunCancelled`, whose
    attribute `images` is the report.

    Args:
        connection: Client and lanes.
        options: What is asked.
        progress: Called a few times a second; None for nothing.
        keep: Keep the reports of repositories for the report. Otherwise they are only in `finished`.

    Attributes:
        finished: The reports of repositories as they finish; None at the end.
    """

    def __init__(
        self,
        connection: RegistryConnection,
        options: ImageCheckOptions,
        progress: ImageProgressCallback | None,
        *,
        keep: bool = True,
    ) -> None:
        super().__init__()
        self.finished: queue.SimpleQueue[RepositoryReport | None] = queue.SimpleQueue()
        self._connection = connection
        self._operations = connection.operations.counted()
        self._options = options
        self._progress = progress
        self._keep = keep
        self._stop = StopSignal(options.timeout_s)
        self._counter = ProgressCounter()
        self._notes: list[str] = []
        self._platforms = PlatformChoice(options.platforms)
        self._totals = _Totals()  # of the checks that ended
        self._moving = threading.Lock()  # held while a check moves to them
        self._rules: RulesUnderWay | None = None
        self._has_told_rules = False
        # What is known of each repository that was not given away by `finished`.
        self._checks: dict[FoundRepository, RepositoryCheck] = {}
        self._reports: dict[FoundRepository, RepositoryReport] = {}
        self._began_at = time.monotonic()
        self._grace_until: float | None = None
        self._ended: Ending = "running"
        self._error: BaseException | None = None
        self._was_cancelled = False
        self._first_error: LayercheckError | None = None
        self._all_have_failed = True
        self._process = MakingProcess("ImageRun")
        self._thread = DaemonThread(target=self._steer, name="layercheck-image-run")
        self._final: ImageReport | None = None
        self._end = threading.Lock()
        self._end.acquire()
        _runs.add(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an ImageRun belongs to its process, so it cannot be pickled or copied")

    def report(self) -> ImageReport:
        """Return what is known so far, at any time: images that were not judged yet are `not_checked`.

        Repositories under way share their images with the check, so that their verdicts go on changing in it.
        """
        self._process.check()
        return self._report() if self._final is None else self._final

    def _report(self, *, final: bool = False) -> ImageReport:
        # A check that ends meanwhile is in both, and its report is the one that counts.
        under_way = {found: check.so_far(final=final) for found, check in self._checks.copy().items()}
        reports = [*{**under_way, **self._reports}.values()]
        return ImageReport(
            reports, target=self._connection.target, notes=list(self._notes), stats=self._stats()
        )

    def cancel(self) -> bool:
        """Ask nothing more and end the check; return at once. False if it had ended already."""
        self._process.check()
        if self.done():
            return False
        self._was_cancelled = True
        self._stop.set()
        return True

    def cancelled(self) -> bool:
        """Return whether the check ended because it was cancelled."""
        return self._was_cancelled and self.done()

    def _start(self) -> None:
        self.set_running_or_notify_cancel()
        try:
            self._thread.start()
        except BaseException as error:  # the system gives no thread
            self.set_exception(error)
            self._end.release()
            raise

    def _wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end in slices, so that Ctrl-C is noticed; return False if the time is up first.

        It waits for a bare lock, because Ctrl-C inside the lock of the future would leave that one locked.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left = _SLICE_S if deadline is None else min(_SLICE_S, deadline - time.monotonic())
            if self._end.acquire(timeout=max(left, 0.0)):
                self._end.release()
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False

    def _after_fork(self) -> None:
        """Give the future its end in a child, where no thread ends it and a lock may be held for ever."""
        super().__init__()
        self._end = threading.Lock()
        self.finished = queue.SimpleQueue()
        self.finished.put(None)
        self.set_running_or_notify_cancel()
        self.set_exception(self._process.error())

    # On the run's own thread.

    def _steer(self) -> None:
        threads = CallThreads(REPOSITORIES_AT_ONCE, "layercheck-repository")
        try:
            self._check_all(threads)
            self._ended = self._how_it_ended()
        except BaseException as error:  # noqa: BLE001 (whoever waits must learn of it)
            self._stop.set()
            self._ended = "fatal"
            self._error = self._as_error(error)
        finally:
            threads.close()
            self._conclude()

    def _check_all(self, threads: CallThreads) -> None:
        self._call_progress()
        try:
            found, parts = self._in_time(threads.submit(self._find))
        except CheckStopped:
            return
        self._counter.found(len(found))
        ended: queue.SimpleQueue[tuple[FoundRepository, Future[RepositoryReport]]] = queue.SimpleQueue()
        waiting = found[::-1]
        under_way = 0
        while True:
            while waiting and under_way < REPOSITORIES_AT_ONCE:
                each = waiting.pop()
                self._begin(each, RepositoryCheck(each, parts), threads, ended)
                under_way += 1
            if not under_way:
                if not self._stop.is_set and (line := self._platforms.note()):
                    self._note(line)
                return
            with contextlib.suppress(queue.Empty):
                self._take(*ended.get(timeout=_TICK_S))
                under_way -= 1
            if self._stop.is_set and waiting:
                # They are in the report, and nothing is asked about them.
                self._checks.update({each: RepositoryCheck(each, parts) for each in reversed(waiting)})
                waiting = []
            if self._stop.is_set and not self._grace_left():
                return
            self._call_progress()

    def _find(self) -> tuple[list[FoundRepository], CheckParts]:
        options, threads = self._options, self._connection.threads
        # These three are asked while repositories are found and images are listed.
        rules = self._rules = RulesUnderWay(threads.submit(read_rules, self._operations, self._stop))
        guard = PullTimeGuard(
            self._operations,
            self._connection.caller,
            required=options.require_exclusion,
            note=self._note,
        )
        guard.ask_ahead(threads, self._stop)
        for line in options.selection.ignored_for(options.targets):
            self._note(line)
        found = find_repositories(self._operations, options.targets, options.exclude, self._stop)
        guard.several = len(found) > 1
        # Of chosen indexes, images are read too that are not listed yet.
        guard.at_least = not options.selection.is_all or any(each.image_ids for each in found)
        return found, self._parts(guard, rules)

    def _in_time(self, future: Future[T]) -> T:
        """Wait for a result, also of a call that hangs.

        Raises:
            CheckStopped: Everything is to stop, and the grace is over.
        """
        while not wait_for([future], _TICK_S).done:
            if self._stop.is_set and not self._grace_left():
                raise CheckStopped
            self._call_progress()
        return future.result()

    def _begin(
        self,
        found: FoundRepository,
        check: RepositoryCheck,
        threads: CallThreads,
        ended: queue.SimpleQueue[tuple[FoundRepository, Future[RepositoryReport]]],
    ) -> None:
        self._checks[found] = check
        threads.submit(check).add_done_callback(lambda future: ended.put((found, future)))

    def _grace_left(self) -> bool:
        """Whether calls under way, whose answers are kept, may still take their time."""
        if self._grace_until is None:
            self._grace_until = time.monotonic() + _GRACE_S
        return time.monotonic() < self._grace_until

    def _parts(self, guard: PullTimeGuard, rules: RulesUnderWay) -> CheckParts:
        options = self._options
        return CheckParts(
            self._connection,
            options.selection,
            options.platforms,
            options.store,
            guard,
            rules,
            SecondWitness(self._operations) if options.confirm else None,
            Admission(),
            self._counter,
            self._stop,
        )

    def _take(self, found: FoundRepository, future: Future[RepositoryReport]) -> None:
        try:
            report = future.result()
        except BaseException as error:  # noqa: BLE001 (it is raised where the result is waited for)
            # It concerns every repository, so that nothing more is asked.
            self._stop.set()
            self._error = self._error or self._as_error(error, found.name)
            return
        check = self._checks[found]
        if self._keep:
            self._reports[found] = report
        with self._moving:
            del self._checks[found]
            self._totals.add(check)
        self._platforms.look(report)
        counts = report.counts
        self._tell_rules(report)
        self._counter.finished(report.images, counts["incomplete"] + counts["unreadable"])
        if not self._keep:
            self._first_error = self._first_error or report.error
            self._all_have_failed = self._all_have_failed and report.error is not None
            self.finished.put(report)

    def _tell_rules(self, report: RepositoryReport) -> None:
        """Say once that the rules of pull-through caches are not known, if a verdict depends on them."""
        depends = report.pull_through is None and (report.counts["partial"] or report.counts["incomplete"])
        if self._rules is None or self._has_told_rules or not depends:
            return
        if line := self._rules.what_is_unknown():
            self._has_told_rules = True
            self._note(line)

    def _note(self, line: str) -> None:
        self._notes.append(line)
        self._options.note(line)

    def _call_progress(self, *, done: bool = False) -> None:
        if self._progress is None:
            return
        try:
            self._progress(self._counter.now(done=done))
        except BaseException as error:  # noqa: BLE001 (it is raised where the result is waited for)
            self._progress = None
            self._error = self._error or error
            self._stop.set()

    def _how_it_ended(self) -> Ending:
        if self._error is not None:
            return "fatal"
        if self._was_cancelled:
            return "cancelled"
        return "timeout" if self._stop.is_set else "done"

    def _conclude(self) -> None:
        """Give the future its result, whatever fails here."""
        try:
            self._call_progress(done=True)
            report = self._final = self._report(final=True)
            if not self._keep:
                for each in report.repositories:
                    self.finished.put(each)
            error = self._error or self._all_failed(report)
            if error is None and self._was_cancelled:
                error = RunCancelled("the check was cancelled; its report is in the attribute images")
            if error is None:
                self.set_result(report)
            else:
                with contextlib.suppress(Exception):
                    error.__dict__["images"] = report
                self.set_exception(error)
        except BaseException as again:  # noqa: BLE001 (the future must end)
            with contextlib.suppress(BaseException):
                self.set_exception(self._error or again)
        finally:
            self._end.release()
            self.finished.put(None)

    def _all_failed(self, report: ImageReport) -> BaseException | None:
        """The error of the first repository, if none could be checked."""
        errors = [each.error for each in report.repositories]
        if not all(errors) or not self._all_have_failed:
            return None
        return self._first_error or (errors[0] if errors else None)

    def _as_error(self, error: BaseException, repository_name: str | None = None) -> BaseException:
        if isinstance(error, CallFailed):
            return as_error(error, self._connection.target, self._connection.settings, repository_name)
        return error

    def _stats(self) -> ImageStats:
        totals = _Totals()
        totals.calls.update(self._operations.calls)
        totals.throttles.update(self._operations.throttles)
        with self._moving:
            totals.add(self._totals)
            checks = self._checks.copy()
        for each in checks.values():
            totals.add(each)
        seconds = time.monotonic() - self._began_at
        return ImageStats(
            dict(totals.calls), dict(totals.throttles), totals.manifests_known, seconds, self._ended
        )


class _Totals:
    """What the checks of repositories did."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.throttles: Counter[str] = Counter()
        self.manifests_known = 0

    def add(self, check: RepositoryCheck | _Totals) -> None:
        self.calls.update(check.calls)
        self.throttles.update(check.throttles)
        self.manifests_known += check.manifests_known


_runs: weakref.WeakSet[ImageRun] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for run in list(_runs):
        if not run.done():
            run._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
