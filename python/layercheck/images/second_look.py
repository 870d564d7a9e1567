"""Looks again at images with missing parts, so that nothing is called missing that was only on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from layercheck.images.call_threads import CallThreads, result_in_time
from layercheck.images.listing import look_up
from layercheck.images.operations import CallFailed, Operations
from layercheck.images.stopping import StopSignal

if TYPE_CHECKING:
    from layercheck._core import ImageGraph
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
) -> None:
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

    Raises:
        CheckStopped: Everything is to stop.
    """
    images, blobs, children = suspects
    if not images:
        return
    asked_digests = list(dict.fromkeys((*images, *children)))
    asked = [{"imageDigest": each} for each in asked_digests]
    looking = threads.submit(look_up, operations, repository_name, asked, stop)
    report = check(blobs) if blobs else None
    try:
        there, _ = result_in_time(looking, stop)
    except CallFailed:
        pass  # DescribeImages is denied, or fails: nothing more is known of the images
    else:
        found = {digest for each in there if (digest := digest_of(each))}
        graph.gone([each for each in asked_digests if each not in found])
        graph.found([each for each in children if each in found])
    if report is not None:
        graph.update(blobs, report.verdicts.tolist())


def batched(items: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """Yield the items in order, at most so many at once."""
    return (items[at : at + most] for at in range(0, len(items), most))


def digest_of(details: object) -> str | None:
    """The digest of an entry of DescribeImages; None for what is not one."""
    digest = details.get("imageDigest") if isinstance(details, Mapping) else None
    return digest if isinstance(digest, str) else None


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
        self._is_denied = False
        self.left = CONFIRMED_AT_MOST

    def confirm(
        self,
        repository_name: str,
        graph: ImageGraph,
        blobs: Sequence[str],
        threads: CallThreads,
        stop: StopSignal,
    ) -> None:
        """Confirm the missing blobs of a repository, or contradict.

        Raises:
            CheckStopped: Everything is to stop.
        """
        asked = blobs[: max(self.left, 0)]
        self.left -= len(asked)
        # The first alone, because it may be denied.
        for part in (asked[:1], *batched(asked[1:], threads.most)):
            if self._is_denied:
                return
            answers = [threads.submit(self._is_missing, repository_name, each, stop) for each in part]
            for digest, answer in zip(part, answers, strict=True):
                graph.confirm(digest, result_in_time(answer, stop))

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
                return True
            self._is_denied = failed.failure.kind == "fatal"
            return None
        return False
