"""`Checker`: checks digests against one repository, any number of times."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from layercheck._core import Ledger, Plan
from layercheck.dispatch.coalescing import Coalescer, Part
from layercheck.dispatch.connection import Connection
from layercheck.dispatch.journal_opening import open_journal, open_journal_async
from layercheck.dispatch.run import Run
from layercheck.dispatch.run_registry import RunRegistry
from layercheck.dispatch.schedule.deadline import Deadline
from layercheck.dispatch.schedule.execution import Execution
from layercheck.dispatch.stream import Answer, stream
from layercheck.dispatch.transport.selection import TransportName
from layercheck.display.callback import as_callback
from layercheck.errors import InvalidParameterError, JournalError
from layercheck.journal.options import Durability, JournalOptions, JournalPath
from layercheck.limits import Limits
from layercheck.planning import plan as make_plan
from layercheck.repository import refuse_pattern
from layercheck.types import DigestInput, EcrClient, ProgressCallback, Rate, RunStats, Target

if TYPE_CHECKING:
    from boto3 import Session
    from botocore.config import Config

    from layercheck.journal.writer import JournalWriter
    from layercheck.report import Report

_FEW = 1_000
"""Rows of a list that are planned on the event loop itself, which takes less than a millisecond."""


class Checker:
    """Checks digests against one repository, as often as you like, from any thread.

    All runs of a checker share its client, its call slots and its rate. Use it as a context manager: leaving
    the block waits for the runs that were submitted, or cancels them if an exception leaves the block.

    Each kind of retry has one owner. A client that the checker makes sends one request per call. The run
    repeats requests after transient errors (connections, timeouts, 5xx, unreadable answers) and throttling,
    with growing, jittered delays during which it holds no call slot. `retries` in your own `config` or client
    come on top.

    The checker uses your own client and never modifies it. It can then limit the length of an answer only by
    time; on a client that the checker makes, an answer longer than 1 MiB is a transient error. A checker must
    not cross a fork: make one in each process that uses it. In a forked child, its methods and those of its
    runs raise `LayercheckError` at once, and `close` does nothing. The parent's runs go on.

    Args:
        repository_name: Name, image URI or ARN of the repository. A URI or an ARN also sets `registry_id`,
            `region_name` and `public`, which then need not be given. A tag or digest in it is ignored.
        registry_id: The registry's account id as a str of 12 digits; for ECR Public an account id or
            alias. None: the registry of the credentials.
        public: ECR Public instead of private ECR. Without a region it is us-east-1.
        session: A `boto3.Session` to make the client from.
        client: A ready boto3 client (`ecr`, or `ecr-public` with `public=True`), in place of all others.
        region_name: AWS region; as boto3.
        profile_name: Named profile; as boto3.
        endpoint_url: Another endpoint; as boto3.
        config: A `botocore.config.Config`; what it sets wins over layercheck's settings.
        rate: Calls per second, shared by all Checkers of this process with the same account, region and
            endpoint: together they keep to the highest of their rates, and each to its own. None is half the
            service's default quota (500, public 100); `"quota"` asks Service Quotas for the account's quota;
            `"max"` sets no limit until the service throttles. Throttling lowers every rate, and the rate
            recovers afterwards.
        max_in_flight: Calls at once; 32, or the client's `max_pool_connections` if that is smaller.
        transport: How calls are made: None for the fastest that changes nothing else, or `"plain"`, `"slim"`,
            `"wire"`, `"native"` (see `layercheck.dispatch.transport`). Your own client always gets plain
            boto3 calls. Sessions with your own event handlers, proxies, client certificates and the like get
            the fastest transport that respects them.
        coalesce_s: Longest time in seconds, for instance 0.005, that a `check` or `check_async` of fewer than
            100 digests waits for others, so that many small checks at once share calls of 100 digests. The
            `stats` of their reports are those of the shared run. Checks with a journal, progress or a time
            limit run alone. None: every check runs alone.

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
        coalesce_s: float | None = None,
        _limits: Limits | None = None,
    ) -> None:
        refuse_pattern(repository_name)
        self._limits = _limits or Limits()
        self._registry = RunRegistry()
        self._coalescer = self._coalescing(coalesce_s)
        self._connection = Connection(
            repository_name,
            registry_id,
            public=public,
            session=session,
            client=client,
            region_name=region_name,
            profile_name=profile_name,
            endpoint_url=endpoint_url,
            config=config,
            rate=rate,
            max_in_flight=max_in_flight,
            transport=transport,
            limits=self._limits,
        )

    @classmethod
    def _over(cls, connection: Connection, limits: Limits) -> Self:
        """Return a checker over a connection that others use too, and that closes without it."""
        checker = cls.__new__(cls)
        checker._limits = limits
        checker._registry = RunRegistry()
        checker._coalescer = None
        checker._connection = connection
        return checker

    @property
    def target(self) -> Target:
        """Where the checker looks for digests."""
        return self._connection.target

    @property
    def rate(self) -> float | None:
        """The present rate in calls per second; None while there is no limit.

        Raises:
            LayercheckError: The checker was made in another process, before a fork.
        """
        self._registry.process.check()
        return self._connection.rate.rate

    @property
    def max_in_flight(self) -> int:
        """The most calls at once."""
        return self._connection.max_in_flight

    @property
    def transport(self) -> str:
        """The transport used just now: `plain`, `slim`, `wire` or `native`."""
        return self._connection.transport.name

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
        raw: bool = False,
    ) -> Report:
        """Check digests and wait for the report.

        Args:
            digests: What `layercheck.plan` takes, or a ready plan.
            journal: A file that makes it safe to end the check at any instant. The run writes answers to it
                as they come in. The same check with the same journal goes on from there, and asks only about
                digests without a final verdict. None: nothing is kept.
            progress: A function that takes a `Progress`, called a few times a second and once at the end, on
                the run's own thread. True shows a bar in a notebook and on a
                terminal, and elsewhere writes a line to standard error every 30 seconds.
            timeout_s: Most seconds in all, planning included. After that the run asks nothing more, and calls
                in flight get a second. The report then holds what is known: the rest is `unanswered` or
                `not_checked`, and `report.stats.ended` is `"timeout"`.
            max_age_s: With a journal, ask again about verdicts older than so many seconds.
            durability: "full": the journal survives a power cut too; each group of answers then waits for the
                disk. "normal": it survives the end of the process, however it ends.
            raw: Bytes are raw digests, as for `layercheck.plan`.

        Returns:
            The report: exactly one verdict for every row. If the service stopped answering in mid-run, the
            report is incomplete and `report.stats.ended` is `"stalled"`.

        Raises:
            RepositoryNotFoundError, AccessDeniedError, InvalidParameterError, CredentialsError,
            EndpointError: A fatal error; `report` on the exception holds what was known by then.
            RunCancelled: The checker was closed meanwhile; likewise.
            JournalError: The journal belongs to another check (another input, repository, account, region or
                endpoint; the message says which), another process uses it, or it cannot be read or written.
                If that happens in mid-run, the run asks nothing more; `report` on the exception holds what
                was known by then.
            KeyboardInterrupt: Ctrl-C. Calls in flight get up to 5 seconds (a second Ctrl-C leaves at once),
                and the exception has the report as its attribute `report`.
            Exception: What the progress callback raised, with the same attribute.
        """
        if self._coalescer is not None and not (journal or progress or timeout_s or max_age_s):
            # An argument that cannot be right is refused as for a check that runs alone.
            _refuse_wrong(journal, progress, timeout_s, max_age_s, durability)
            digests, raw = as_plan(digests, raw=raw), False
            if self._coalescer.takes(digests):
                return self._check_together(self._coalescer, digests)
        run: Run | None = None
        try:
            # Ctrl-C may arrive at any point, so the start stands inside.
            run = self._prepare(digests, journal, progress, timeout_s, max_age_s, durability, raw)
            self._registry.start(run)
            run._wait()
        except BaseException as error:
            if run is not None:
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
        raw: bool = False,
    ) -> Run:
        """Start a check and return as soon as the plan is made.

        The arguments are those of `check`, which waits for the result.

        Returns:
            The run: a future of the report, which also gives the report so far.

        Raises:
            JournalError: The journal does not fit, or cannot be opened.
            LayercheckError: The checker is closed.
        """
        run = self._prepare(digests, journal, progress, timeout_s, max_age_s, durability, raw)
        self._registry.start(run)
        return run

    async def check_async(
        self,
        digests: DigestInput | Plan,
        *,
        journal: JournalPath = None,
        progress: ProgressCallback | bool | None = None,
        timeout_s: float | None = None,
        max_age_s: float | None = None,
        durability: Durability = "normal",
        raw: bool = False,
    ) -> Report:
        """Check digests without blocking the event loop; a thread makes the plan.

        Cancelling the task cancels the run: the task ends at once, the run asks nothing more, and calls in
        flight end with their answers. Use `async with` for the checker, so that waiting for these does not
        block the loop. For the report of a cancelled run, use `submit` and `asyncio.wrap_future`. The run's
        own thread calls the progress callback.

        Raises:
            asyncio.CancelledError: The task was cancelled.
            LayercheckError: As `check`.
        """
        import asyncio  # here, because most users never need it

        options = JournalOptions.of(journal, max_age_s, durability)
        callback = as_callback(progress)
        deadline = Deadline.of(timeout_s)
        self._registry.check_open()
        if isinstance(digests, Plan) or (isinstance(digests, list | tuple) and len(digests) <= _FEW):
            plan = as_plan(digests, raw=raw)  # sooner done than handed to a thread
        else:
            plan = await asyncio.to_thread(as_plan, digests, raw=raw)
        alone = journal or progress or timeout_s or max_age_s
        if self._coalescer is not None and not alone and self._coalescer.takes(plan):
            return await asyncio.wrap_future(self._coalescer.add(plan))
        writer = await open_journal_async(options, plan, self._connection)
        run = self._run(plan, callback, deadline, writer)
        self._registry.start(run)
        return await _result_of(run)

    def stream(
        self, digests: Iterable[str | bytes | None], *, block_rows: int = 10_000, raw: bool = False
    ) -> Iterator[Answer]:
        """Check an iterable of any length in blocks, in memory that does not grow with it.

        The checker reads ahead by at most three blocks, and deduplicates digests within a block, not between
        blocks. Closing the iterator, or leaving the loop, cancels the calls in flight.

        Args:
            digests: Rows of text, for instance from an endless generator.
            block_rows: Rows in one answer. The checker asks a block when it is full, or when the rows end.
            raw: Bytes are raw digests, as for `layercheck.plan`.

        Yields:
            An `Answer` per block, in the order of the rows.

        Raises:
            LayercheckError: A fatal error, as in `check`; its report is that of the block.
            KeyboardInterrupt: Ctrl-C. As with a fatal error, the attribute `answers` has the blocks in
                flight, with what is known of them.
            InvalidParameterError: `block_rows` is less than one.
            Exception: What the rows' own iterator raised, after the answers for the rows before it.
        """
        self._registry.check_open()
        return stream(lambda rows: self.submit(rows, raw=raw), digests, block_rows=block_rows)

    def stream_async(
        self,
        digests: Iterable[str | bytes | None] | AsyncIterable[str | bytes | None],
        *,
        block_rows: int = 10_000,
        raw: bool = False,
    ) -> AsyncIterator[Answer]:
        """Check an iterable or an asynchronous iterable in blocks, without blocking the event loop.

        As `stream`, which it equals in all else: a thread takes the rows of a plain iterable and plans them.
        If the task is cancelled, or the loop over the answers is left and the iterator closed, the calls in
        flight are cancelled. Use `contextlib.aclosing` to close it at once.

        Args:
            digests: Rows of text, for instance from an asynchronous generator over a message queue.
            block_rows: Rows in one answer. The checker asks a block when it is full, or when the rows end.
            raw: Bytes are raw digests, as for `layercheck.plan`.

        Yields:
            An `Answer` per block, in the order of the rows.

        Raises:
            LayercheckError: A fatal error, as in `check`; its report is that of the block, and its attribute
                `answers` has the blocks in flight.
            InvalidParameterError: `block_rows` is less than one.
            Exception: What the rows' own iterator raised, after the answers for the rows before it.

        Examples:
            >>> import asyncio, layercheck as lc
            >>> from layercheck.testing import LocalEcr
            >>> async def count(rows):
            ...     with LocalEcr({"app": ["sha256:" + "aa" * 32]}) as ecr:
            ...         async with lc.Checker("app", client=ecr.client()) as checker:
            ...             return [a.counts["available"] async for a in checker.stream_async(rows)]
            >>> asyncio.run(count(["aa" * 32, "bb" * 32, "junk"]))
            [1]
        """
        from layercheck.dispatch.stream_async import stream_async  # here, because it imports asyncio

        self._registry.check_open()
        return stream_async(lambda rows: self.submit(rows, raw=raw), digests, block_rows=block_rows)

    def close(self, *, cancel: bool = False) -> None:
        """Wait for the runs that were submitted, or cancel them, then close the connections.

        Safe to call twice, and from any thread.
        """
        if self._registry.process.is_another:
            return  # the connections belong to the parent process, and its threads are not here
        try:
            if self._coalescer is not None:
                self._coalescer.close()
            self._registry.close(cancel=cancel)
        except BaseException:
            for run in self._registry.runs:
                run._leave()
            raise
        finally:
            self._connection.close(self._registry.threads)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Checker holds connections and threads, so it cannot be pickled or copied; make one in each "
            "process, from the same arguments"
        )

    def __enter__(self) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the checker in a thread, so that the event loop goes on meanwhile."""
        import asyncio

        try:
            await asyncio.to_thread(self.close, cancel=kind is not None)
        except RuntimeError:  # the system starts no more threads
            self.close(cancel=kind is not None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.close(cancel=kind is not None)
        except MemoryError:
            # The exception of the block counts, because it may hold the report.
            if error is None:
                raise

    def _prepare(
        self,
        digests: DigestInput | Plan,
        journal: JournalPath,
        progress: ProgressCallback | bool | None,
        timeout_s: float | None,
        max_age_s: float | None,
        durability: Durability,
        raw: bool,
    ) -> Run:
        """Return a run that is not started yet."""
        options = JournalOptions.of(journal, max_age_s, durability)
        callback = as_callback(progress)
        deadline = Deadline.of(timeout_s)
        self._registry.check_open()
        plan = as_plan(digests, raw=raw)
        return self._run(plan, callback, deadline, open_journal(options, plan, self._connection))

    def _run(
        self, plan: Plan, callback: ProgressCallback | None, deadline: Deadline, writer: JournalWriter | None
    ) -> Run:
        connection = self._connection
        try:
            execution = Execution(
                plan,
                connection.transport,
                connection.pool,
                connection.rate,
                connection.target,
                self._limits,
                renewable=connection.renewable,
                writer=writer,
                settings=connection.settings,
            )
            run = Run(plan, execution, connection.pool, connection.target, self._limits, callback, deadline)
        except BaseException:
            if writer is not None:
                writer.finish()
            raise
        return run

    def _coalescing(self, coalesce_s: float | None) -> Coalescer | None:
        if coalesce_s is None:
            return None
        given: object = coalesce_s
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= 1:
            raise InvalidParameterError(
                f"coalesce_s is {coalesce_s!r}; expected seconds above 0 and at most 1, for instance 0.005"
            )

        def start(plan: Plan) -> Run:
            run = self._run(plan, None, Deadline(), None)
            self._registry.start(run)
            return run

        return Coalescer(start, wait_s=coalesce_s, idle_s=self._limits.idle_s)

    def _check_together(self, coalescer: Coalescer, plan: Plan) -> Report:
        self._registry.check_open()
        part = coalescer.add(plan)
        try:
            part.wait()
        except BaseException as error:  # Ctrl-C
            self._leave_shared(part, error)
            raise
        return part.result()

    def _leave_shared(self, part: Part, error: BaseException) -> None:
        """Set what is known as `report` on an exception in the thread that waits for a shared check."""
        try:
            part.leave(self._limits.grace_s + 1.0)
        except BaseException as again:  # a second Ctrl-C
            self._put_part(part, again)
            raise
        self._put_part(part, error)

    def _put_part(self, part: Part, error: BaseException) -> None:
        with contextlib.suppress(MemoryError):
            error.__dict__["report"] = part.report() or self._unasked(part.plan)

    def _unasked(self, plan: Plan) -> Report:
        from layercheck.report import Report

        return Report(Ledger(plan).columns(), target=self.target, stats=RunStats(), cancelled=True)

    def _interrupted(self, run: Run, error: BaseException) -> None:
        """Set what is known as `report` on an exception in the waiting thread, such as Ctrl-C."""
        try:
            run._end_unless_started(error)
            run.cancel()
            run._wait(self._limits.grace_s + 1.0)
        except BaseException as again:
            run._leave()
            run._wait(1.0)  # the run's thread settles the calls in flight
            _put_report(again, run)
            raise
        _put_report(error, run)
        if run.done() and isinstance(run.exception(), JournalError):
            error.add_note(str(run.exception()))


async def _result_of(run: Run) -> Report:
    """Wait for a run in the event loop; cancel it if the task is cancelled."""
    import asyncio

    try:
        return await asyncio.wrap_future(run)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if run.done() and task is not None and not task.cancelling():
            # Not this task but the run was cancelled, for instance by `close`: the caller must see that.
            return run.result()
        run.cancel()
        raise


def _refuse_wrong(
    journal: JournalPath,
    progress: ProgressCallback | bool | None,
    timeout_s: float | None,
    max_age_s: float | None,
    durability: Durability,
) -> None:
    JournalOptions.of(journal, max_age_s, durability)
    as_callback(progress)
    Deadline.of(timeout_s)


def _put_report(error: BaseException, run: Run) -> None:
    """Set what is known as `report`; without memory for a copy of a run that goes on, the error counts."""
    with contextlib.suppress(MemoryError):
        error.__dict__["report"] = run.report()


def as_plan(digests: DigestInput | Plan, *, raw: bool = False) -> Plan:
    """Return a ready plan as it is; plan anything else."""
    if not isinstance(digests, Plan):
        return make_plan(digests, raw=raw)
    if raw:
        raise InvalidParameterError(
            "raw=True is for digests, and this is a plan already: pass raw=True to plan"
        )
    return digests
