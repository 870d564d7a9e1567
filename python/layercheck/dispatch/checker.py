"""`Checker`: where digests are handed in, any number of times."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Self

from layercheck._core import Plan
from layercheck.aws import credentials
from layercheck.aws.client import open_client
from layercheck.aws.service_quotas import calls_per_second
from layercheck.dispatch.rate.lanes import LANES, key_of
from layercheck.dispatch.run import Deadline, Run
from layercheck.dispatch.schedule.execution import Execution
from layercheck.dispatch.schedule.workers import WorkerPool
from layercheck.dispatch.stream import Answer, stream
from layercheck.dispatch.transport import choose
from layercheck.dispatch.transport.selection import TransportName, check_name
from layercheck.display.callback import as_callback
from layercheck.errors import JournalError, LayercheckError
from layercheck.journal.options import Durability, JournalOptions, JournalPath
from layercheck.limits import Limits
from layercheck.planning import plan as make_plan
from layercheck.types import DigestInput, EcrClient, ProgressCallback, Rate, Target

if TYPE_CHECKING:
    from boto3 import Session
    from botocore.config import Config

    from layercheck.journal.writer import JournalWriter
    from layercheck.report import Report


class Checker:
    """Checks digests against one repository, as often as you like, from any thread.

    All runs of a checker share its client, its call slots and its rate. Use it as a context manager:
    leaving the block waits for the runs that were submitted, or cancels them if an exception leaves it.

    Retries have one owner each. A client made here makes one attempt per call; passing errors
    (connections, timeouts, 5xx, unreadable answers) and throttling are asked again by the run, with
    growing, jittered pauses during which no call slot is held. `retries` in a `config` of your own,
    or in a client of your own, comes on top.

    A client of your own is used and never modified. The length of its answers can then only be bounded
    by time; on a client made here, an answer longer than 1 MiB is a passing error. Neither may cross a
    fork: make the checker in the process that uses it.

    Args:
        repository_name: Name of the repository, without host, tag or digest.
        registry_id: The registry's account id as a str of 12 digits; for ECR Public an account id or
            alias. None: the registry of the credentials.
        public: ECR Public instead of private ECR. Without a region it is us-east-1.
        session: A `boto3.Session` to make the client from.
        client: A ready boto3 client (`ecr`, or `ecr-public` with `public=True`), in place of all others.
        region_name: AWS region; as boto3.
        profile_name: Named profile; as boto3.
        endpoint_url: Another endpoint; as boto3.
        config: A `botocore.config.Config`; what it sets wins over our settings.
        rate: Calls per second, shared by all Checkers of this process with the same account, region and
            endpoint: together they keep to the highest of their rates, and each to its own. None for half
            the service's default quota (500, public 100), a number, `"quota"` to ask Service Quotas for
            the account's, `"max"` for no limit until the service throttles. Throttling slows every rate
            down, and it recovers afterwards.
        max_in_flight: Calls at once; 32, or the client's `max_pool_connections` if that is smaller.
        transport: How calls are made: None for the fastest that changes nothing else, or `"plain"`,
            `"slim"`, `"wire"`, `"native"` (see `layercheck.dispatch.transport`). A client of your own
            always gets plain boto3 calls; sessions with event handlers of your own, proxies, client
            certificates and the like get the fastest transport that respects them.

    Raises:
        InvalidParameterError: Arguments that cannot be right; also a ValueError.
        TypeError: Arguments of the wrong type, an account id given as a number among them.
        CredentialsError: The profile does not exist.
        EndpointError: No region is set.

    Examples:
        >>> import layercheck as lc
        >>> with lc.Checker("team/app", region_name="eu-west-1") as checker:  # doctest: +SKIP
        ...     report = checker.check(["sha256:" + "ab" * 32])
        ...     report.counts["unavailable"]
        1
    """

    def __init__(
        self,
        repository_name: str,
        *,
        registry_id: str | None = None,
        public: bool = False,
        session: Session | None = None,
        client: EcrClient | None = None,
        region_name: str | None = None,
        profile_name: str | None = None,
        endpoint_url: str | None = None,
        config: Config | None = None,
        rate: Rate = None,
        max_in_flight: int | None = None,
        transport: TransportName | None = None,
        _limits: Limits | None = None,
    ) -> None:
        self._limits = _limits or Limits()
        check_name(transport)
        self._open = open_client(
            repository_name,
            registry_id,
            public=public,
            session=session,
            client=client,
            region_name=region_name,
            profile_name=profile_name,
            endpoint_url=endpoint_url,
            config=config,
            max_in_flight=max_in_flight,
            plain=transport == "plain",
            limits=self._limits,
        )
        try:
            self._transport = choose(
                self._open.client,
                repository_name,
                registry_id,
                wanted=transport,
                owned=self._open.owned,
                limits=self._limits,
            )
            number = calls_per_second(
                rate,
                service="ecr-public" if public else "ecr",
                session=self._open.session,
                region_name=self._open.target.region_name,
            )
        except BaseException:
            self._open.close()
            raise
        self._pacer = LANES.join(key_of(self._open.client, self._open.target), number)
        self._workers = WorkerPool(self._open.max_in_flight, self._pacer, idle_s=self._limits.idle_s)
        self._lock = threading.Lock()
        self._runs: set[Run] = set()
        # A run is done a moment before its thread is, so the threads are kept apart.
        self._run_threads: list[threading.Thread] = []
        self._closed = False

    @property
    def target(self) -> Target:
        """Where digests are checked."""
        return self._open.target

    @property
    def rate(self) -> float | None:
        """The present rate in calls per second; None while there is no limit."""
        return self._pacer.rate

    @property
    def max_in_flight(self) -> int:
        """The most calls at once."""
        return self._open.max_in_flight

    @property
    def transport(self) -> str:
        """How calls are made just now: `plain`, `slim`, `wire` or `native`."""
        return self._transport.name

    def __repr__(self) -> str:
        target = self.target
        where = target.endpoint_url or target.region_name
        return f"Checker({target.repository_name!r} at {where})"

    def check(
        self,
        digests: DigestInput | Plan,
        *,
        journal: JournalPath = None,
        progress: ProgressCallback | bool | None = None,
        timeout_s: float | None = None,
        max_age_s: float | None = None,
        durability: Durability = "normal",
    ) -> Report:
        """Check digests and wait for the report.

        Args:
            digests: What `layercheck.plan` takes, or a ready plan.
            journal: A file that makes the check safe to end at any instant: answers are written to it
                as they come in, and the same check with the same journal goes on where it was. Only
                what has no final verdict is asked. None: nothing is kept.
            progress: A function that is given a `Progress` a few times a second and once at the end,
                on the run's own thread; True for a bar: tqdm's in a notebook, if it is installed,
                rich's in a terminal.
            timeout_s: Seconds for all of it, planning included. When they are over nothing more is
                asked, calls under way get a second, and the report is what is known by then: the rest
                is `unanswered` or `not_checked`, and `report.stats.ended` is `"timeout"`.
            max_age_s: With a journal, ask again for verdicts older than so many seconds.
            durability: "full": what is in the journal survives a power cut too; each group of answers then
                waits for the disk. "normal": it survives the end of the process, however it ends.

        Returns:
            The report: exactly one verdict for every row. It is incomplete, and
            `report.stats.ended` is `"stalled"`, if the service stopped answering in mid-run.

        Raises:
            RepositoryNotFoundError, AccessDeniedError, InvalidParameterError, CredentialsError,
            EndpointError: A dead end; `report` on the exception holds what was known by then.
            RunCancelled: The checker was closed meanwhile; likewise.
            JournalError: The journal belongs to another check (another input, repository, account, region
                or endpoint; it is said which), is in use by another process, or cannot be read or
                written. If that happens in mid-run, nothing more is asked; `report` on the exception
                holds what was known by then.
            KeyboardInterrupt: Ctrl-C. Calls under way get up to 5 seconds (a second Ctrl-C leaves at
                once), and the exception has the report as its attribute `report`.
            Exception: What the progress callback raised, with the same attribute.
        """
        run = self.submit(
            digests,
            journal=journal,
            progress=progress,
            timeout_s=timeout_s,
            max_age_s=max_age_s,
            durability=durability,
        )
        try:
            run._wait()
        except BaseException as error:
            self._interrupted(run, error)
            raise
        return run.result()

    def submit(
        self,
        digests: DigestInput | Plan,
        *,
        journal: JournalPath = None,
        progress: ProgressCallback | bool | None = None,
        timeout_s: float | None = None,
        max_age_s: float | None = None,
        durability: Durability = "normal",
    ) -> Run:
        """Start a check and return at once, when the plan is made.

        Arguments as for `check`, which waits for the result.

        Returns:
            The run: a future of the report, that can also be asked for the report so far.

        Raises:
            JournalError: The journal does not fit, or cannot be opened.
            LayercheckError: The checker is closed.
        """
        kept = JournalOptions.of(journal, max_age_s, durability)
        callback = as_callback(progress)
        deadline = Deadline.of(timeout_s)
        self._check_open()
        plan = as_plan(digests)
        return self._submit_plan(plan, callback, deadline, self._writer(kept, plan))

    async def check_async(
        self,
        digests: DigestInput | Plan,
        *,
        journal: JournalPath = None,
        progress: ProgressCallback | bool | None = None,
        timeout_s: float | None = None,
        max_age_s: float | None = None,
        durability: Durability = "normal",
    ) -> Report:
        """`check` for asyncio: the plan is made in a thread, and nothing blocks the event loop.

        Cancelling the task cancels the run: the task is free at once, nothing more is asked, and calls
        under way end with their answers. Use `async with` for the checker, so that waiting for those does
        not block the loop. For the report of a cancelled run, use `submit` and `asyncio.wrap_future`. The
        progress callback is called on the run's own thread.

        Raises:
            asyncio.CancelledError: The task was cancelled.
            LayercheckError: As `check`.
        """
        import asyncio  # here, because most users of this module never need it

        kept = JournalOptions.of(journal, max_age_s, durability)
        callback = as_callback(progress)
        deadline = Deadline.of(timeout_s)
        self._check_open()
        plan = digests if isinstance(digests, Plan) else await asyncio.to_thread(as_plan, digests)
        writer = None if kept is None else await self._writer_in_thread(kept, plan)
        run = self._submit_plan(plan, callback, deadline, writer)
        try:
            return await asyncio.wrap_future(run)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if run.done() and task is not None and not task.cancelling():
                # Not this task but the run was cancelled, by `close` for one: that is an error to see.
                return run.result()
            run.cancel()
            raise

    def stream(self, digests: Iterable[str | bytes | None], *, block_rows: int = 10_000) -> Iterator[Answer]:
        """Check an iterable of any length in blocks; memory does not grow with it.

        Rows are read ahead by at most three blocks. Digests are deduplicated within a block, not
        between blocks. Closing the iterator, or leaving the loop, cancels what is under way.

        Args:
            digests: Rows of text, e.g. from a generator without an end.
            block_rows: Rows in one answer. A block is asked when it is full, or when the rows end.

        Yields:
            An `Answer` per block, in the order of the rows.

        Raises:
            LayercheckError: A dead end, as in `check`; its report is that of the block.
            KeyboardInterrupt: Ctrl-C; as with a dead end, the attribute `answers` has the blocks that were
                under way, with what is known of them.
            InvalidParameterError: `block_rows` is less than one.
            Exception: What the rows' own iterator raised, after the answers for the rows before it.
        """
        self._check_open()
        return stream(lambda rows: self.submit(rows), digests, block_rows=block_rows)

    def close(self, *, cancel: bool = False) -> None:
        """End: wait for the runs that were submitted, or cancel them, then let the connections go.

        Safe to call twice, and from any thread.
        """
        with self._lock:
            self._closed = True
            runs = list(self._runs)
        try:
            for run in runs:
                # A callback that closes its own Checker runs on the thread that would be waited for.
                if cancel or run._is_current_thread:
                    run.cancel()
            for run in runs:
                if not run._is_current_thread:
                    run._wait()
        except BaseException:
            for run in runs:
                run._leave()
            raise
        finally:
            with self._workers.lock:
                threads = self._workers.close()
            self._pacer.leave()
            for thread in (*self._run_threads, *threads):
                # A thread that is done with its last call has only to look up. One that was given up, and
                # still waits for the network, is not among these.
                if thread is not threading.current_thread():
                    thread.join(self._limits.grace_s)
            self._transport.close()
            self._open.close()

    def __enter__(self) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """As the plain `with`, but the event loop goes on while it waits for the runs to end."""
        import asyncio

        await asyncio.to_thread(self.close, cancel=kind is not None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(cancel=kind is not None)

    def _writer(self, kept: JournalOptions | None, plan: Plan) -> JournalWriter | None:
        """The journal, begun or taken over; None where none is kept."""
        if kept is None:
            return None
        from layercheck.journal.resume import begin  # here, because it loads SQLite

        account = None if self.target.registry_id else credentials.known_account(self._open.client)
        return begin(kept, plan, self.target, account)

    async def _writer_in_thread(self, kept: JournalOptions, plan: Plan) -> JournalWriter | None:
        """The same in a thread; a task that is cancelled meanwhile leaves no journal claimed."""
        import asyncio

        # No future of the loop's: the loop may end before the thread, and with it all its callbacks.
        beginning: Future[JournalWriter | None] = Future()
        beginning.set_running_or_notify_cancel()

        def begin() -> None:
            try:
                beginning.set_result(self._writer(kept, plan))
            except BaseException as error:  # noqa: BLE001 (it is raised where it is waited for)
                beginning.set_exception(error)

        asyncio.get_running_loop().run_in_executor(None, begin)
        try:
            return await asyncio.wrap_future(beginning)
        except asyncio.CancelledError:
            beginning.add_done_callback(_let_go)
            raise

    def _submit_plan(
        self,
        plan: Plan,
        callback: ProgressCallback | None,
        deadline: Deadline,
        writer: JournalWriter | None,
    ) -> Run:
        try:
            run = self._run(plan, callback, deadline, writer)
        except BaseException:
            if writer is not None:
                writer.finish()
            raise
        run._start()
        with self._lock:
            self._run_threads = [each for each in (*self._run_threads, run._thread) if each.is_alive()]
        return run

    def _run(
        self,
        plan: Plan,
        callback: ProgressCallback | None,
        deadline: Deadline,
        writer: JournalWriter | None,
    ) -> Run:
        """Not yet started."""
        drive = Execution(
            plan,
            self._transport,
            self._workers,
            self._pacer,
            self.max_in_flight,
            self.target,
            self._limits,
            renewable=credentials.can_be_renewed(self._open.client),
            writer=writer,
        )
        run = Run(plan, drive, self._workers, self.target, self._limits, callback, deadline)
        with self._lock:
            if self._closed:
                raise LayercheckError("this Checker is closed")
            self._runs.add(run)
        run.add_done_callback(self._forget)
        return run

    def _forget(self, run: Future[Report]) -> None:
        with self._lock:
            self._runs.discard(run)

    def _check_open(self) -> None:
        if self._closed:
            raise LayercheckError("this Checker is closed")

    def _interrupted(self, run: Run, error: BaseException) -> None:
        """Ctrl-C, or another exception in the waiting thread: keep what is known, and hang it on it."""
        try:
            run.cancel()
            run._wait(self._limits.grace_s + 1.0)
        except BaseException as again:
            run._leave()
            run._wait(1.0)  # the run's thread writes down what was under way
            again.__dict__["report"] = run.report()
            raise
        error.__dict__["report"] = run.report()
        if run.done() and isinstance(run.exception(), JournalError):
            error.add_note(str(run.exception()))


def as_plan(digests: DigestInput | Plan) -> Plan:
    """A ready plan as it is; anything else is planned."""
    return digests if isinstance(digests, Plan) else make_plan(digests)


def _let_go(beginning: Future[JournalWriter | None]) -> None:
    """Nobody waits for this journal any more."""
    if beginning.exception() is None:
        writer = beginning.result()
        if writer is not None:
            writer.finish()
