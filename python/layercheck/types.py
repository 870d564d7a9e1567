"""Small types that cross module borders, importable at run time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from layercheck.inputs.adapters import DigestInput as DigestInput

Rate: TypeAlias = "float | Literal['quota', 'max'] | None"
"""Calls per second for one lane: None is half the default quota."""

ErrorKind: TypeAlias = Literal[
    "throttled", "transient", "batch", "fatal", "cancelled", "timeout", "stalled", "answer"
]
"""Why digests stayed without an answer, or were refused: the class of the error, or the end of the run."""

Ending: TypeAlias = Literal[
    "running", "done", "cancelled", "timeout", "stalled", "fatal", "journal", "killed"
]
"""How a run ended: all was asked; it was cancelled or interrupted; its time was up; answers had come, and
then none came any more; there was an error that asking again does not mend; or the journal could not be
written. Of a run whose process ended before it, a journal says `killed`."""


@runtime_checkable
class EcrClient(Protocol):
    """The part of a boto3 `ecr` or `ecr-public` client that layercheck uses."""

    @property
    def meta(self) -> Any:
        """Botocore's client metadata: region, endpoint, config, service model."""

    @property  # a property, so that typed clients (boto3-stubs) with their exact keywords fit too
    def batch_check_layer_availability(self) -> Callable[..., Any]:
        """One call: at most 100 digests of one repository."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a plan is checked: registry x region x repository.

    Attributes:
        repository_name: Repository, without registry host.
        registry_id: The registry asked for, or None for the caller's own.
        region_name: Region of the client, or None if it has none.
        endpoint_url: The endpoint really used.
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
        calls: Calls answered or failed, each counted once however often it was asked again.
        requests: Times a call was put to the client, first tries and repeats.
        retries: Requests beyond the first of each call.
        throttles: Requests that were throttled.
        halvings: Times a batch was halved to find the digest at fault.
        foreign: Entries in answers for digests that were not asked.
        seconds: Wall-clock seconds from the first request to the last answer.
        rate: The pacer's rate at the end, calls per second; None without a limit.
        max_in_flight: The most calls that were under way at once.
        transport: How calls were made: `plain`, `slim`, `wire` or `native`.
        ended: How it ended.
        restored: Digests whose verdicts a journal knew from before; they were not asked.
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
        """Requests per wall-clock second; 0.0 before the first."""
        return self.requests / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class BatchError:
    """What went wrong with one call's digests.

    Attributes:
        start: First digest concerned: an index into `plan.digests`.
        stop: One past the last digest concerned. When a run goes on with a journal, what was left open here
            and there is asked together: then only some digests between these two are concerned.
        kind: Which class of error it was.
        code: The service's error code, or the name of the exception.
        message: What happened, for a person; never holds a credential.
        attempts: How often these digests were asked.
    """

    start: int
    stop: int
    kind: ErrorKind
    code: str
    message: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands; handed to the `progress` callback.

    Attributes:
        unique: Digests in the plan.
        settled: Digests that have their verdict.
        counts: Verdict word to digests (not rows) so far.
        calls: Calls finished.
        requests: Requests sent.
        throttles: Requests throttled.
        in_flight: Calls under way.
        seconds: Seconds since the run started.
        rate: The pacer's present rate in calls per second; None without a limit.
        done: True in the last call of the callback.
        rows: Rows in the plan.
        rows_done: Rows that have their verdict, invalid ones included. While some digests still wait and
            others have several rows, it is a proportion; without duplicates, and when all is settled, exact.
        batches: Batches in the plan.
        batches_done: Batches of which every digest has its outcome. When a run goes on with a journal,
            batches of which a part is known count as done, and what is left of them as batches of its own.
        seconds_left: Seconds to the end at the speed of the last ten; None while that cannot be told.
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
        """Requests per second so far; 0.0 before the first. `rate` is what they may become."""
        return self.requests / self.seconds if self.seconds > 0 else 0.0


ProgressCallback: TypeAlias = Callable[[Progress], object]
"""Called on the run's own thread a few times a second, and once at the end."""
