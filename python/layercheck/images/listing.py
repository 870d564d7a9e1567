"""Lists the images of a repository: digests, tags, states and sizes, in pages."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from layercheck.dispatch.single_calls import CallFailed
from layercheck.errors import AccessDeniedError, CredentialsError
from layercheck.images.operations import Operations
from layercheck.images.paging import BadTokenError, EndlessListError, News, pages
from layercheck.images.stopping import StopSignal

PAGE = 1_000
"""Images in one page: the most that ECR allows."""


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
        pages: How many pages it had; None if nothing was listed, because the images are named one by one.
    """

    listed_at: float = field(default_factory=time.time)
    complete: bool = True
    archived: bool = True
    details: bool = True
    note: str = ""
    pages: int | None = None


class ListedPages:
    """Keeps the images of a listing, each once, with the tags of all its entries."""

    def __init__(self) -> None:
        self._details: dict[str, dict[str, Any]] = {}

    @property
    def details(self) -> list[dict[str, Any]]:
        """An entry for each image, in the order of the listing."""
        return list(self._details.values())

    def of(self, digests: Iterable[str]) -> list[dict[str, Any]]:
        """The entries of those images that are listed."""
        return [self._details[each] for each in digests if each in self._details]

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
    news, list_member = News(), "imageDetails"
    try:
        note = _list(operations, "DescribeImages", list_member, repository_name, filters, graph, stop, news)
        return Listing(listed_at, complete=not note, archived=archived, note=note, pages=news.pages)
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
    return Listing(
        listed_at, complete=not note, archived=archived, details=False, note=note, pages=news.pages
    )


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
