"""Reads the manifests of images: from a store, or by BatchGetImage, each once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
"""All types of manifests. An image of a type that is not accepted is left out of the answer."""

UNREADABLE = frozenset(("ImageInaccessible", "InvalidImageDigest", "KmsError"))
"""Failures after which the manifest cannot be had by asking again."""

GONE = frozenset(("ImageNotFound",))
"""The image was deleted after it was listed."""

_TRIES = 2


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
        self._before_reading = before_reading
        self._on_read = on_read

    def read(self, repository_name: str, graph: ImageGraph, stop: StopSignal) -> None:
        """Read the manifests of all listed images that are active.

        Raises:
            CallFailed: The service refuses the calls.
            CheckStopped: Everything is to stop.
        """
        under_way: list[Future[None]] = []
        try:
            while digests := self._unknown(graph):
                if not under_way:
                    self._before_reading(partial(self._count, graph, digests))
                under_way.append(
                    self._threads.submit(self._read_batch, repository_name, graph, digests, stop)
                )
                if len(under_way) >= 2 * self._threads.most:
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

    def _unknown(self, graph: ImageGraph) -> list[str]:
        """The next digests whose manifest neither graph nor store has; empty at the end."""
        while digests := graph.unread(BATCH):
            if self._store is None:
                return digests
            known = self._store.get(digests)
            unknown = [each for each in digests if not (each in known and graph.restore(each, known[each]))]
            self.from_store += len(digests) - len(unknown)
            self._on_read(len(digests) - len(unknown))
            if unknown:
                return unknown
        return []

    def _read_batch(
        self, repository_name: str, graph: ImageGraph, digests: list[str], stop: StopSignal
    ) -> None:
        waiting: list[tuple[list[str], int]] = [(digests, 1)]
        while waiting:
            asked, tries = waiting.pop()
            try:
                answer = self._operations.call(
                    "BatchGetImage",
                    stop,
                    repositoryName=repository_name,
                    imageIds=[{"imageDigest": digest} for digest in asked],
                    acceptedMediaTypes=list(ACCEPTED),
                )
            except CallFailed as failed:
                kind = failed.failure.kind
                if kind == "fatal":
                    raise
                if len(asked) > 1 and (kind == "batch" or failed.failure.too_long):
                    # A large answer, or one image at fault.
                    half = len(asked) // 2
                    waiting += [(asked[half:], tries), (asked[:half], tries)]
                else:
                    for digest in asked:
                        graph.fail(
                            digest, failed.failure.code, failed.failure.message, unreadable=kind == "batch"
                        )
                continue
            left, wrong = self._take(graph, asked, answer)
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

    def _take(
        self, graph: ImageGraph, asked: list[str], answer: Mapping[str, Any]
    ) -> tuple[list[str], list[str]]:
        """Take what an answer brings.

        Returns:
            The digests that it does not name, and those for which it has a manifest with another digest, such
            as that of another image.
        """
        open_ = dict.fromkeys(asked)
        read: list[tuple[str, str, str | None]] = []
        for image in _entries(answer, "images"):
            digest, manifest = _digest_of(image), image.get("imageManifest")
            if digest in open_ and isinstance(manifest, str):
                media_type = image.get("imageManifestMediaType")
                read.append((digest, manifest, media_type if isinstance(media_type, str) else None))
        wrong = dict.fromkeys(
            digest for digest, code in graph.read(read, self._operations.known) if code == "DigestMismatch"
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
                graph.fail(digest, code, reason, unreadable=code in UNREADABLE)
        return list(open_), list(wrong)


def _entries(answer: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    entries = answer.get(member)
    return [each for each in entries if isinstance(each, Mapping)] if isinstance(entries, list) else []


def _digest_of(entry: Mapping[str, Any]) -> str:
    image_id = entry.get("imageId")
    digest = image_id.get("imageDigest") if isinstance(image_id, Mapping) else None
    return digest if isinstance(digest, str) else ""
