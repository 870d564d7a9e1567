"""Reads the pages of a list, and notices when a service would send pages for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from layercheck.dispatch.single_calls import CallFailed
from layercheck.images.operations import Operations
from layercheck.images.stopping import StopSignal

MOST_PAGES = 10_000
"""Pages of one list. The images of a repository fill 100 pages by ECR's quota of 100,000."""

EMPTY_IN_A_ROW, REPEATED_IN_A_ROW = 200, 20
"""Pages in a row that are empty, or name only what was named before, beside as many pages as brought news.

A list with a filter may have many empty pages: if a service filters after it has cut the pages, the archived
images of a repository stand behind a page for each 1,000 active ones. A list that is read from its start once
more brings as many pages without news as were read before."""

_SHORTER_PAGES = 10
"""Pages with fewer entries after one that was too long. Otherwise a few images with many tags would make a
list of 100,000 images 10,000 pages long."""


class EndlessListError(Exception):
    """A service names page after page."""


class BadTokenError(Exception):
    """A service refuses the token of a page, so that the list may be read from its start."""


def pages(
    operations: Operations, operation: str, stop: StopSignal, **arguments: Any
) -> Iterator[Mapping[str, Any]]:
    """Yield the pages of a list.

    A page that is longer than what is read is asked for again with a tenth of the entries: images may have
    1,000 tags of 300 letters each. Ten shorter pages later, ten times as many entries are asked for again.

    Args:
        operations: Makes the calls.
        operation: Its name in the API.
        stop: Ends it early.
        **arguments: What is asked for each page.

    Raises:
        EndlessListError: A token comes a second time, or is not text, or there are too many pages.
        BadTokenError: The token of a page is refused.
        CallFailed: A page cannot be had.
        CheckStopped: Everything is to stop.
    """
    seen: set[str] = set()
    token: dict[str, str] = {}
    most = arguments.get("maxResults", 1)
    shorter = grown_from = 0
    while len(seen) < MOST_PAGES:
        entries = arguments.get("maxResults", 1)
        try:
            page = operations.call(operation, stop, **arguments, **token)
        except CallFailed as failed:
            if failed.failure.too_long and entries > 1:
                arguments["maxResults"], shorter = max(1, entries // 10), 0
                continue
            if token and failed.failure.kind == "batch":
                if grown_from:
                    # AWS does not say whether a token holds for another number of entries.
                    arguments["maxResults"] = most = grown_from
                    grown_from = 0
                    continue
                # The first page was accepted, so the token is refused: it has expired.
                raise BadTokenError(f"a page was refused: {failed.failure.summary}") from failed
            raise
        grown_from = 0
        yield page
        following = page.get("nextToken")
        if not following:
            return
        if not isinstance(following, str):
            raise EndlessListError("the service named the next page by something that is not text")
        if following in seen:
            raise EndlessListError("the service named the same page twice")
        seen.add(following)
        token = {"nextToken": following}
        shorter += entries < most
        if shorter == _SHORTER_PAGES:
            arguments["maxResults"], shorter, grown_from = min(most, entries * 10), 0, entries
    raise EndlessListError(f"the service named more than {MOST_PAGES:,} pages")


class News:
    """Counts the pages of a list that brought something new, and those in a row that did not.

    Attributes:
        pages: All pages so far.
    """

    def __init__(self) -> None:
        self.pages = 0
        self._with = self._empty = self._repeated = 0
        self._names: set[str] = set()

    def brings(self, names: Iterable[str]) -> bool:
        """Note what a page names, such as tags; return whether any of it is new."""
        before = len(self._names)
        self._names.update(names)
        return len(self._names) > before

    def start(self) -> None:
        """The list is read from its start, or a part of it with another filter is."""
        self._empty = self._repeated = 0

    def page(self, entries: int, *, is_new: bool) -> None:
        """Count a page with so many entries.

        Raises:
            EndlessListError: Too many pages in a row brought nothing new.
        """
        self.pages += 1
        if is_new:
            self._with += 1
            self.start()
            return
        self._empty += not entries
        self._repeated += entries > 0
        if self._empty > EMPTY_IN_A_ROW + self._with or self._repeated > REPEATED_IN_A_ROW + self._with:
            without = self._empty + self._repeated
            raise EndlessListError(f"{without:,} pages in a row named nothing new")
