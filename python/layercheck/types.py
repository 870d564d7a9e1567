"""Types that several modules share, importable at run time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from layercheck.inputs.adapters import DigestInput as DigestInput

Rate: TypeAlias = "float | Literal['quota', 'max'] | None"
"""Calls per second for one lane; None is half of the default quota."""

ErrorKind: TypeAlias = Literal[
    "throttled", "transient", "batch", "fatal", "cancelled", "timeout", "stalled", "answer"
]
"""Why digests have no answer or were refused: the class of the error, or the end of the run."""

Ending: TypeAlias = Literal[
    "running", "done", "cancelled", "timeout", "stalled", "fatal", "journal", "killed"
]
"""How a run ended.

`done`: all digests were asked. `cancelled`: the caller cancelled or interrupted it. `timeout`: its time limit
was reached. `stalled`: the service stopped answering. `fatal`: an error occurred that a retry cannot fix.
`journal`: the journal could not be written. A journal says `killed` of a run whose process ended first.
"""


@runtime_checkable
class EcrClient(Protocol):
    """The part of a boto3 `ecr` or `ecr-public` client that layercheck uses."""

    @property
    def meta(self) -> Any:
        """Botocore's client metadata: region, endpoint, config, service model."""

    @property  # a property, so that typed clients (boto3-stubs) with exact keywords match too
    def batch_check_layer_availability(self) -> Callable[..., Any]:
        """One call: at most 100 digests of one repository."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a plan is checked: registry, region and repository.

    Attributes:
        repository_name: Name of the repository, without registry host.
        registry_id: Account id or alias of the registry; None for the registry of the credentials.
        region_name: Region of the client, or None if it has none.
        endpoint_url: The endpoint in use.
        public: True for ECR Public.
    """

    repository_name: str
    registry_id: str | None = None
    region_name: str | None = None
    endpoint_url: str | None = None
    public: bool = False


@dataclass(frozen=True, slots=True)
class RunStats:
    """How a run went.

    Attributes:
        calls: Calls answered or failed, each counted once with all its retries.
        requests: Requests sent: first attempts and retries.
        retries: Requests beyond the first of each call.
        throttles: Requests that were throttled.
        halvings: How often a batch was split to find a rejected digest.
        foreign: Entries in answers for digests that were not asked.
        seconds: Wall-clock seconds from the first request to the last answer.
        rate: The pacer's rate at the end in calls per second; None without a limit.
        max_in_flight: Largest number of calls that were under way at once.
        transport: The transport in use: `plain`, `slim`, `wire` or `native`.
        ended: How the run ended.
        restored: Digests whose verdicts came from the journal, and which were not asked.
    """

    calls: int = 0
    requests: int = 0
    retries: int = 0
    throttles: int = 0
    halvings: int = 0
    foreign: int = 0
    seconds: float = 0.0
    rate: float | None = None
    max_in_flight: int = 0
    transport: str = "plain"
    ended: Ending = "running"
    restored: int = 0

    @property
    def calls_per_second(self) -> float:
        """Requests per wall-clock second; 0.0 without requests."""
        return self.requests / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class BatchError:
    """Why the digests of one call have no answer.

    Attributes:
        start: Index of the first digest in `plan.digests`.
        stop: One past the index of the last digest. A run that continues a journal asks scattered digests in
            one call; then the error concerns only some digests between `start` and `stop`.
        kind: Class of the error.
        code: Error code of the service, or name of the exception.
        message: What happened, for a person; it never holds a credential.
        attempts: How often the digests were asked.
    """

    start: int
    stop: int
    kind: ErrorKind
    code: str
    message: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Progress:
    """State of a run; the argument of the `progress` callback.

    Attributes:
        unique: Digests in the plan.
        settled: Digests with a verdict.
        counts: Number of digests (not rows) for each verdict so far.
        calls: Calls finished.
        requests: Requests sent.
        throttles: Requests throttled.
        in_flight: Calls under way.
        seconds: Seconds since the run started.
        rate: The pacer's current rate in calls per second; None without a limit.
        done: True in the last callback of the run.
        rows: Rows in the plan.
        rows_done: Rows with a verdict, invalid rows included. The number is exact without duplicates and at
            the end of the run; otherwise it is estimated from the share of settled digests.
        batches: Batches in the plan.
        batches_done: Batches in which every digest has its outcome. In a run that continues a journal, a
            batch that is known in part counts as done, and its other digests form batches of their own.
        seconds_left: Seconds to the end at the speed of the last ten seconds; None while it is unknown.
    """

    unique: int
    settled: int
    counts: dict[str, int]
    calls: int
    requests: int
    throttles: int
    in_flight: int
    seconds: float
    rate: float | None
    done: bool = False
    rows: int = 0
    rows_done: int = 0
    batches: int = 0
    batches_done: int = 0
    seconds_left: float | None = None

    @property
    def calls_per_second(self) -> float:
        """Requests per second so far; 0.0 before the first. `rate` is their upper limit."""
        return self.requests / self.seconds if self.seconds > 0 else 0.0


ProgressCallback: TypeAlias = Callable[[Progress], object]
"""A function that the run's thread calls a few times a second, and once at the end."""
