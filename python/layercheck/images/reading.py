"""Reads the manifests of images: from a store, or by BatchGetImage, each once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from layercheck.dispatch.single_calls import CallFailed
from layercheck.images.operations import Operations
from layercheck.images.stopping import StopSignal
from layercheck.redact import clean

if TYPE_CHECKING:
    from layercheck._core import ImageGraph
    from layercheck.images.call_threads import CallThreads
    from layercheck.images.manifest_store import ManifestStore

BATCH = 100
"""Images in one call: the most that ECR allows."""

ACCEPTED = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.artifact.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.docker.distribution.manifest.v1+json",
)
"""The types of manifests that are known. Images of types that are not accepted are left out of answers."""

_TYPES_IN_ONE_CALL = 100
"""Accepted types that one call may name: the most that ECR allows."""

_TYPE_LENGTH = 255
"""Longest accepted type: that of a media type by RFC 6838, section 4.2."""

UNREADABLE = frozenset(("ImageInaccessible", "InvalidImageDigest", "KmsError"))
"""Failures after which the manifest cannot be had by asking again."""

GONE = frozenset(("ImageNotFound",))
"""The image was deleted after it was listed."""

_OF_ONE_ANSWER = frozenset(("DigestMismatch", "ContradictoryManifest"))
"""What is wrong with an answer and may be right in the next. Any other fault is one of the manifest itself,
whose sha256 is right."""

_TRIES = 2

_UNDER_WAY = 6
"""Calls of one repository at once. An answer of 100 manifests takes some 9 MB of memory while it is read."""

_LONE_REFUSALS = 3
"""Images that were refused alone, from different places, before any call was answered: then the service
refuses the call, and no image is at fault."""

_LONE_REFUSALS_IN_A_ROW = 100
"""The same after answers. Without this limit a repository would cost two calls for each image."""


class ManifestReader:
    """Reads the manifests that a graph lacks.

    Only digests that a listing named are asked for, because ECR may import an image that is asked for in the
    namespace of a pull-through cache. Each is asked for by digest alone, because with a tag ECR may convert
    the manifest.

    Args:
        operations: Makes the calls.
        threads: Makes several calls at once.
        store: Manifests of earlier checks; None for none.
        before_reading: Called before the first manifest is read, with a function that counts the images to be
            read; it may raise.
        on_read: Called with the number of images that were read, or were known.

    Attributes:
        from_store: Manifests that the store had.
    """

    def __init__(
        self,
        operations: Operations,
        threads: CallThreads,
        store: ManifestStore | None,
        *,
        before_reading: Callable[[Callable[[], int]], None],
        on_read: Callable[[int], None],
    ) -> None:
        self.from_store = 0
        self._operations = operations
        self._threads = threads
        self._store = store
        self._refusals = _Refusals()
        self._before_reading = before_reading
        self._on_read = on_read

    def read(self, repository_name: str, graph: ImageGraph, stop: StopSignal) -> None:
        """Read the manifests of all listed images that are active.

        Raises:
            CallFailed: The service refuses the calls, whichever images they name.
            CheckStopped: Everything is to stop.
        """
        under_way: list[Future[None]] = []
        try:
            for digests in self._batches(graph):
                under_way.append(
                    self._threads.submit(self._read_batch, repository_name, graph, digests, stop)
                )
                if len(under_way) >= _UNDER_WAY:
                    under_way.pop(0).result()
            for future in under_way:
                future.result()
        except BaseException:
            for future in under_way:
                future.cancel()
            raise

    def _count(self, graph: ImageGraph, first: list[str]) -> int:
        """How many images are to be read: the first ones, and those that the graph hands out after them."""
        others = graph.unread(len(graph))
        graph.again(others)
        known = 0
        if self._store is not None:
            parts = (others[at : at + BATCH] for at in range(0, len(others), BATCH))
            known = sum(len(self._store.get(part)) for part in parts)
        return len(first) + len(others) - known

    def _batches(self, graph: ImageGraph) -> Iterator[list[str]]:
        """The digests whose manifest neither graph nor store has, as many as fit into each call."""
        unknown: list[str] = []
        is_first = True
        while digests := graph.unread(BATCH):
            unknown += self._not_stored(graph, digests)
            if unknown and is_first:
                self._before_reading(partial(self._count, graph, unknown))
                is_first = False
            if len(unknown) >= BATCH:
                yield unknown[:BATCH]
                del unknown[:BATCH]
        if unknown:
            yield unknown

    def _not_stored(self, graph: ImageGraph, digests: list[str]) -> list[str]:
        """Take from the store what it has; return the digests that it does not have."""
        if self._store is None:
            return digests
        known = self._store.get(digests)
        unknown = [each for each in digests if not (each in known and graph.restore(each, known[each]))]
        self.from_store += len(digests) - len(unknown)
        self._on_read(len(digests) - len(unknown))
        return unknown

    def _read_batch(
        self, repository_name: str, graph: ImageGraph, digests: list[str], stop: StopSignal
    ) -> None:
        waiting: list[tuple[list[str], int]] = [(digests, 1)]
        takes_others = True
        while waiting:
            if self._refusals.limit is not None:
                self._give_up(graph, waiting)
                break
            asked, tries = waiting.pop()
            others = _other_types(graph, asked) if takes_others else []
            try:
                answer = self._operations.call(
                    "BatchGetImage",
                    stop,
                    repositoryName=repository_name,
                    imageIds=[{"imageDigest": digest} for digest in asked],
                    acceptedMediaTypes=[*ACCEPTED, *others],
                )
            except CallFailed as failed:
                kind = failed.failure.kind
                if kind == "fatal":
                    raise
                if failed.failure.too_long:
                    self._refusals.has_answers = True
                if kind == "batch" and others:
                    # Perhaps the service does not take a type that it lists.
                    takes_others = False
                    waiting.append((asked, tries))
                    continue
                is_refused = kind == "batch" or failed.failure.too_long
                if is_refused and len(asked) > 1:
                    # A large answer, or one image at fault.
                    half = len(asked) // 2
                    waiting += [(asked[half:], tries), (asked[:half], tries)]
                    continue
                if is_refused and self._refusals.refused(failed):
                    waiting.append((asked, tries))
                    continue
                _fail(graph, asked, failed)
                if is_refused and not self._refusals.has_answers:
                    # Neighbours may be at fault alike, so the next image to be alone is from elsewhere.
                    waiting.sort(key=lambda part: len(part[0]))
                continue
            self._refusals.answered()
            left, wrong = self._take(graph, asked, answer, is_last=tries == _TRIES)
            if (left or wrong) and tries < _TRIES:
                waiting.append(([*left, *wrong], tries + 1))
            else:
                for digest in left:
                    graph.fail(
                        digest,
                        "LeftOutOfAnswer",
                        "the service did not answer for this image",
                        unreadable=False,
                    )
        self._on_read(len(digests))

    def _give_up(self, graph: ImageGraph, waiting: Sequence[tuple[list[str], int]]) -> None:
        """Ask no more, because the service refuses one image after the other.

        Raises:
            CallFailed: It answered no call at all.
        """
        if (failed := self._refusals.limit) is None:
            return
        if not self._refusals.has_answers:
            raise CallFailed(failed.operation, failed.failure)
        for asked, _ in waiting:
            _fail(graph, asked, failed)

    def _take(
        self, graph: ImageGraph, asked: list[str], answer: Mapping[str, Any], *, is_last: bool
    ) -> tuple[list[str], list[str]]:
        """Take what an answer brings. No image is unreadable by one answer alone.

        Returns:
            The digests that it does not name, and those to be asked for again: their manifest has another
            digest, such as that of another image, or contradicts its media type, or cannot be had.
        """
        open_ = dict.fromkeys(asked)
        read: list[tuple[str, str, str | None]] = []
        for image in _entries(answer, "images"):
            digest, manifest = _digest_of(image), image.get("imageManifest")
            if digest in open_ and isinstance(manifest, str):
                media_type = image.get("imageManifestMediaType")
                read.append((digest, manifest, media_type if isinstance(media_type, str) else None))
        wrong = dict.fromkeys(
            digest for digest, code in graph.read(read, self._operations.known) if code in _OF_ONE_ANSWER
        )
        for digest, _, _ in read:
            open_.pop(digest, None)
        if self._store is not None:
            kept = {digest: graph.projection(digest) for digest, _, _ in read if digest not in wrong}
            self._store.put({digest: parts for digest, parts in kept.items() if parts})
        for failure in _entries(answer, "failures"):
            digest = _digest_of(failure)
            if digest not in open_:
                continue  # without a digest it is an answer for no image
            del open_[digest]
            code = clean(failure.get("failureCode") or "Unknown", 100, self._operations.known)
            if code in GONE:
                graph.deny([digest])
            else:
                reason = clean(failure.get("failureReason") or "", known=self._operations.known)
                graph.fail(digest, code, reason, unreadable=is_last and code in UNREADABLE)
                if code in UNREADABLE:
                    wrong[digest] = None
        return list(open_), list(wrong)


class _Refusals:
    """Counts the images that the service refused alone. Thread-safe.

    Attributes:
        has_answers: The service answered a call, if only with an answer that is too long.
        limit: The refusal after which no more is asked; None if asking may help.
    """

    def __init__(self) -> None:
        self.has_answers = False
        self.limit: CallFailed | None = None
        self._in_a_row = 0
        self._lock = threading.Lock()

    def answered(self) -> None:
        """Take note of an answer."""
        with self._lock:
            self.has_answers = True
            self._in_a_row = 0

    def refused(self, failed: CallFailed) -> bool:
        """Take note of the refusal of a call for one image; return whether no more is to be asked."""
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row >= (_LONE_REFUSALS_IN_A_ROW if self.has_answers else _LONE_REFUSALS):
                self.limit = self.limit or failed
            return self.limit is not None


def _other_types(graph: ImageGraph, digests: Sequence[str]) -> list[str]:
    """The media types that the listing gives to images and that are not among the known ones.

    The listing may say anything, so that only short and printable ones are asked with, and as many as one
    call takes.
    """
    others = [
        each
        for each in graph.media_types(digests)
        if each not in ACCEPTED and len(each) <= _TYPE_LENGTH and each.isascii() and each.isprintable()
    ]
    return others[: _TYPES_IN_ONE_CALL - len(ACCEPTED)]


def _fail(graph: ImageGraph, digests: Sequence[str], failed: CallFailed) -> None:
    """Say that these manifests could not be had just now: what was refused is a call, and not an image."""
    for digest in digests:
        graph.fail(digest, failed.failure.code, failed.failure.message, unreadable=False)


def _entries(answer: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    entries = answer.get(member)
    return [each for each in entries if isinstance(each, Mapping)] if isinstance(entries, list) else []


def _digest_of(entry: Mapping[str, Any]) -> str:
    image_id = entry.get("imageId")
    digest = image_id.get("imageDigest") if isinstance(image_id, Mapping) else None
    return digest if isinstance(digest, str) else ""
