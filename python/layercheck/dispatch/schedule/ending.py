"""`RunEnding`: why a run ended, and what follows from it."""

from __future__ import annotations

import math

from layercheck.aws.classify import Failure, exception_for
from layercheck.aws.network_advice import advice
from layercheck.aws.network_settings import NetworkSettings
from layercheck.aws.settings_files import missing_files
from layercheck.dispatch.outcome import Cause
from layercheck.errors import (
    AccessDeniedError,
    CredentialsError,
    JournalError,
    LayercheckError,
    RepositoryNotFoundError,
)
from layercheck.redact import clean
from layercheck.types import Ending, Target

CLOCK_HINT = "set the clock of this machine"
"""What to do, whatever else is known, if the service refused the time of the signature."""


def hint(raises: type[LayercheckError], *, public: bool) -> str:
    """What to do about a fatal error, at the end of its message; the command line has its own advice.

    Args:
        raises: The class of the error.
        public: Whether the repository is in ECR Public, whose actions have another prefix.
    """
    if raises is RepositoryNotFoundError:
        return "; check the name, the region and, if it is another account's, registry_id"
    if raises is AccessDeniedError:
        service = "ecr-public" if public else "ecr"
        return f"; the action to allow is {service}:BatchCheckLayerAvailability"
    if raises is CredentialsError:
        return "; check the profile, environment or role that boto3 finds"
    return ""


class RunEnding:
    """Owns why one run ended. The first reason to stop is kept; later reasons change nothing.

    Every method needs the pool's lock.

    Attributes:
        ended: How the run ended; `running` until it stops.
        stopped_at: When the run stopped asking, seconds on the run's clock; None while it asks.
        cancel_requested: The caller cancelled the run, whatever ended it.
    """

    def __init__(
        self,
        target: Target,
        *,
        grace_s: float,
        timeout_grace_s: float,
        settings: NetworkSettings | None = None,
    ) -> None:
        self.ended: Ending = "running"
        self.stopped_at: float | None = None
        self.cancel_requested = False
        self._target = target
        self._settings = settings or NetworkSettings()
        self._grace_s = grace_s
        self._timeout_grace_s = timeout_grace_s
        self._why = ""
        self._fatal: LayercheckError | None = None
        self._crash: BaseException | None = None
        self._callback_error: BaseException | None = None

    # Reasons to stop.

    def cancel(self, now: float) -> None:
        """Stop because the caller wants no more answers."""
        self.cancel_requested = True
        self._stop(now, "cancelled")

    def leave(self) -> None:
        """Stop and wait for no call in flight: the second Ctrl-C."""
        self.cancel_requested = True
        self._stop(-math.inf, "cancelled")
        self.stopped_at = -math.inf

    def fail_callback(self, error: BaseException, now: float) -> None:
        """Stop because the progress callback raised."""
        self._callback_error = self._callback_error or error
        self._stop(now, "cancelled")

    def time_out(self, now: float, timeout_s: float) -> None:
        """Stop because the caller's time for the run is over."""
        if self.stopped_at is None:
            self._grace_s = self._timeout_grace_s
            self._why = f"the time of the run, {timeout_s:g} s, was up before an answer came"
            self._stop(now, "timeout")

    def stall(self, now: float, text: str) -> None:
        """Stop because the service answered before and does not answer any more."""
        if self.stopped_at is None:
            self._why = f"the run was getting nowhere: {text}"
            self._stop(now, "stalled")

    def fail(self, now: float, failure: Failure) -> None:
        """Stop because of an error that asking again cannot mend."""
        if self._fatal is None and self.ended in ("running", "fatal"):
            self._fatal = fatal_error(failure, self._target, self._settings)
        self._stop(now, "fatal")

    def fail_journal(self, now: float, error: JournalError) -> None:
        """Stop because the journal cannot be written: what is not in it would be asked again."""
        if self._fatal is None and self.ended == "running":
            self._fatal = error
        self._stop(now, "journal")

    def crash(self, now: float, error: BaseException) -> None:
        """Stop because the settling of an outcome failed, which only lack of memory or a bug can cause."""
        self._crash = self._crash or error
        self._stop(now, "fatal")

    # What follows.

    def waited_long_enough(self, now: float) -> bool:
        """Whether calls in flight have had their grace since the run stopped."""
        return self.stopped_at is not None and now - self.stopped_at >= self._grace_s

    def conclude(self) -> None:
        """Note that all digests were asked, if nothing else ended the run."""
        if self.ended == "running":
            self.ended = "done"

    def journal_not_written(self, error: JournalError | None) -> None:
        """Raise `error` with the result, unless the result raises something else."""
        if error is not None and self._fatal is None:
            self._fatal = error
            if self.ended == "done":
                self.ended = "journal"

    @property
    def is_fatal(self) -> bool:
        """Whether an error ended the run that says nothing about single digests."""
        return self._fatal is not None

    def cause_of_the_rest(self) -> Cause:
        """Return the cause for digests that were asked and have no outcome when the run ends."""
        error = self._fatal or self._crash
        if error is not None:
            return Cause("fatal", type(error).__name__, f"the run ended first: {error}")
        if self.ended == "timeout":
            return Cause("timeout", "RunTimeout", self._why)
        if self.ended == "stalled":
            return Cause("stalled", "RunStalled", self._why)
        return Cause("cancelled", "RunCancelled", "the run was cancelled before an answer came")

    def error(self) -> BaseException | None:
        """Return the exception that the run ends with, except for a cancelled run; None for a report."""
        return self._callback_error or self._crash or self._fatal

    def _stop(self, now: float, ended: Ending) -> None:
        if self.ended == "running":
            self.stopped_at = now
            self.ended = ended


def fatal_error(failure: Failure, target: Target, settings: NetworkSettings) -> LayercheckError:
    """Return the exception for a failure that ended a run; its message names the place and what to do."""
    where = f'repository "{target.repository_name}"'
    if target.registry_id:
        where += f" of registry {target.registry_id}"
    where += f" at {target.endpoint_url or target.region_name or 'the client given'}"
    text = failure.summary
    if failure.kind in ("transient", "throttled"):
        text = f"no usable answer at all; the last error was {text}"
    of_keys = failure.raises is CredentialsError and not failure.clock
    if of_keys and settings.profile and "profile" not in text:
        text = f"{text.rstrip('.')} (profile {clean(settings.profile, 100)!r})"
    if failure.code == "NoCredentialsError" and settings.metadata_off:
        off = "AWS_EC2_METADATA_DISABLED is set, so no role of an instance was asked for"
        text = f"{text.rstrip('.')}, and {off}"
    if missing := missing_files(failure.code):
        text = f"{text.rstrip('.')}{missing}"
    said = CLOCK_HINT if failure.clock else advice(failure, settings)
    if said:
        return exception_for(failure, f"{where}: {text.rstrip('.')}", said)
    return exception_for(failure, f"{where}: {text}{hint(failure.raises, public=target.public)}")
