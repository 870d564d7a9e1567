"""Lists the images of a repository: digests, tags, states and sizes, in pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from layercheck.dispatch.single_calls import CallFailed
from layercheck.errors import AccessDeniedError, CredentialsError
from layercheck.images.operations import Operations
from layercheck.images.paging import BadTokenError, EndlessListError, News, pages
from layercheck.images.stopping import StopSignal

PAGE = 1_000
"""Images in one page: the most that ECR allows."""

_LOOKED_UP = 100
"""Images that one call may name."""


class TakesPages(Protocol):
    """Takes the pages of a listing."""

    def list_page(self, details: Sequence[Any]) -> int:
        """Take a page; return how many of its images are new."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a repository said that it holds, at one time.

    Attributes:
        listed_at: When the listing began, seconds since 1970.
        complete: All pages were read.
        archived: Archived images are in it; False if this boto3 cannot ask for them.
        details: The listing has sizes, dates and media types; False if only ListImages was allowed.
        note: Why it is incomplete, in words; else empty.
    """

    listed_at: float = field(default_factory=time.time)
    complete: bool = True
    archived: bool = True
    details: bool = True
    note: str = ""


class ListedPages:
    """Keeps the images of a listing, each once, with the tags of all its entries."""

    def __init__(self) -> None:
        self._details: dict[str, dict[str, Any]] = {}

    @property
    def details(self) -> list[dict[str, Any]]:
        """An entry for each image, in the order of the listing."""
        return list(self._details.values())

    def list_page(self, details: Sequence[Any]) -> int:
        """Take a page; return how many of its images are new."""
        before = len(self._details)
        for each in details:
            digest = each.get("imageDigest") if isinstance(each, Mapping) else None
            if not isinstance(digest, str) or not digest:
                continue
            kept = self._details.setdefault(digest, {})
            # ListImages names an image once for each of its tags.
            tags = dict.fromkeys((*tags_of(kept), *tags_of(each)))
            for name, value in each.items():
                kept.setdefault(name, value)
            if tags:
                kept["imageTags"] = list(tags)
        return len(self._details) - before


def tags_of(image: Mapping[str, Any]) -> Sequence[str]:
    """The tags of an entry of DescribeImages or ListImages."""
    tags = image.get("imageTags")
    if isinstance(tags, list):
        return [each for each in tags if isinstance(each, str)]
    tag = image.get("imageTag")
    return [tag] if isinstance(tag, str) else []


def list_images(
    operations: Operations,
    repository_name: str,
    graph: TakesPages,
    stop: StopSignal,
    *,
    needs_dates: bool = False,
) -> Listing:
    """List all images of a repository into a graph.

    DescribeImages names each image once, with all that is needed, and leaves the pull times as they are. If
    it is denied, ListImages names digests and tags.

    Args:
        operations: Makes the calls.
        repository_name: The repository.
        graph: Takes the images.
        stop: Ends it early.
        needs_dates: When images were pushed must be known, which ListImages does not tell.

    Raises:
        CallFailed: The repository cannot be listed.
        CheckStopped: Everything is to stop.
    """
    listed_at = time.time()
    archived = operations.has_member("DescribeImages", "filter", "imageStatus")
    filters = {"filter": {"imageStatus": "ANY"}} if archived else {}
    try:
        note = _list(
            operations, "DescribeImages", "imageDetails", repository_name, filters, graph, stop, News()
        )
        return Listing(listed_at, complete=not note, archived=archived, note=note)
    except CallFailed as failed:
        if needs_dates or not issubclass(failed.failure.raises, AccessDeniedError):
            raise
        denied = failed
    return _list_by_ids(operations, repository_name, graph, stop, listed_at, denied)


def _list_by_ids(
    operations: Operations,
    repository_name: str,
    graph: TakesPages,
    stop: StopSignal,
    listed_at: float,
    denied: CallFailed,
) -> Listing:
    archived = operations.has_member("ListImages", "filter", "imageStatus")
    note, news = "", News()
    try:
        # ListImages does not tell the state, so each state is listed by itself.
        for state in ("ACTIVE", "ACTIVATING", "ARCHIVED") if archived else ("",):
            filters = {"filter": {"imageStatus": state}} if state else {}
            note = note or _list(
                operations, "ListImages", "imageIds", repository_name, filters, graph, stop, news, state
            )
    except CallFailed as failed:
        if issubclass(failed.failure.raises, CredentialsError):
            raise
        # The user asked for what DescribeImages gives.
        raise denied from None
    return Listing(listed_at, complete=not note, archived=archived, details=False, note=note)


def _list(
    operations: Operations,
    operation: str,
    member: str,
    repository_name: str,
    filters: Mapping[str, Any],
    graph: TakesPages,
    stop: StopSignal,
    news: News,
    state: str = "",
) -> str:
    """Read all pages, once more from the start if a token became invalid; return why pages are missing."""
    refused = ""
    for _ in range(2):
        news.start()
        try:
            for page in pages(
                operations, operation, stop, repositoryName=repository_name, maxResults=PAGE, **filters
            ):
                entries = page.get(member)
                entries = entries if isinstance(entries, list) else []
                if state:
                    entries = [_with_state(entry, state) for entry in entries]
                is_new = graph.list_page(entries) > 0
                if operation == "ListImages":
                    # It names an image once for each tag, perhaps in the order of tags.
                    is_new = news.brings(_tags_in(entries)) or is_new
                news.page(len(entries), is_new=is_new)
        except BadTokenError as error:
            refused = str(error)
        except EndlessListError as error:
            return str(error)
        else:
            return ""
    return refused


def _tags_in(entries: Sequence[object]) -> Iterator[str]:
    return (tag for entry in entries if isinstance(entry, Mapping) for tag in tags_of(entry))


def _with_state(entry: object, state: str) -> object:
    return {**entry, "imageStatus": state} if isinstance(entry, Mapping) else entry


def look_up(
    operations: Operations,
    repository_name: str,
    ids: list[dict[str, str]],
    stop: StopSignal,
    on_answered: Callable[[int], None] = lambda _: None,
) -> tuple[list[Any], list[dict[str, str]]]:
    """Ask for images by digest or tag.

    The service refuses a call of which one image is not there, and does not say which, so that such a call is
    halved.

    Args:
        operations: Makes the calls.
        repository_name: The repository.
        ids: What is asked: `imageDigest` or `imageTag`.
        stop: Ends it early.
        on_answered: Called after each call with the number of ids that it settled.

    Returns:
        The details of the images that are there, and the ids of those of which the service said that they are
        not there. An image that no answer names is in neither.

    Raises:
        CallFailed: The service does not answer.
        CheckStopped: Everything is to stop.
    """
    there: list[Any] = []
    missing: list[dict[str, str]] = []
    waiting = [ids[at : at + _LOOKED_UP] for at in range(0, len(ids), _LOOKED_UP)][::-1]
    while waiting:
        part = waiting.pop()
        try:
            page = operations.call(
                "DescribeImages",
                stop,
                final=("ImageNotFoundException",),
                repositoryName=repository_name,
                imageIds=part,
            )
        except CallFailed as failed:
            if failed.failure.code != "ImageNotFoundException":
                raise
            if len(part) == 1:
                missing += part
                on_answered(1)
            else:
                half = len(part) // 2
                waiting += [part[half:], part[:half]]
            continue
        details = page.get("imageDetails")
        there += details if isinstance(details, list) else []
        left = [each for each in part if not any(map(partial(_is_about, each), details or ()))]
        if left and len(part) > 1:
            half = (len(left) + 1) // 2
            waiting += [each for each in (left[half:], left[:half]) if each]
            on_answered(len(part) - len(left))
        else:
            on_answered(len(part))
    return there, missing


def _is_about(image_id: Mapping[str, str], details: object) -> bool:
    """Whether an entry of an answer is about the image that was asked for."""
    if not isinstance(details, Mapping):
        return False
    if "imageDigest" in image_id:
        return bool(details.get("imageDigest") == image_id["imageDigest"])
    tags = details.get("imageTags")
    return isinstance(tags, list) and image_id["imageTag"] in tags
