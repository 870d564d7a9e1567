"""`Cluster`: runs the tasks of an audit on a Dask cluster."""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Callable, Generator, Iterable
from typing import Any

from layercheck.errors import LayercheckError, RunCancelled
from layercheck.parts.drive import Task, lacks_layercheck
from layercheck.parts.window import Window
from layercheck.parts.worker_watch import WorkerWatch
from layercheck.shard.arguments import kind_of

_LOOK_S = 0.5
"""How often the driver looks whether the scheduler is there while it waits, seconds."""


class Cluster:
    """Runs tasks on a cluster: a window of futures, each released as soon as its result is here."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._stopped = threading.Event()
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._workers = WorkerWatch("the Dask cluster has no workers", "start some")

    @property
    def slots(self) -> int:
        """Threads of all workers."""
        return self._workers.slots(self._threads())

    def stop(self) -> None:
        """End the audit soon."""
        self._stopped.set()
        self._done.put(None)

    def run(self, tasks: Iterable[Task], at_once: int) -> Generator[tuple[Task, Any], None, None]:
        """See `layercheck.parts.drive.Engine`."""
        return self.run_lanes([tasks], at_once)

    def run_lanes(
        self, lanes: Iterable[Iterable[Task]], at_once: int
    ) -> Generator[tuple[Task, Any], None, None]:
        """See `layercheck.parts.drive.Engine`."""
        window = Window(lanes, at_once)
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._done = done
        under_way: dict[Any, tuple[int, Task]] = {}

        def begin() -> None:
            for lane, task in window.ready():
                future = self._begin(task)
                under_way[future] = lane, task
                future.add_done_callback(done.put)

        try:
            begin()
            while under_way:
                future = self._next(done)
                lane, task = under_way.pop(future)
                result = self._result(task, future)
                future.release()
                window.done(lane)
                begin()
                yield task, result
        finally:
            if under_way and self._client.status == "running":
                # A worker sees at once that its task was cancelled, and stops asking.
                self._client.cancel(list(under_way))

    def _begin(self, task: Task) -> Any:
        import dask

        self._check()
        call: tuple[Any, ...] = (task.function, *task.arguments)
        if task.asks:
            call = (_stoppable, *call)
        # Impure, because an answer of today is not one of yesterday. A failure is a fact that a second try
        # would only repeat, and the loss of a worker is tried again by Dask without `retries`.
        key = f"layercheck-{'ask' if task.asks else task.function.__name__}-{uuid.uuid4().hex}"
        if any(dask.is_dask_collection(each) for each in call):
            lazy = dask.delayed(call[0], pure=False)(*call[1:], dask_key_name=key)
            return self._client.compute(lazy, retries=0)
        return self._client.submit(*call, key=key, pure=False, retries=0)

    def _next(self, done: queue.SimpleQueue[Any]) -> Any:
        while True:
            self._check()
            try:
                future = done.get(timeout=_LOOK_S)
            except queue.Empty:
                self._workers.waited(self._threads)
                continue
            if future is not None:
                self._workers.answered()
                return future

    def _threads(self) -> int:
        return sum(self._client.nthreads().values())

    def _check(self) -> None:
        if self._stopped.is_set():
            raise RunCancelled("the audit was cancelled")
        if self._client.status != "running":
            raise LayercheckError(
                "the Dask scheduler was lost; connect another client and run the same again"
            )

    def _result(self, task: Task, future: Any) -> Any:
        import distributed

        if future.status == "cancelled":
            self._check()
            if "connection" in str(future.exception()):
                raise LayercheckError(
                    "the Dask scheduler was lost; connect another client and run the same again"
                )
            raise RunCancelled(f"{task.what} was cancelled on the cluster; run the same again to go on")
        try:
            return future.result()
        except (ImportError, RuntimeError) as error:
            raise lacks_layercheck(error) or error from None
        except distributed.scheduler.KilledWorker as error:
            raise LayercheckError(
                f"{task.what} ended its worker {error.allowed_failures + 1} times, for instance for lack of "
                "memory; see the log of the worker, and run the same again to go on"
            ) from error


def connected(client: Any) -> Any:
    """Return the given client, or the current one.

    Raises:
        LayercheckError: There is none.
        TypeError: It is an asynchronous one, or an address or a cluster.
    """
    import distributed

    if client is None:
        try:
            client = distributed.default_client()
        except ValueError:
            raise LayercheckError(
                "there is no Dask client; make one with distributed.Client(address), or pass client="
            ) from None
    if not isinstance(client, distributed.Client):
        if isinstance(client, str):
            raise TypeError("client is an address; pass distributed.Client(address)")
        advice = "expected a distributed.Client"
        if hasattr(client, "get_client"):  # a cluster of Dask
            advice = "pass its client: cluster.get_client()"
        raise TypeError(f"client is a {kind_of(client)}; {advice}")
    if client.asynchronous:
        raise TypeError("client is asynchronous; pass a client that was made without asynchronous=True")
    return client


def _stoppable(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a worker, and let it know when nobody waits for its result any more."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def stop() -> bool:
        # Another state than this follows at once when the client cancels, ends or is killed. It is looked up
        # in the worker's own memory.
        task = worker.state.tasks.get(key)
        return task is None or task.state != "executing"

    while True:
        outcome = function(*arguments, stop=stop)
        stopped = outcome.error is not None and outcome.error.kind == RunCancelled.__name__
        if not stopped or stop():
            return outcome
