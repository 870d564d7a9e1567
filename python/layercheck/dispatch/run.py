"""`Run`: a check that is under way, as a future that can also tell what is known so far."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from concurrent.futures import Future
from typing import TYPE_CHECKING, NoReturn

from layercheck.daemon_thread import DaemonThread
from layercheck.dispatch.making_process import MakingProcess
from layercheck.dispatch.schedule.deadline import Deadline
from layercheck.dispatch.schedule.execution import Execution
from layercheck.dispatch.schedule.native_loop import LOOK_S
from layercheck.errors import RunCancelled
from layercheck.report import Report  # here, because nothing may be imported at the end of a run
from layercheck.types import RunStats

if TYPE_CHECKING:
    from layercheck._core import Plan
    from layercheck.dispatch.schedule.workers import WorkerPool
    from layercheck.limits import Limits
    from layercheck.types import ProgressCallback, Target

_SLICE_S = 0.1
"""Longest that `_wait` blocks at once, seconds."""

_SPARE_BYTES = 4 << 20
"""Memory that a run keeps for its end, as `bytes`. The system gives no page of it, because nothing is written
there; a `bytearray` would write its zeros."""

_runs: weakref.WeakSet[Run] = weakref.WeakSet()
"""The runs of this process, for its children."""


class Run(Future["Report"]):
    """A check under way, made by `Checker.submit`: a `concurrent.futures.Future` of the report.

    It works with everything that takes such a future (`concurrent.futures.wait`, `as_completed`,
    `asyncio.wrap_future`). Two things differ, because a run that is stopped still has answers worth keeping:
    `cancel` also ends a run that is under way, and `result` then raises `RunCancelled`, which carries the
    report, instead of `CancelledError`. `cancelled()` is True then.

    In a child made by fork, a run that had not ended counts as ended by a `LayercheckError` that names the
    process, because its threads are in the parent. Whatever waits for it there ends at once.

    Examples:
        >>> import layercheck as lc
        >>> with lc.Checker("team/app") as checker:  # doctest: +SKIP
        ...     run = checker.submit(digests)
        ...     run.report().unique_counts["available"]
        ...     report = run.result()
    """

    def __init__(
        self,
        plan: Plan,
        execution: Execution,
        pool: WorkerPool,
        target: Target,
        limits: Limits,
        progress: ProgressCallback | None,
        deadline: Deadline,
    ) -> None:
        super().__init__()
        self._plan = plan
        self._execution = execution
        self._pool = pool
        self._target = target
        self._limits = limits
        self._progress = progress
        self._deadline = deadline
        self._thread = DaemonThread(target=self._steer, name="layercheck-run")
        self._concluded = False
        self._was_cancelled = False
        self._ended = False
        self._end = threading.Lock()  # held until the end; see `_wait`
        self._end.acquire()
        self._steered = threading.Lock()  # taken once, by the thread that brings the run to its end
        self._spare: bytes | None = bytes(_SPARE_BYTES)
        self._outcome: tuple[Report | None, BaseException | None] | None = None
        self._process = MakingProcess("Run")
        _runs.add(self)

    @property
    def plan(self) -> Plan:
        """What this run asks."""
        return self._plan

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Run belongs to its process, so it cannot be pickled or copied; send its report")

    def report(self) -> Report:
        """Return what is known so far: at any time, from any thread, and also after the end.

        Every row has its verdict: rows that were not asked yet are `not_checked`. The report is a copy of
        about 45 bytes per digest, and does not change any more.

        Raises:
            LayercheckError: The run is under way in another process, which forked this one.
            MemoryError: The run has not ended, and there is no memory for the copy.
        """
        if self._process.is_another:
            # A lock may be held here by a thread that only the parent has.
            report, error = self._outcome or (None, None)
            report = report or getattr(error, "report", None)
            if report is None:
                raise self._process.error()
            return report

        columns = self._execution.columns()
        with self._pool.lock:
            stats = self._execution.stats(time.monotonic())
            errors = self._execution.errors()
            timeline = self._execution.timeline()
            cancelled = self._execution.ending.cancel_requested
        return Report(
            columns, target=self._target, stats=stats, errors=errors, cancelled=cancelled, timeline=timeline
        )

    def cancel(self) -> bool:
        """Ask nothing more and end the run; return at once.

        Calls in flight get a short grace, so that their answers are kept. Then the future is done.

        Returns:
            False if the run had ended already.

        Raises:
            LayercheckError: The run is under way in another process, which forked this one.
        """
        if self._process.is_another:
            if self._outcome is None:
                raise self._process.error()
            return False
        with self._pool.lock:
            return self._stop()

    def cancelled(self) -> bool:
        """Return whether the run ended because it was cancelled."""
        return self._was_cancelled and self.done()

    def _wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end in a thread that Ctrl-C may interrupt; return False if the time is up first.

        It waits in slices, because a signal that arrives just before a thread blocks is noticed only
        afterwards. It waits for a bare lock, because an exception inside `Condition.__enter__` would leave
        the future locked, and with it the run's thread.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._ended:
            left = _SLICE_S if deadline is None else min(_SLICE_S, deadline - time.monotonic())
            if left <= 0:
                return False
            if self._end.acquire(timeout=left):
                self._end.release()
        return True

    @property
    def _is_current_thread(self) -> bool:
        return self._thread is threading.current_thread()

    def _cancel_soon(self) -> None:
        """Cancel from a finalizer, where this thread may hold the pool's lock already."""
        if self._process.is_another:
            return
        self._pool.deferred.call_soon(self._stop)

    def _stop(self) -> bool:
        """Do the work of `cancel`. With the pool's lock held."""
        if self._concluded:
            return False
        self._execution.ending.cancel(time.monotonic())
        self._execution.stop_asking()
        return True

    def _leave(self) -> None:
        """Cancel without any grace, for a second Ctrl-C."""
        with self._pool.lock:
            if not self._concluded:
                self._execution.ending.leave()
                self._execution.stop_asking()

    def _start(self) -> None:
        """Start the run's own thread. On the submitting thread."""
        self.set_running_or_notify_cancel()
        self._execution.start_journal()
        self._thread.start()

    def _end_unless_started(self, error: BaseException) -> None:
        """End the run with `error`, unless its own thread has taken it. On the submitting thread.

        Ctrl-C may arrive at any point of the start, and the system may refuse a thread. Without this, nothing
        would end the run, and `Checker.close` would wait for it for ever.
        """
        if self._steered.acquire(blocking=False):
            try:
                self._fail(error)
            finally:
                self._set_ended()

    def _steer(self) -> None:
        """Take part in the work, and watch over progress, deadlines and the end, on the run's own thread."""
        if not self._steered.acquire(blocking=False):
            return  # the submitting thread was interrupted first, and ended the run
        try:
            self._run_to_the_end()
        finally:
            self._set_ended()

    def _set_ended(self) -> None:
        self._ended = True
        self._end.release()

    def _run_to_the_end(self) -> None:
        try:
            with self._pool.lock:
                self._pool.add(self._execution)
            self._follow()
            self._conclude()
            self._call_progress(done=True)
            report = self.report()
        except BaseException as error:  # noqa: BLE001 (the waiting thread must learn of it, e.g. of a MemoryError)
            self._fail(error)
            return
        ending = self._execution.ending
        raised = ending.error()
        if raised is not None:
            # It may be of any class, raised by the callback or by a bug, so the report is set as an
            # attribute.
            raised.__dict__["report"] = report
            self._resolve(None, raised)
        elif ending.cancel_requested:
            self._was_cancelled = True
            self._resolve(None, RunCancelled(self._cancel_message(report), report=report))
        else:
            self._resolve(report, None)

    def _fail(self, error: BaseException) -> None:
        """End the run with its own exception. Whatever fails here, the future gets its result."""
        try:
            self._spare = None
            with self._pool.lock:
                now = time.monotonic()
                if isinstance(error, Exception):
                    self._execution.ending.crash(now, error)
                else:  # Ctrl-C
                    self._execution.ending.cancel(now)
            self._conclude()
        except BaseException as again:  # noqa: BLE001 (the first error counts)
            _note(error, "the run could not be concluded either", again)
        self._put_report(error)
        self._resolve(None, error)

    def _put_report(self, error: BaseException) -> None:
        try:
            self._execution.seal()
            error.__dict__["report"] = self._last_report()
        except BaseException as again:  # noqa: BLE001 (the first error counts)
            _note(error, "there is no report", again)

    def _last_report(self) -> Report:
        """Return the report of a run that failed; without its statistics if even these cannot be had."""
        try:
            return self.report()
        except BaseException:  # noqa: BLE001 (the verdicts are worth more)
            stats = RunStats(ended="fatal", transport=self._execution.transport_name)
            return Report(self._execution.columns(), target=self._target, stats=stats, errors=())

    def _resolve(self, report: Report | None, error: BaseException | None) -> None:
        """Give the future its result. Tries again while the system has no memory at all for that."""
        while not self.done():
            try:
                self._outcome = (report, error)
                self._set_outcome(report, error)
            except MemoryError:
                time.sleep(_SLICE_S)

    def _set_outcome(self, report: Report | None, error: BaseException | None) -> None:
        if error is not None:
            self.set_exception(error)
        elif report is not None:
            self.set_result(report)

    def _after_fork(self) -> None:
        """Give the future its end in a child, with locks that no thread holds.

        Nothing that waits for the run in the parent is waiting here, and no callback is called here.
        """
        super().__init__()
        self._end = threading.Lock()
        self._ended = True
        self.set_running_or_notify_cancel()
        self._set_outcome(*(self._outcome or (None, self._process.error())))

    def _conclude(self) -> None:
        self._spare = None
        try:
            with self._pool.lock:
                self._concluded = True
                self._execution.conclude(time.monotonic())
        finally:
            self._execution.close_journal()

    def _follow(self) -> None:
        """Wait until the run is over, and meanwhile report progress and enforce deadlines."""
        # At once, so that the caller knows that the run has begun.
        self._call_progress(done=False)
        tick_at = time.monotonic() + self._limits.tick_s
        while self._goes_on(tick_at):
            self._execution.look_into_loop()
            if time.monotonic() >= tick_at:
                self._call_progress(done=False)
                tick_at = time.monotonic() + self._limits.tick_s

    def _goes_on(self, tick_at: float) -> bool:
        # A method of its own, as is `WorkerPool._settle`.
        with self._pool.lock:
            return self._wait_for_tick(tick_at)

    def _wait_for_tick(self, tick_at: float) -> bool:
        """Wait for a look, a tick or the end, and enforce deadlines; return whether the run is not over."""
        execution = self._execution
        self._pool.deferred.run_pending()
        now = time.monotonic()
        if execution.is_over(now):
            return False
        until = min(tick_at, self._deadline.at, now + LOOK_S if execution.is_looping else tick_at)
        execution.changed.wait(max(until - now, 0.0))
        now = time.monotonic()
        if execution.is_over(now):
            return False
        self._enforce_deadlines(now)
        # A worker may have been refused a thread. Without any thread this raises, and ends the run.
        self._pool.notify()
        return True

    def _enforce_deadlines(self, now: float) -> None:
        self._execution.enforce_deadlines(now)
        if now >= self._deadline.at:
            self._execution.ending.time_out(now, self._deadline.timeout_s)
            self._execution.stop_asking()
            self._deadline = Deadline()

    def _call_progress(self, *, done: bool) -> None:
        """Call the progress callback, until it raises; its exception ends the run."""
        if self._progress is None:
            return
        try:
            self._progress(self._execution.progress(done=done))
        except BaseException as error:  # noqa: BLE001 (it is raised where the result is waited for)
            self._progress = None
            with self._pool.lock:
                self._execution.ending.fail_callback(error, time.monotonic())
                self._execution.stop_asking()

    def _cancel_message(self, report: Report) -> str:
        counts = report.unique_counts
        open_digests = counts.get("not_checked", 0) + counts.get("unanswered", 0)
        return (
            f"the run was cancelled: {self._plan.unique - open_digests:,} of {self._plan.unique:,} digests "
            "have their verdict"
        )


def _note(error: BaseException, what: str, again: BaseException) -> None:
    """Note on an error what failed after it, if there is memory for that."""
    with contextlib.suppress(MemoryError):
        error.add_note(f"layercheck: {what}: {again!r}")


def _after_fork_in_child() -> None:
    for run in list(_runs):
        run._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
