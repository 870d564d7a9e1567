"""Looks again at images with missing parts, so that nothing is called missing that was only on its way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from layercheck.dispatch.single_calls import CallFailed
from layercheck.images.call_threads import CallThreads, result_in_time
from layercheck.images.listing import Listing
from layercheck.images.looking_up import digest_of, listed_again, look_up, look_up_children
from layercheck.images.operations import Operations
from layercheck.images.stopping import StopSignal

if TYPE_CHECKING:
    from concurrent.futures import Future

    from layercheck._core import ImageGraph
    from layercheck.images.image_progress import ProgressCounter
    from layercheck.report import Report

CONFIRMED_AT_MOST = 1_000
"""Missing blobs of one check that a second operation is asked about."""


@dataclass(frozen=True, slots=True)
class Suspects:
    """What a second look asks.

    Attributes:
        images: Images that are called incomplete.
        missing: Blobs that they lack.
        others: Blobs that they need, and that are archived or have another size than their manifests say.
        children: Children that are not listed, and that they lack.
        denied: Listed images that BatchGetImage did not find.
        archived: Children that they need, and that the listing calls archived.
        maybe_images: Some of the missing blobs, which an index lists under a media type that is not known.
            Each may be an image that the listing left out.
    """

    images: list[str]
    missing: list[str]
    others: list[str]
    children: list[str]
    denied: list[str]
    archived: list[str]
    maybe_images: list[str] = field(default_factory=list)


def look_again(
    operations: Operations,
    threads: CallThreads,
    repository_name: str,
    graph: ImageGraph,
    suspects: Suspects,
    listing: Listing,
    check: Callable[[Sequence[str]], Report],
    stop: StopSignal,
    progress: ProgressCounter,
) -> str:
    """Ask once more for images with missing parts, and for the parts.

    Images may be deleted while they are checked, and layers pushed. So an image counts as incomplete only if
    it is still there and its part is denied a second time. Without an answer to the second question, the part
    is undecided.

    Args:
        operations: Makes the calls.
        threads: Where images are asked for, while blobs are checked.
        repository_name: The repository.
        graph: Takes what is found out; the verdicts follow at the next judgement.
        suspects: What is asked.
        listing: The listing of the repository.
        check: Checks digests in the repository.
        stop: Ends it early.
        progress: Counts the questions.

    Returns:
        Why it is not known whether children that are not listed are there; empty if all were asked for.

    Raises:
        CheckStopped: Everything is to stop.
    """
    blobs = [*suspects.missing, *suspects.others]
    absent = list(dict.fromkeys((*suspects.children, *suspects.denied, *suspects.maybe_images)))
    images = list(dict.fromkeys((*suspects.images, *suspects.archived)))
    if not images and not absent:
        return ""
    progress.asks_again(len(images) + len(absent) + len(blobs))
    looking = threads.submit(
        _look_up, operations, repository_name, images, absent, listing, stop, progress.asked_again
    )
    report = check(blobs) if blobs else None
    seen = result_in_time(looking, stop)
    graph.gone([each for each in (*suspects.images, *absent) if each in seen.gone])
    graph.found([each for each in suspects.children if each in seen.states])
    # Archived images may be hidden, and a pull fails whether a child is archived or gone.
    archived: tuple[list[str], list[str]] = ([], [])
    for each in suspects.archived:
        archived[each in seen.gone or seen.states.get(each) in _ARCHIVED].append(each)
    graph.found(archived[False])
    graph.confirm_archived(archived[True])
    for digest in suspects.denied:
        if digest not in seen.gone:
            graph.found([digest])
            graph.fail(digest, *_CONTRADICTED[digest in seen.states], unreadable=False)
    if report is not None:
        graph.look_again(report._columns)
    for digest in suspects.maybe_images:
        if digest not in seen.gone:
            # The layer operation denies an image, so its word does not count.
            graph.confirm(digest, False)
    unknown = [each for each in suspects.children if each not in seen.states and each not in seen.gone]
    if not unknown:
        return ""
    return (
        f"{len(unknown):,} children of indexes are not listed, and could not be asked for again: "
        f"{seen.why or 'the service did not answer for them'}"
    )


_ARCHIVED = ("ARCHIVED", "ACTIVATING")
"""States of images that cannot be pulled now."""

_CONTRADICTED = {
    True: ("ImageNotFound", "BatchGetImage did not find the image, and DescribeImages did"),
    False: (
        "NoSecondAnswer",
        "BatchGetImage did not find the image, and DescribeImages did not answer for it",
    ),
}
"""Why an image is undecided that BatchGetImage alone denied, by whether DescribeImages found it."""


class _Seen(NamedTuple):
    """What DescribeImages said.

    Attributes:
        states: The images that are there, and the state of each; an empty one where it is not told.
        gone: The images that are not.
        why: Why it did not tell of all; empty if it did.
    """

    states: dict[str, str]
    gone: set[str]
    why: str


def _look_up(
    operations: Operations,
    repository_name: str,
    images: Sequence[str],
    absent: Sequence[str],
    listing: Listing,
    stop: StopSignal,
    on_answered: Callable[[int], None],
) -> _Seen:
    """Ask for images, and for those that were denied before."""
    asked = [{"imageDigest": each} for each in images]
    open_ = len(images) + len(absent)

    def answered(count: int) -> None:
        nonlocal open_
        open_ -= count
        on_answered(count)

    why = ""
    answers = []
    try:
        first = look_up(operations, repository_name, asked, stop, answered)
        answers.append(first._replace(missing=[]))
        if first.missing:
            # The listing named them, so that a second answer must say that they are gone.
            answers.append(look_up(operations, repository_name, first.missing, stop))
        if absent:
            answers.append(look_up_children(operations, repository_name, absent, listing, stop, answered))
    except CallFailed as failed:
        why = f"DescribeImages: {failed.failure.summary}"
        on_answered(open_)
        # What a listing named before is not gone because another listing leaves it out.
        asked = [{"imageDigest": each} for each in absent]
        listed = listed_again(operations, repository_name, asked, stop) if asked else None
        answers += [] if listed is None else [listed]
    found = [one for each in answers for one in each.there]
    states = {digest: str(one.get("imageStatus") or "") for one in found if (digest := digest_of(one))}
    gone = {image["imageDigest"] for each in answers for image in each.missing}
    return _Seen(states, gone - states.keys(), why)


AskedAhead: TypeAlias = Mapping[str, "Future[bool | None]"]
"""Calls of a second witness under way, by the blob that they ask about."""


class SecondWitness:
    """Asks GetDownloadUrlForLayer about missing blobs: another operation that knows whether a blob is there.

    It is never asked in the namespace of a pull-through cache, where it may import. The URL is a secret, and
    is dropped unread. Where it is denied, nothing is confirmed.

    Args:
        operations: Makes the calls.

    Attributes:
        left: Blobs that may still be asked about in this check.
    """

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._is_denied = self._is_allowed = False
        self._lock = threading.Lock()
        self.left = CONFIRMED_AT_MOST

    def ask_ahead(
        self, repository_name: str, blobs: Sequence[str], threads: CallThreads, stop: StopSignal
    ) -> AskedAhead:
        """Ask about the first of a few blobs while a second look is made, whose answer may make it needless.

        Returns:
            What `confirm` takes.
        """
        if len(blobs) > threads.most or self._is_denied:
            return {}
        return self._ask(repository_name, self._first(blobs[:1]), threads, stop)

    def confirm(
        self,
        repository_name: str,
        graph: ImageGraph,
        blobs: Sequence[str],
        threads: CallThreads,
        stop: StopSignal,
        ahead: AskedAhead,
        progress: ProgressCounter,
    ) -> None:
        """Confirm the missing blobs of a repository, or contradict.

        Raises:
            CheckStopped: Everything is to stop.
        """
        for digest, answer in ahead.items():
            # Of a blob that is there by now, the graph takes no word of a witness.
            graph.confirm(digest, result_in_time(answer, stop))
        asked = self._first([each for each in blobs if each not in ahead])
        progress.asks_again(len(asked))
        at = 0
        while at < len(asked) and not self._is_denied:
            # One call tells whether the operation is allowed.
            part = asked[at : at + (threads.most if self._is_allowed else 1)]
            at += len(part)
            for digest, answer in self._ask(repository_name, part, threads, stop).items():
                graph.confirm(digest, result_in_time(answer, stop))
                progress.asked_again(1)
        # Where the operation is denied, nobody is asked about the rest.
        progress.asked_again(len(asked) - at)

    def _first(self, blobs: Sequence[str]) -> Sequence[str]:
        """Take the blobs that may still be asked about; repositories take from one number."""
        with self._lock:
            taken = blobs[: self.left]
            self.left -= len(taken)
        return taken

    def _ask(
        self, repository_name: str, blobs: Sequence[str], threads: CallThreads, stop: StopSignal
    ) -> AskedAhead:
        return {each: threads.submit(self._is_missing, repository_name, each, stop) for each in blobs}

    def _is_missing(self, repository_name: str, digest: str, stop: StopSignal) -> bool | None:
        try:
            self._operations.call(
                "GetDownloadUrlForLayer",
                stop,
                final=(
                    "LayersNotFoundException",
                    "LayerInaccessibleException",
                    "UnableToGetUpstreamLayerException",
                ),
                repositoryName=repository_name,
                layerDigest=digest,
            )
        except CallFailed as failed:
            if failed.failure.code == "LayersNotFoundException":
                self._is_allowed = True
                return True
            self._is_denied = self._is_denied or failed.failure.kind == "fatal"
            return None
        self._is_allowed = True
        return False
