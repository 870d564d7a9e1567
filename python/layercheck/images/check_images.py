"""`check_images`: checks the images of repositories once, without keeping an `ImageChecker`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from layercheck.dispatch.schedule.deadline import Deadline
from layercheck.images.image_checker import ImageChecker

if TYPE_CHECKING:
    from datetime import datetime

    from boto3 import Session
    from botocore.config import Config

    from layercheck.images.image_progress import ImageProgressCallback
    from layercheck.images.image_report import ImageReport
    from layercheck.images.selection import Status
    from layercheck.types import EcrClient, Rate


def check_images(
    targets: str | Iterable[str],
    *,
    registry_id: str | None = None,
    exclude: Iterable[str] = (),
    tags: Iterable[str] | None = None,
    tagged: bool | None = None,
    status: Status = "any",
    pushed_after: datetime | None = None,
    pushed_before: datetime | None = None,
    newest: int | None = None,
    platforms: Iterable[str] | None = None,
    manifests: str | os.PathLike[str] | None = None,
    confirm: bool = True,
    require_exclusion: bool = False,
    session: Session | None = None,
    client: EcrClient | None = None,
    region_name: str | None = None,
    profile_name: str | None = None,
    endpoint_url: str | None = None,
    config: Config | None = None,
    rate: Rate = None,
    image_rate: float | str | None = None,
    list_rate: float | str | None = None,
    max_in_flight: int | None = None,
    progress: ImageProgressCallback | bool | None = None,
    timeout_s: float | None = None,
) -> ImageReport:
    """Find the images of repositories that can no longer be pulled: one verdict for every listed image.

    All arguments up to `max_in_flight` are those of `ImageChecker`, which also says what is asked and what
    ECR notes when an image is read.

    Args:
        targets: Names, patterns (`team/*`), image URIs or ARNs, or the host of a registry for all of it.
        registry_id: Account id of the registry.
        exclude: Patterns of repositories to leave out.
        tags: Patterns of tags, one of which an image must have.
        tagged: True for tagged images only, False for untagged ones.
        status: `"active"`, `"archived"` or `"any"`.
        pushed_after: Only images pushed at this time or later. A time without a zone is UTC.
        pushed_before: Only images pushed earlier. A time without a zone is UTC.
        newest: Only so many images of each repository.
        platforms: Platforms of which an index must be whole.
        manifests: A file that keeps manifests, so that each is read once.
        confirm: Ask a second operation before a blob is called missing.
        require_exclusion: Raise instead of renewing pull times.
        session: A `boto3.Session` to make the client from.
        client: A ready boto3 client, never modified.
        region_name: AWS region.
        profile_name: Named profile.
        endpoint_url: Another endpoint.
        config: A `botocore.config.Config`.
        rate: Calls of BatchCheckLayerAvailability per second.
        image_rate: Calls of BatchGetImage per second.
        list_rate: Calls per second of each operation that lists.
        max_in_flight: Calls of BatchCheckLayerAvailability at once.
        progress: A callback for `ImageProgress`, or True to show how far the check is.
        timeout_s: Most seconds in all.

    Raises:
        LayercheckError: Misuse, or an error that concerns every repository; see `ImageChecker.check`.

    Examples:
        >>> import layercheck as lc
        >>> report = lc.check_images("team/app", region_name="eu-west-1")  # doctest: +SKIP
        >>> [image.tags for image in report.find("incomplete")]  # doctest: +SKIP
        [('v1.2',)]
    """
    deadline = Deadline.of(timeout_s)
    with ImageChecker(
        targets,
        registry_id=registry_id,
        exclude=exclude,
        tags=tags,
        tagged=tagged,
        status=status,
        pushed_after=pushed_after,
        pushed_before=pushed_before,
        newest=newest,
        platforms=platforms,
        manifests=manifests,
        confirm=confirm,
        require_exclusion=require_exclusion,
        session=session,
        client=client,
        region_name=region_name,
        profile_name=profile_name,
        endpoint_url=endpoint_url,
        config=config,
        rate=rate,
        image_rate=image_rate,
        list_rate=list_rate,
        max_in_flight=max_in_flight,
    ) as checker:
        return checker.check(progress=progress, timeout_s=deadline.left_s)
