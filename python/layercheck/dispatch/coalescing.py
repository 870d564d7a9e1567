"""`Coalescer`: small checks that come at about the same time share calls of 100 digests.

A group collects the plans of checks until its time is over or its digests fill a call. It then becomes one
run, and each check gets the part of the run's report that is about its own digests. A thread of its own keeps
the time, because an event loop that stops would leave the checks of other threads waiting.
"""

from __future__ import annotations

import copy
import math
import operator
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from layercheck._core import MAX_BATCH, Planner
from layercheck.daemon_thread import DaemonThread
from layercheck.errors import LayercheckError
from layercheck.report import Report

if TYPE_CHECKING:
    from layercheck._core import Plan
    from layercheck.dispatch.run import Run
    from layercheck.types import BatchError


_SLICE_S = 0.1
"""Longest that `Part.wait` blocks at once, seconds."""


class Coalescer:
    """Collects small plans and checks them together. Thread-safe.

    Only its own thread forms groups and starts their runs, so that Ctrl-C in a checking thread, or a
    cancelled task, cannot leave a group half made.

    Args:
        start: Starts the run of a plan.
        wait_s: Longest time that a check waits for others, seconds.
        idle_s: How long the thread waits for checks before it ends, seconds.
    """

    def __init__(self, start: Callable[[Plan], Run], *, wait_s: float, idle_s: float) -> None:
        self._start = start
        self._wait_s = wait_s
        self._idle_s = idle_s
        self._asked: SimpleQueue[Part | Future[None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @staticmethod
    def takes(plan: Plan) -> bool:
        """Whether a check of this plan may share its calls with others."""
        return 0 < plan.unique < MAX_BATCH == plan.batch_size

    def add(self, plan: Plan) -> Part:
        """Let a check take part in the next run; return the future of its report."""
        part = Part(plan)
        self._put(part)
        return part

    def close(self) -> None:
        """Start the run of the checks that wait now, and return when it has started. The thread ends then."""
        self._idle_s = 0.0
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return  # nothing waits, or a callback of a check runs between two groups
        flushed: Future[None] = Future()
        self._put(flushed)
        flushed.result()
        thread.join()

    def _put(self, item: Part | Future[None]) -> None:
        self._asked.put(item)
        with self._lock:
            if self._thread is not None:
                return
            self._thread = DaemonThread(target=self._serve, name="layercheck-coalesce")
            try:
                self._thread.start()
            except BaseException as error:
                self._thread = None
                if not isinstance(error, RuntimeError):
                    raise
        if self._thread is None:
            # The system gives no more threads, so this thread starts the run of what waits.
            self._run(self._form(_Group(self._wait_s), wait=False))

    def _serve(self) -> None:
        while True:
            group = _Group(self._wait_s)
            try:
                self._run(self._form(group, wait=True))
            except BaseException as error:  # noqa: BLE001 (the checks that wait must learn of it)
                for part in group.parts:
                    part.fail(error)
            if group.parts or (group.flushed and self._idle_s):
                continue
            with self._lock:
                if self._asked.empty():
                    self._thread = None
                    return

    def _form(self, group: _Group, *, wait: bool) -> _Group:
        """Fill a group until it is full, its time is over, or a flush is asked for."""
        while not group.is_full:
            try:
                item = (
                    self._asked.get(timeout=group.seconds_left(self._idle_s))
                    if wait
                    else self._asked.get_nowait()
                )
            except Empty:
                break
            if isinstance(item, Part):
                group.add(item)
            else:
                group.flushed.append(item)
                break
        return group

    def _run(self, group: _Group) -> None:
        try:
            group.run(self._start)
        finally:
            for flushed in group.flushed:
                flushed.set_result(None)


class _Group:
    """The checks that become one run.

    Args:
        wait_s: Longest time that the first check waits for others, seconds.

    Attributes:
        parts: The checks.
        flushed: Told when the run has started.
        is_full: The digests fill at least one call.
    """

    def __init__(self, wait_s: float) -> None:
        self.parts: list[Part] = []
        self.flushed: list[Future[None]] = []
        self.is_full = False
        self._wait_s = wait_s
        self._digests = 0
        self._asked: Run | None = None

    def seconds_left(self, idle_s: float) -> float:
        """Return how long the group may wait for the next check."""
        if not self.parts:
            return idle_s
        return max(self.parts[0].asked_at + self._wait_s - time.monotonic(), 0.0)

    def add(self, part: Part) -> None:
        """Add a check. A full group may hold up to 198 digests, which are two calls."""
        part.group = self
        part.row = self._digests
        self._digests += part.plan.unique
        self.parts.append(part)
        self.is_full = self._digests >= MAX_BATCH

    def run(self, start: Callable[[Plan], Run]) -> None:
        """Start the run. Whatever fails, every check gets its result."""
        if self._is_left:
            return
        try:
            planner = Planner(threads=1)
            for part in self.parts:
                planner.extend_plan(part.plan)
            run = self._asked = start(planner.finish(MAX_BATCH))
        except BaseException as error:  # noqa: BLE001 (each check must learn of it)
            for part in self.parts:
                part.fail(copy.copy(error))
            return
        for part in self.parts:
            part.add_done_callback(self._part_done)
        self.cancel_if_left()
        run.add_done_callback(self._hand_out)

    def report(self, part: Part) -> Report | None:
        """Return what is known of an interrupted check; None before the run has started."""
        return None if self._asked is None else part.of(self._asked.report(), interrupted=True)

    def cancel_if_left(self) -> None:
        """Cancel the run if every check was cancelled or interrupted."""
        if self._asked is not None and self._is_left:
            self._asked.cancel()

    @property
    def _is_left(self) -> bool:
        return all(part.has_left or part.cancelled() for part in self.parts)

    def _part_done(self, _: Future[Report]) -> None:
        self.cancel_if_left()

    def _hand_out(self, run: Future[Report]) -> None:
        error = run.exception()
        whole = run.result() if error is None else getattr(error, "report", None)
        for part in self.parts:
            try:
                report = None if whole is None else part.of(whole)
                if error is None and report is not None:
                    part.succeed(report)
                else:
                    part.fail(_with_report(error, report))
            except BaseException as again:  # noqa: BLE001 (the other checks must get their results)
                part.fail(again)


class _BareCondition(threading.Condition):
    """A condition that a `with` takes and gives back in C alone.

    Ctrl-C in the Python code of `Condition.__enter__` would leave the lock taken, because the `with` does not
    know it yet. The thread that hands out the answers would then wait for that lock for ever.
    """

    __enter__ = property(operator.attrgetter("_lock.__enter__"))
    __exit__ = property(operator.attrgetter("_lock.__exit__"))


class Part(Future["Report"]):
    """The future of the report of one check in a group.

    Args:
        plan: The check's own plan.

    Attributes:
        plan: The check's own plan.
        asked_at: When the check was asked for, seconds on the monotonic clock.
        group: The group; None while the check waits for one.
        row: Row of the check's first digest in the plan of the group.
        has_left: The thread that waited was interrupted.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._condition = _BareCondition()
        self.plan = plan
        self.has_left = False
        self.asked_at = time.monotonic()
        self.group: _Group | None = None
        self.row = 0
        self._ended = False
        self._end = threading.Lock()  # held until the end; see `wait`
        self._end.acquire()
        self.add_done_callback(self._set_ended)

    def wait(self, timeout_s: float = math.inf) -> None:
        """Wait for the end in a thread that Ctrl-C may interrupt, as `Run` does and for the same reasons.

        It does not ask `done`, because Ctrl-C in there could leave the future locked, and with it the run of
        the whole group.
        """
        deadline = time.monotonic() + timeout_s
        while not self._ended and time.monotonic() < deadline:
            if self._end.acquire(timeout=_SLICE_S):
                self._end.release()

    def leave(self, grace_s: float) -> None:
        """End the check of an interrupted thread. If its call is under way, wait for the answer so long.

        The future stays as it is, so that the thread that hands out the answers finds it in order.
        """
        self.has_left = True
        if self.group is not None:
            self.group.cancel_if_left()
        if self.report() is not None:
            self.wait(grace_s)

    def report(self) -> Report | None:
        """Return what is known when the check is interrupted; None before the run has started."""
        return None if self.group is None else self.group.report(self)

    def of(self, whole: Report, *, interrupted: bool = False) -> Report:
        """Return the part of the group's report that is about the digests of this check."""
        columns = whole._columns.part(self.plan, self.row)
        return Report(
            columns,
            target=whole.target,
            stats=whole.stats,
            errors=[own for error in whole.errors if (own := self._own(error, whole.plan)) is not None],
            cancelled=whole.cancelled or interrupted,
            timeline=whole.timeline,
        )

    def succeed(self, report: Report) -> None:
        """Give the report to the check, unless it was cancelled."""
        if self.set_running_or_notify_cancel():
            self.set_result(report)

    def fail(self, error: BaseException) -> None:
        """Give the exception to the check, unless it was cancelled or has its result."""
        if not self.done() and self.set_running_or_notify_cancel():
            self.set_exception(error)

    def _set_ended(self, _: Future[Report]) -> None:
        self._ended = True
        self._end.release()

    def _own(self, error: BatchError, whole: Plan) -> BatchError | None:
        positions = whole.row_index[self.row : self.row + self.plan.unique].tolist()
        own = [at for at, position in enumerate(positions) if error.start <= position < error.stop]
        return replace(error, start=own[0], stop=own[-1] + 1) if own else None


def _with_report(error: BaseException | None, report: Report | None) -> BaseException:
    """Return a copy of the run's exception for one check, because each has a report of its own."""
    if error is None:
        return LayercheckError("the shared run ended without a report")
    own = copy.copy(error)
    own.__cause__ = error.__cause__
    own.__dict__["report"] = report
    return own
