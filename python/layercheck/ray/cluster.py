"""`Cluster`: runs the tasks of an audit on a Ray cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from typing import Any

from layercheck.errors import LayercheckError, RunCancelled
from layercheck.parts.drive import Task, lacks_layercheck
from layercheck.parts.window import Window
from layercheck.parts.worker_watch import WorkerWatch

_LOOK_S = 0.5
"""How often the driver looks whether the audit was cancelled while it waits, seconds."""
_TRIES = 3
"""How often a task is tried whose worker is lost."""


class Cluster:
    """Runs tasks in a window over `ray.wait`: those that ask in a pool of actors, the others as they are."""

    def __init__(self) -> None:
        import ray

        if not ray.is_initialized():
            raise LayercheckError(
                "Ray was not started; call ray.init() first, with the address of the cluster"
            )
        self._ray = ray
        self._stopped = threading.Event()
        # Without a CPU the run waits and says so: the first task makes a cluster grow that grows by itself.
        self._workers = WorkerWatch("the Ray cluster has no CPU for the run", "start a node with some")
        # Before the first result no CPU is held by this run, so a lack of free ones is a reason to wait.
        self._others_hold_all = self._free() < 1

    @property
    def slots(self) -> int:
        """Processors of the cluster."""
        return max(1, self._cpus())

    def stop(self) -> None:
        """End the audit soon."""
        self._stopped.set()

    def run(self, tasks: Iterable[Task], at_once: int) -> Generator[tuple[Task, Any], None, None]:
        """See `layercheck.parts.drive.Engine`."""
        return self._run(Window([tasks], at_once))

    def run_lanes(
        self, lanes: Iterable[Iterable[Task]], at_once: int
    ) -> Generator[tuple[Task, Any], None, None]:
        """See `layercheck.parts.drive.Engine`."""
        # An actor has a processor of its own, and one without would wait for it.
        return self._run(Window(lanes, at_once, in_all=self.slots))

    def _run(self, window: Window[Task]) -> Generator[tuple[Task, Any], None, None]:
        ray = self._ray
        # An actor is killed with what it does, and a killed one is started again, up to three times a task.
        # It has no arguments that Ray could lose (ray#53727).
        actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=_TRIES - 1)(_Asker)
        function = ray.remote(num_cpus=1, max_retries=_TRIES - 1)(_call)
        idle: list[Any] = []
        actors: list[Any] = []
        under_way: dict[Any, tuple[int, Task, Any]] = {}

        def begin() -> None:
            for lane, task in window.ready():
                if task.asks:
                    if not idle:
                        actors.append(actor.remote())
                        idle.append(actors[-1])
                    asker = idle.pop()
                    under_way[asker.call.remote(task.function, *task.arguments)] = lane, task, asker
                else:
                    under_way[function.remote(task.function, *task.arguments)] = lane, task, None

        try:
            begin()
            while under_way:
                reference = self._next(list(under_way))
                lane, task, asker = under_way.pop(reference)
                result = self._result(task, reference)
                if asker is not None:
                    idle.append(asker)
                window.done(lane)
                begin()
                yield task, result
        finally:
            for each in actors:
                ray.kill(each)
            for reference, (_, _, asker) in under_way.items():
                if asker is None:
                    ray.cancel(reference, force=True)

    def _next(self, references: list[Any]) -> Any:
        while True:
            if self._stopped.is_set():
                raise RunCancelled("the audit was cancelled")
            done, _ = self._ray.wait(references, num_returns=1, timeout=_LOOK_S)
            if done:
                self._others_hold_all = False
                return done[0]
            self._workers.waited(self._free if self._others_hold_all else self._cpus)

    def _cpus(self) -> int:
        return int(self._ray.cluster_resources().get("CPU", 0))

    def _free(self) -> int:
        return int(self._ray.available_resources().get("CPU", 0))

    def _result(self, task: Task, reference: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:
            # The exception as it was raised in the worker, without the colours and lines that Ray adds.
            cause = error.cause
            found = lacks_layercheck(error)
            raise found or (cause if isinstance(cause, Exception) else error) from None
        except (errors.RayActorError, errors.WorkerCrashedError, errors.OutOfMemoryError) as error:
            raise LayercheckError(
                f"{task.what} ended its worker {_TRIES} times, for instance for lack of memory; see the log "
                "of the worker, and run the same again to go on"
            ) from error


class _Asker:
    """An actor that calls functions."""

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in the worker."""
        return function(*arguments)


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)
