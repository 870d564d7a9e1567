"""Looks again at images with missing parts, so that nothing is called missing that was only on its way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from layercheck.dispatch.single_calls import CallFailed
from layercheck.images.call_threads import CallThreads, result_in_time
from layercheck.images.listing import ListedPages, list_images, look_up
from layercheck.images.operations import Operations
from layercheck.images.stopping import StopSignal

if TYPE_CHECKING:
    from concurrent.futures import Future

    from layercheck._core import ImageGraph
    from layercheck.images.image_progress import ProgressCounter
    from layercheck.report import Report

CONFIRMED_AT_MOST = 1_000
"""Missing blobs of one check that a second operation is asked about."""


class Suspects(NamedTuple):
    """What a second look asks.

    Attributes:
        images: Images that are called incomplete.
        blobs: Blobs that they lack.
        children: Children that are not listed, and that they lack.
    """

    images: Sequence[str]
    blobs: Sequence[str]
    children: Sequence[str]


def look_again(
    operations: Operations,
    threads: CallThreads,
    repository_name: str,
    graph: ImageGraph,
    suspects: Suspects,
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
        check: Checks digests in the repository.
        stop: Ends it early.
        progress: Counts the questions.

    Returns:
        Why it is not known whether children that are not listed are there; empty if all were asked for.

    Raises:
        CheckStopped: Everything is to stop.
    """
    images, blobs, children = suspects
    if not images:
        return ""
    asked_digests = list(dict.fromkeys((*images, *children)))
    asked = [{"imageDigest": each} for each in asked_digests]
    progress.asks_again(len(asked) + len(blobs))
    open_ = len(asked)

    def on_answered(images: int) -> None:
        nonlocal open_
        open_ -= images
        progress.asked_again(images)

    looking = threads.submit(look_up, operations, repository_name, asked, stop, on_answered)
    report = check(blobs) if blobs else None
    why = ""
    try:
        there, missing = result_in_time(looking, stop)
    except CallFailed as failed:
        # Without children, nothing but the images is unknown: whether they were deleted meanwhile.
        why = f"DescribeImages: {failed.failure.summary}"
        progress.asked_again(open_)
        there, missing = _listed_again(operations, repository_name, asked, stop) if children else ([], [])
    found = {digest for each in there if (digest := digest_of(each))}
    gone = {each["imageDigest"] for each in missing} - found
    graph.gone([each for each in asked_digests if each in gone])
    graph.found([each for each in children if each in found])
    if report is not None:
        graph.look_again(report._columns)
    unknown = [each for each in children if each not in found and each not in gone]
    if not unknown:
        return ""
    return (
        f"{len(unknown):,} children of indexes are not listed, and could not be asked for again: "
        f"{why or 'the service did not answer for them'}"
    )


def _listed_again(
    operations: Operations, repository_name: str, asked: Sequence[dict[str, str]], stop: StopSignal
) -> tuple[list[Any], list[dict[str, str]]]:
    """List a repository once more, and return the same as `look_up`; empty lists if that fails."""
    pages = ListedPages()
    try:
        listing = list_images(operations, repository_name, pages, stop)
    except CallFailed:
        return [], []
    found = {each["imageDigest"] for each in pages.details}
    is_whole = listing.complete and listing.archived
    return pages.details, [each for each in asked if is_whole and each["imageDigest"] not in found]


def digest_of(details: object) -> str | None:
    """The digest of an entry of DescribeImages; None for what is not one."""
    digest = details.get("imageDigest") if isinstance(details, Mapping) else None
    return digest if isinstance(digest, str) else None


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
