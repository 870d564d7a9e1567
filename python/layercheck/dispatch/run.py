"""One run: a future that can also tell what is known so far."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from layercheck.dispatch.schedule.execution import Execution
from layercheck.errors import InvalidParameterError, RunCancelled

if TYPE_CHECKING:
    from layercheck._core import Plan
    from layercheck.dispatch.schedule.workers import WorkerPool
    from layercheck.limits import Limits
    from layercheck.report import Report
    from layercheck.types import ProgressCallback, Target

_SLICE_S = 0.1


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time a run has, from when its caller asked for it.

    Attributes:
        timeout_s: Seconds in all; infinite for no limit.
        deadline_at: When they are over, by the monotonic clock.
    """

    timeout_s: float = math.inf
    deadline_at: float = math.inf

    @classmethod
    def of(cls, timeout_s: object) -> Deadline:
        """The clock starts now.

        Raises:
            TypeError: Not a number.
            InvalidParameterError: Not above zero.
        """
        if timeout_s is None:
            return cls()
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float):
            raise TypeError(f"timeout_s is a {type(timeout_s).__name__}; expected seconds or None")
        if not timeout_s > 0:
            raise InvalidParameterError(f"timeout_s is {timeout_s!r}; expected more than 0 seconds, or None")
        return cls(float(timeout_s), time.monotonic() + timeout_s)

    @property
    def left_s(self) -> float | None:
        """What is left now, at least a moment; None without a limit."""
        if self.deadline_at == math.inf:
            return None
        return max(self.deadline_at - time.monotonic(), 1e-9)


class Run(Future["Report"]):
    """A check under way, made by `Checker.submit`: a `concurrent.futures.Future` of the report.

    It works with everything that takes such a future (`concurrent.futures.wait`, `as_completed`,
    `asyncio.wrap_future`). Two things differ, because a run that is stopped still has answers worth
    having: `cancel` also ends a run that is under way, and `result` then raises `RunCancelled`, which
    carries the report, and not `CancelledError`. `cancelled()` is True then.

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
        drive: Execution,
        workers: WorkerPool,
        target: Target,
        limits: Limits,
        progress: ProgressCallback | None,
        deadline: Deadline,
    ) -> None:
        super().__init__()
        self._plan = plan
        self._drive = drive
        self._workers = workers
        self._target = target
        self._limits = limits
        self._progress = progress
        self._time = deadline
        self._thread = threading.Thread(target=self._steer, name="layercheck-run", daemon=True)
        self._cancel_asked = False
        self._concluded = False
        self._was_cancelled = False
        self._ended = False
        self._end = threading.Lock()  # held until the end; see `_wait`
        self._end.acquire()

    @property
    def plan(self) -> Plan:
        """What this run asks."""
        return self._plan

    def report(self) -> Report:
        """What is known so far: at any time, from any thread, and also after the end.

        Every row has its verdict: those not asked yet are `not_checked`. It is a copy, about 45
        bytes per digest, and does not change any more.
        """
        from layercheck.report import Report

        columns = self._drive.columns()
        with self._workers.lock:
            stats = self._drive.stats(time.monotonic())
            errors = self._drive.errors()
            cancelled = self._cancel_asked
        return Report(columns, target=self._target, stats=stats, errors=errors, cancelled=cancelled)

    def cancel(self) -> bool:
        """Ask nothing more and end the run; returns at once.

        Calls under way get a short grace, so that their answers are kept; then the future is done.

        Returns:
            False if the run had ended already.
        """
        with self._workers.lock:
            return self._stop()

    def cancelled(self) -> bool:
        """Whether the run ended because it was cancelled."""
        return self._was_cancelled and self.done()

    def _wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end in a thread that Ctrl-C may strike; False if the time is up first.

        In slices, because a signal that arrives just before a thread blocks is noticed only after it.
        On a bare lock, because an exception inside `Condition.__enter__` would leave the future locked,
        and with it the run's thread.
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
        """`cancel` where this thread may hold the workers' lock already: in a finalizer."""
        self._workers.call_soon(self._stop)

    def _stop(self) -> bool:
        """See `cancel`. With the workers' lock held."""
        if self._concluded:
            return False
        self._cancel_asked = True
        self._drive.stop(time.monotonic(), "cancelled")
        return True

    def _leave(self) -> None:
        """Cancel without any grace: a second Ctrl-C."""
        with self._workers.lock:
            self._cancel_asked = True
            self._drive.leave()

    def _start(self) -> None:
        """Take part in the work. On the submitting thread."""
        self.set_running_or_notify_cancel()
        try:
            self._drive.record()
            with self._workers.lock:
                self._workers.add(self._drive)
            self._thread.start()
        except RuntimeError as error:  # no more threads to be had
            self._conclude()
            self.set_exception(error)
            self._ended = True
            self._end.release()
            raise

    def _steer(self) -> None:
        """The run's own thread: progress, deadlines, and the end."""
        try:
            self._run_to_the_end()
        finally:
            self._ended = True
            self._end.release()

    def _run_to_the_end(self) -> None:
        try:
            raised = self._follow()
            self._conclude()
            if raised is None:
                raised = self._tell(done=True)
            report = self.report()
        except BaseException as error:  # noqa: BLE001 (whoever waits must be told, e.g. of a MemoryError)
            self._conclude()
            self.set_exception(error)
            return
        if raised is not None:
            # The callback's own exception, whatever its class: the report is hung on it by name.
            raised.__dict__["report"] = report
            self.set_exception(raised)
        elif self._drive.crash is not None:
            self._drive.crash.__dict__["report"] = report
            self.set_exception(self._drive.crash)
        elif self._drive.fatal is not None:
            self._drive.fatal.report = report
            self.set_exception(self._drive.fatal)
        elif self._cancel_asked:
            self._was_cancelled = True
            self.set_exception(RunCancelled(self._cancel_message(report), report=report))
        else:
            self.set_result(report)

    def _conclude(self) -> None:
        with self._workers.lock:
            self._concluded = True
            self._drive.conclude()
        self._drive.close_journal()

    def _follow(self) -> BaseException | None:
        """Until nothing is under way; returns what the progress callback raised, if it did."""
        # At once: whoever watches knows now that it has begun.
        raised = self._tell(done=False)
        lock = self._workers.lock
        if raised is not None:
            with lock:
                self._drive.stop(time.monotonic(), "cancelled")
        while True:
            with lock:
                self._workers.run_pending()
                now = time.monotonic()
                if self._drive.over(now):
                    return raised
                self._drive.changed.wait(max(min(self._limits.tick_s, self._time.deadline_at - now), 0.0))
                now = time.monotonic()
                if self._drive.over(now):
                    return raised
                self._drive.look_after(now)
                if now >= self._time.deadline_at:
                    self._drive.time_is_up(now, self._time.timeout_s)
                    self._time = Deadline()
            if raised is None:
                raised = self._tell(done=False)
                if raised is not None:
                    with lock:
                        self._drive.stop(time.monotonic(), "cancelled")

    def _tell(self, *, done: bool) -> BaseException | None:
        if self._progress is None:
            return None
        try:
            self._progress(self._drive.progress(done=done))
        except BaseException as error:  # noqa: BLE001 (it is raised where the result is waited for)
            return error
        return None

    def _cancel_message(self, report: Report) -> str:
        counts = report.unique_counts
        open_digests = counts.get("not_checked", 0) + counts.get("unanswered", 0)
        return (
            f"the run was cancelled: {self._plan.unique - open_digests:,} of {self._plan.unique:,} digests "
            "have their verdict"
        )
