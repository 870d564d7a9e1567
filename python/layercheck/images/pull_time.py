"""Reading an image counts as a pull: says so before the first, or refuses to read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from layercheck.aws.caller_identity import is_same_principal
from layercheck.dispatch.single_calls import CallFailed
from layercheck.display.wording import counted
from layercheck.errors import PullTimeError
from layercheck.images.call_threads import CallThreads, result_in_time
from layercheck.images.operations import Operations
from layercheck.images.paging import BadTokenError, EndlessListError, News, pages
from layercheck.images.stopping import StopSignal

_OPERATION = "ListPullTimeUpdateExclusions"


class PullTimeGuard:
    """Looks once, before the first manifest is read, whether reading it renews the pull times of images.

    `lastRecordedPullTime` of an image is when it was last pulled, and lifecycle rules go by it. BatchGetImage
    renews it, unless the role that calls is excluded
    (https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-time-update-exclusions.html).

    Args:
        operations: Makes the calls.
        caller: Returns the ARN of the role or user that calls; None if it is not known.
        required: Refuse to read unless the role is excluded.
        note: Takes a line for the user.

    Attributes:
        several: Whether images of several repositories are read, so that their number is not known yet.
        at_least: Whether more images are read if those that are counted are indexes, which only their
            manifests tell.
    """

    def __init__(
        self,
        operations: Operations,
        caller: Callable[[], str | None],
        *,
        required: bool,
        note: Callable[[str], None],
    ) -> None:
        self._operations = operations
        self._caller = caller
        self._required = required
        self.several = False
        self.at_least = False
        self._note = note
        self._lock = threading.Lock()
        self._under_way: tuple[Future[list[str] | None], Future[str | None]] | None = None
        self._refusal: str | None = None
        self._looked = False

    def ask_ahead(self, threads: CallThreads, stop: StopSignal) -> None:
        """Ask on other threads what `before_reading` needs to know, while images are listed."""
        self._under_way = threads.submit(self._exclusions, stop), threads.submit(self._caller)

    def before_reading(self, count: Callable[[], int], stop: StopSignal) -> None:
        """Call this before the manifests of images are read.

        Args:
            count: Counts these images; called only if their number is to be said.
            stop: Ends the waiting.

        Raises:
            PullTimeError: The role is not excluded, and that is required.
            CheckStopped: Everything is to stop.
        """
        with self._lock:
            if not self._looked:
                text = self._look(count, stop)
                self._looked = True
                if text and self._required:
                    self._refusal = f"nothing was read: {text}"
                elif text:
                    self._note(text)
        if self._refusal is not None:
            raise PullTimeError(self._refusal)

    def _look(self, count: Callable[[], int], stop: StopSignal) -> str:
        """Return what is to be said; empty if pull times stay as they are."""
        if self._under_way is None:
            excluded, arn = self._exclusions(stop), self._caller()
        else:
            exclusions, caller = self._under_way
            excluded, arn = result_in_time(exclusions, stop), result_in_time(caller, stop)
        if excluded is not None and arn is not None:
            if any(is_same_principal(each, arn) for each in excluded):
                return ""
            what = f"{arn} is not excluded from pull times" if self._required else self._renewed(count)
            return (
                f"{what}; to exclude this role once and for all: "
                f"aws ecr register-pull-time-update-exclusion --principal-arn {arn}"
            )
        why = (
            "the exclusions cannot be read"
            if excluded is None
            else "the role of the credentials is not known"
        )
        return f"reading images may renew their pull times: {why}"

    def _renewed(self, count: Callable[[], int]) -> str:
        if self.several:
            return "reading images renews their pull times"
        images = count()
        said = "the image" if images == 1 else f"{images:,} images"
        if self.at_least:
            said = f"at least {counted(images, 'image')}"
        return f"reading {said} renews {'its pull time' if images == 1 else 'their pull times'}"

    def _exclusions(self, stop: StopSignal) -> list[str] | None:
        if not self._operations.has(_OPERATION):
            return None
        found: set[str] = set()
        news = News()
        try:
            for page in pages(self._operations, _OPERATION, stop):
                before = len(found)
                listed = page.get("pullTimeUpdateExclusions")
                entries = listed if isinstance(listed, list) else []
                found.update(each for each in entries if isinstance(each, str))
                news.page(len(entries), is_new=len(found) > before)
        except (BadTokenError, CallFailed, EndlessListError):
            return None
        return list(found)
