"""Asks for images by digest or tag, and tells those that are there from those that are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from layercheck.dispatch.single_calls import CallFailed
from layercheck.images.listing import ListedPages, Listing, list_images, tags_of
from layercheck.images.operations import Operations
from layercheck.images.stopping import StopSignal

ImageId: TypeAlias = dict[str, str]
"""An image as a call names it: `imageDigest` or `imageTag`."""

_IN_ONE_CALL = 100
"""Images that one call may name."""

FEW_DENIED = 50
"""Children of which the service says one by one that they are not there, before a new listing is worth it."""


class LookedUp(NamedTuple):
    """What became of the images that were asked for. One that no answer names is in none of the lists.

    Attributes:
        there: Details of the images that are there.
        missing: Those of which the service said that they are not there.
        left: Those that were not asked for any more.
    """

    there: list[Any]
    missing: list[ImageId]
    left: list[ImageId]


def look_up(
    operations: Operations,
    repository_name: str,
    ids: Sequence[ImageId],
    stop: StopSignal,
    on_answered: Callable[[int], None] = lambda _: None,
    missing_at_most: int | None = None,
) -> LookedUp:
    """Ask for images by digest or tag.

    The service refuses a call of which one image is not there, and its text names that image: the others are
    asked for again without it. If the text names none of them, the call is halved.

    Args:
        operations: Makes the calls.
        repository_name: The repository.
        ids: What is asked.
        stop: Ends it early.
        on_answered: Called after each call with the number of ids that it settled.
        missing_at_most: Ask no more after so many missing images; None for no limit.

    Raises:
        CallFailed: The service does not answer.
        CheckStopped: Everything is to stop.
    """
    there: list[Any] = []
    missing: list[ImageId] = []
    # AWS does not document whether images that are named are shown in every state.
    states: dict[str, Any] = {}
    if operations.has_member("DescribeImages", "filter", "imageStatus"):
        states = {"filter": {"imageStatus": "ANY"}}
    waiting = [list(ids[at : at + _IN_ONE_CALL]) for at in range(0, len(ids), _IN_ONE_CALL)][::-1]
    while waiting and (missing_at_most is None or len(missing) < missing_at_most):
        part = waiting.pop()
        try:
            page = operations.call(
                "DescribeImages",
                stop,
                final=("ImageNotFoundException",),
                repositoryName=repository_name,
                imageIds=part,
                **states,
            )
        except CallFailed as failed:
            if states and failed.failure.code == "InvalidParameterException":
                # Nor whether a call may name images and have a filter.
                states = {}
                waiting.append(part)
                continue
            if failed.failure.code != "ImageNotFoundException":
                raise
            denied = part if len(part) == 1 else _named(failed.failure.message, part)
            missing += denied
            on_answered(len(denied))
            waiting += _halves([each for each in part if each not in denied], whole=bool(denied))
            continue
        details = page.get("imageDetails")
        details = details if isinstance(details, list) else []
        there += details
        unanswered = [each for each in part if not any(is_about(each, one) for one in details)]
        # A single image is not asked for again: an answer that names it may never come.
        again = unanswered if len(part) > 1 else []
        waiting += _halves(again)
        on_answered(len(part) - len(again))
    return LookedUp(there, missing, [each for part in reversed(waiting) for each in part])


def look_up_children(
    operations: Operations,
    repository_name: str,
    children: Sequence[str],
    listing: Listing,
    stop: StopSignal,
    on_answered: Callable[[int], None] = lambda _: None,
) -> LookedUp:
    """Ask for children of indexes that a listing did not name.

    Each that is not there costs a call, and lifecycle rules may have deleted thousands. So after a number of
    them, and if all were denied, the repository is listed once more. A child that this listing leaves out
    is not there.

    Args:
        operations: Makes the calls.
        repository_name: The repository.
        children: Their digests.
        listing: The first listing, which did not name them; without pages if images are named one by one.
        stop: Ends it early.
        on_answered: Called after each call with the number of children that it settled.

    Raises:
        CallFailed: The service does not answer.
        CheckStopped: Everything is to stop.
    """
    # In the order of their digests, the first ones are a sample of all.
    asked = [{"imageDigest": each} for each in sorted(children)]
    enough = max(FEW_DENIED, 2 * (listing.pages or 0))
    first = look_up(operations, repository_name, asked, stop, on_answered, enough)
    if not first.left:
        return first
    # A child that is there after all was pushed meanwhile, or the listing is not to be trusted.
    again = None if first.there else listed_again(operations, repository_name, first.left, stop)
    if again is None:
        again = look_up(operations, repository_name, first.left, stop, on_answered)
    else:
        on_answered(len(first.left))
    return LookedUp([*first.there, *again.there], [*first.missing, *again.missing], [])


def listed_again(
    operations: Operations, repository_name: str, asked: Sequence[ImageId], stop: StopSignal
) -> LookedUp | None:
    """List a repository once more, and say what `look_up` says of digests; None if the listing is not whole.

    Raises:
        CheckStopped: Everything is to stop.
    """
    pages = ListedPages()
    try:
        listing = list_images(operations, repository_name, pages, stop)
    except CallFailed:
        return None
    if not (listing.complete and listing.archived):
        return None
    there = pages.of([each["imageDigest"] for each in asked])
    found = {each["imageDigest"] for each in there}
    return LookedUp(there, [each for each in asked if each["imageDigest"] not in found], [])


def digest_of(details: object) -> str | None:
    """The digest of an entry of DescribeImages; None for what is not one."""
    digest = details.get("imageDigest") if isinstance(details, Mapping) else None
    return digest if isinstance(digest, str) else None


def _named(message: str, ids: Sequence[ImageId]) -> list[ImageId]:
    """The image that the text of a refusal names; empty if it names none, or several."""
    named = [each for each in ids if _as_named(each) in message]
    return named if len(named) == 1 else []


def _as_named(image_id: ImageId) -> str:
    """How a refusal names an image. Without the digest, the tag `null` would stand for every image."""
    if "imageDigest" in image_id:
        return f"imageDigest:'{image_id['imageDigest']}'"
    return f"imageDigest:'null', imageTag:'{image_id['imageTag']}'"


def _halves(ids: list[ImageId], *, whole: bool = False) -> list[list[ImageId]]:
    """What is asked in the next calls, the last first."""
    half = 0 if whole else (len(ids) + 1) // 2
    return [each for each in (ids[half:], ids[:half]) if each]


def is_about(image_id: Mapping[str, str], details: object) -> bool:
    """Whether an entry of an answer is about the image that was asked for."""
    if "imageDigest" in image_id:
        return digest_of(details) == image_id["imageDigest"]
    return isinstance(details, Mapping) and image_id["imageTag"] in tags_of(details)
