"""`RepositoryCheck`: checks the images of one repository, from its listing to the verdicts."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from layercheck._core import ImageGraph
from layercheck.aws.classify import Failure
from layercheck.dispatch.single_calls import CallFailed
from layercheck.errors import (
    AccessDeniedError,
    EndpointError,
    InvalidParameterError,
    LayercheckError,
    RepositoryNotFoundError,
    RunCancelled,
)
from layercheck.images.admission import Admission
from layercheck.images.failures import as_error, no_such_images
from layercheck.images.image_progress import ProgressCounter
from layercheck.images.listing import ListedPages, Listing, list_images
from layercheck.images.looking_up import is_about, look_up, look_up_children
from layercheck.images.manifest_store import ManifestStore
from layercheck.images.pull_through import RulesUnderWay
from layercheck.images.pull_time import PullTimeGuard
from layercheck.images.reading import ManifestReader
from layercheck.images.registry_connection import RegistryConnection
from layercheck.images.repositories import FoundRepository
from layercheck.images.repository_report import RepositoryReport, State
from layercheck.images.second_look import SecondWitness, Suspects, look_again
from layercheck.images.selection import Selection
from layercheck.images.stopping import CheckStopped, StopSignal
from layercheck.verdict import ImageVerdict

if TYPE_CHECKING:
    from layercheck._core import Plan
    from layercheck.dispatch import Checker
    from layercheck.report import Report
    from layercheck.types import ProgressCallback

_SLICE_S = 0.1
_BLOBS_GRACE_S = 3.0
"""How long blobs under way are waited for after the end, seconds: shorter than a run waits for its
repositories, so that it learns what was answered."""
_RECENT_S = 86_400.0
_LEVELS = 1_000
"""How often images are added that indexes among the chosen ones need, each time those of one level more."""


@dataclass(frozen=True, slots=True)
class CheckParts:
    """What the checks of all repositories of one run share.

    Attributes:
        connection: Client and lanes.
        selection: Which images are checked.
        platforms: Platforms of an index that must be whole; empty for all.
        store: Manifests of earlier checks; None for none.
        guard: Looks at the pull times before the first manifest is read.
        rules: Which repositories are pull-through caches.
        witness: Confirms missing blobs; None to confirm nothing.
        admission: Bounds the images under way.
        progress: Counts what is done.
        stop: Ends everything.
    """

    connection: RegistryConnection
    selection: Selection
    platforms: tuple[str, ...]
    store: ManifestStore | None
    guard: PullTimeGuard
    rules: RulesUnderWay
    witness: SecondWitness | None
    admission: Admission
    progress: ProgressCounter
    stop: StopSignal


class RepositoryCheck:
    """Lists, reads, checks the blobs, looks again, and judges.

    Args:
        found: The repository.
        parts: What all repositories share.
    """

    def __init__(self, found: FoundRepository, parts: CheckParts) -> None:
        self._found = found
        self._parts = parts
        self._operations = parts.connection.operations.counted()
        self._graph = ImageGraph(platforms=parts.platforms)
        self._listing = Listing(complete=False)
        # All images of the repository, while some of them are checked.
        self._listed: ListedPages | None = None
        self._blobs: Report | None = None
        # Nobody may take back verdicts between a judgement and the questions that follow from it.
        self._judging = threading.Lock()
        self._was_cut = False
        self._final: RepositoryReport | None = None
        self._notes: list[str] = []
        self._state: State = "partial"
        self._error: LayercheckError | None = None
        # Why images that are named have no verdict.
        self._lacks: tuple[str, str] | None = None
        self._described = ("", "")
        self._requests = self._throttles = 0
        self._began_at = time.monotonic()
        self._reader = ManifestReader(
            self._operations,
            parts.connection.threads,
            parts.store,
            before_reading=lambda images: parts.guard.before_reading(images, parts.stop),
            on_read=parts.progress.read,
        )

    def __call__(self) -> RepositoryReport:
        """Do it all; whatever fails, what is known is in the report.

        Raises:
            LayercheckError: An error that concerns every repository: credentials, endpoint, pull times.
            CallFailed: Likewise.
        """
        try:
            self._check()
            self._state = "done"
            if self._lacks is not None:
                # Not an error of the check, because the other images have their verdicts.
                self._state, self._described = "failed", self._lacks
        except CheckStopped:
            self._described = "Stopped", "the check ended first"
        except (CallFailed, LayercheckError) as error:
            state = self._state_of(error)
            self._described = _described(error)
            if state == "gone":
                self._all_gone()
            else:
                self._error = self._as_error(error)
                self._state = state
        if self._parts.connection.target.registry_id is None and len(self._operations.accounts) > 1:
            self._notes.append(
                f"{self._found.name}: the answers name several accounts as its registry, so account_id is "
                "empty in the tables; name the account with registry_id"
            )
        return self.so_far()

    def so_far(self, *, final: bool = False) -> RepositoryReport:
        """Return what is known at this moment: images that are not judged yet are not checked.

        Args:
            final: The run ends although this check goes on, because a call hangs. Its answer changes nothing
                any more, and every later report is this one.
        """
        if self._final is None:
            report = self._now(sealed=final)
            if not final:
                return report
            self._final = report
        return self._final

    def _now(self, *, sealed: bool) -> RepositoryReport:
        connection = self._parts.connection
        account_id = connection.target.registry_id or self._operations.account_id
        if account_id is None and not self._operations.accounts:
            account_id = connection.account_id
        with self._judging:
            state, listing, blobs = self._state, self._listing, self._blobs
            (code, reason), notes = self._described, tuple(self._notes)
            if state not in ("done", "gone"):
                # Images all of whose parts have answers keep their verdicts. What was denied only once counts
                # as not checked, until the next judgement.
                self._judge()
                self._graph.not_checked(sealed=sealed)
                self._was_cut = True
            elif self._was_cut:
                self._judge()
                self._was_cut = False
        return RepositoryReport(
            self._graph,
            account_id=account_id,
            region_name=connection.target.region_name,
            repository_name=self._found.name,
            state=state,
            listing=listing,
            blobs=blobs,
            pull_through=self._parts.rules.applies_to(self._found.name),
            encryption=self._found.encryption,
            calls=sum(self.calls.values()),
            seconds=time.monotonic() - self._began_at,
            code=code,
            reason=reason,
            notes=notes,
            error=self._error,
        )

    @property
    def calls(self) -> Counter[str]:
        """Requests sent, by operation."""
        return self._operations.calls + Counter(BatchCheckLayerAvailability=self._requests)

    @property
    def throttles(self) -> Counter[str]:
        """Requests that the service throttled, by operation."""
        return self._operations.throttles + Counter(BatchCheckLayerAvailability=self._throttles)

    @property
    def manifests_known(self) -> int:
        """Manifests that the store had."""
        return self._reader.from_store

    def _as_error(self, error: CallFailed | LayercheckError) -> LayercheckError:
        if isinstance(error, LayercheckError):
            return error
        connection = self._parts.connection
        return as_error(error, connection.target, connection.settings, self._found.name)

    def _check(self) -> None:
        parts, stop = self._parts, self._parts.stop
        self._list()
        parts.progress.listed(len(self._graph))
        with parts.admission.of(len(self._graph), stop):
            self._read()
            plan = self._graph.plan()
            with closing(parts.connection.checker(self._found.name)) as checker:
                parts.rules.wait(stop)
                if plan.unique:
                    self._blobs = self._check_blobs(checker, plan, parts.progress.of_blobs())
                    self._graph.set_verdicts(self._blobs._columns)
                self._look_again(checker)
        stop.check()

    def _list(self) -> None:
        name, selection = self._found.name, self._parts.selection
        stop = self._parts.stop
        if self._found.image_ids:
            self._list_named(list(self._found.image_ids))
        elif selection.is_all:
            self._listing = list_images(self._operations, name, self._graph, stop)
        else:
            pages = ListedPages()
            self._listing = list_images(
                self._operations, name, pages, stop, needs_dates=selection.needs_dates
            )
            self._graph.list_page(selection.choose(pages.details))
            self._listed = pages
        if not self._listing.archived:
            self._notes.append(
                f"{name}: archived images were not listed, because this boto3 cannot ask for them; update it"
            )
        if self._listing.note:
            self._notes.append(f"the listing of {name} is incomplete: {self._listing.note}")

    def _list_named(self, image_ids: list[dict[str, str]]) -> None:
        """List the images that the targets name. Those that are not there take nothing from the others."""
        name = self._found.name
        details, missing, _ = look_up(self._operations, name, image_ids, self._parts.stop)
        details = [each for each in details if any(is_about(image_id, each) for image_id in image_ids)]
        left_out = [
            each
            for each in image_ids
            if each not in missing and not any(is_about(each, one) for one in details)
        ]
        if missing:
            self._lacks = _described(absent := no_such_images(name, missing))
            if len(missing) == len(image_ids):
                raise absent
        if not self._graph.list_page(details):
            raise CallFailed("DescribeImages", _left_out())
        if left_out:
            what = ", ".join(repr(each) for image_id in left_out for each in image_id.values())
            self._lacks = "LeftOutOfAnswer", f"DescribeImages did not answer for {what}"
        self._listing = Listing()

    def _read(self) -> None:
        """Read the manifests, and of chosen images also those that they need."""
        name, stop = self._found.name, self._parts.stop
        self._reader.read(name, self._graph, stop)
        if self._parts.selection.is_all and not self._found.image_ids:
            return
        asked: set[str] = set()
        for _ in range(_LEVELS):
            children = [each for each in self._graph.unlisted_children() if each not in asked]
            asked.update(children)
            if not self._add(children):
                break
            self._reader.read(name, self._graph, stop)
        self._listed = None

    def _add(self, children: Sequence[str]) -> int:
        """Add images that indexes among the chosen ones need; return how many are new."""
        details = [] if self._listed is None else self._listed.of(children)
        listed = {each["imageDigest"] for each in details}
        if self._listed is None or not (self._listing.complete and self._listing.archived):
            # What a whole listing left out is asked for in the second look.
            asked = [each for each in children if each not in listed]
            there, missing, _ = look_up_children(
                self._operations, self._found.name, asked, self._listing, self._parts.stop
            )
            details += there
            self._graph.deny([each["imageDigest"] for each in missing])
        return self._graph.list_page(details)

    def _check_blobs(self, checker: Checker, plan: Plan, progress: ProgressCallback) -> Report:
        """Check blobs until the end, or until everything is to stop.

        Raises:
            CheckStopped: Everything was to stop before.
        """
        stop = self._parts.stop
        stop.check()
        run = checker.submit(plan, progress=progress)
        leave_at: float | None = None
        while not run._wait(_SLICE_S):
            if not stop.is_set:
                continue
            if leave_at is None:
                run.cancel()
                leave_at = time.monotonic() + _BLOBS_GRACE_S
            elif time.monotonic() >= leave_at:
                run._leave()
        try:
            report = run.result()
        except RunCancelled as cancelled:
            if cancelled.report is None:
                raise
            report = cancelled.report
        except LayercheckError as error:
            if error.report is not None and self._blobs is None:
                self._blobs = error.report
                self._graph.set_verdicts(error.report._columns)
            raise
        self._requests += report.stats.requests
        self._throttles += report.stats.throttles
        return report

    def _is_gone(self) -> bool:
        """Whether another call says too that the repository is not there."""
        try:
            self._operations.call(
                "DescribeImages", self._parts.stop, repositoryName=self._found.name, maxResults=1
            )
        except CheckStopped:
            return False
        except CallFailed as failed:
            return issubclass(failed.failure.raises, RepositoryNotFoundError)
        return False

    def _all_gone(self) -> None:
        """Say of all images that they are gone with their repository."""
        with self._judging:
            self._graph.not_checked()
            for verdict in ImageVerdict:
                self._graph.gone(self._graph.digests(int(verdict)))
            self._judge()
            self._state = "gone"  # with the lock held, so that no report sees the one without the other

    def _judge(self) -> None:
        self._graph.judge(
            listing_complete=self._listing.complete and self._listing.archived,
            pull_through=self._parts.rules.applies_to(self._found.name),
        )

    def _look_again(self, checker: Checker) -> None:
        parts, stop = self._parts, self._parts.stop

        def check(digests: Sequence[str]) -> Report:
            from layercheck.planning import plan

            return self._check_blobs(checker, plan(digests), parts.progress.of_blobs_again())

        with self._judging:
            self._judge()
            suspects = Suspects(*self._graph.suspects())
            denied = set(suspects.missing)
            suspects.maybe_images[:] = [each for each in self._graph.unlisted_children() if each in denied]
        threads, name = parts.connection.threads, self._found.name
        witness = parts.witness if parts.rules.applies_to(name) is False else None
        ahead = {} if witness is None else witness.ask_ahead(name, suspects.missing, threads, stop)
        unknown = look_again(
            self._operations,
            threads,
            name,
            self._graph,
            suspects,
            self._listing,
            check,
            stop,
            parts.progress,
        )
        if unknown:
            self._listing = replace(self._listing, complete=False, note=unknown)
            self._notes.append(f"{name}: {unknown}")
        if witness is not None:
            with self._judging:
                self._judge()
                missing = self._graph.suspects()[1]
            witness.confirm(name, self._graph, missing, threads, stop, ahead, parts.progress)
        self._judge()
        self._doubt()

    def _doubt(self) -> None:
        """Say so if most blobs of images that were pulled lately are called missing."""
        blobs, missing = self._graph.recently_pulled(time.time() - _RECENT_S)
        if missing * 2 > blobs:
            self._notes.append(
                f"{self._found.name}: {missing:,} of {blobs:,} blobs of images that were pulled within a day "
                "are called missing; check the registry id, the region and the repository's policy before "
                "you act on it"
            )

    def _state_of(self, error: CallFailed | LayercheckError) -> State:
        raises = error.failure.raises if isinstance(error, CallFailed) else type(error)
        fatal = isinstance(error, LayercheckError) or error.failure.kind == "fatal"
        if issubclass(raises, RepositoryNotFoundError):
            # It was there when it was listed.
            was_there = self._found.target.is_pattern or len(self._graph) > 0
            return "gone" if was_there and self._is_gone() else "failed"
        if issubclass(raises, AccessDeniedError):
            return "denied"
        if isinstance(error, InvalidParameterError) and error.response is not None:
            # The service refused every call of the layer check here, as DescribeImages may refuse one.
            return "failed"
        if fatal:
            raise error
        return "failed"


def _left_out() -> Failure:
    text = "the service did not answer for this image"
    return Failure("transient", "LeftOutOfAnswer", text, RuntimeError(text), EndpointError)


def _described(error: CallFailed | LayercheckError | None) -> tuple[str, str]:
    if isinstance(error, CallFailed):
        return error.failure.code, f"{error.operation}: {error.failure.message or error.failure.code}"
    return ("", "") if error is None else (type(error).__name__, str(error))
