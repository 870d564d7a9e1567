"""`check`: checks digests once, without keeping a `Checker`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layercheck._core import Plan
from layercheck.dispatch.checker import Checker
from layercheck.dispatch.schedule.deadline import Deadline
from layercheck.dispatch.transport.selection import TransportName
from layercheck.journal.options import Durability, JournalOptions, JournalPath
from layercheck.types import DigestInput, EcrClient, ProgressCallback, Rate

if TYPE_CHECKING:
    from boto3 import Session
    from botocore.config import Config

    from layercheck.report import Report


def check(
    digests: DigestInput | Plan,
    repository_name: str,
    *,
    registry_id: str | None = None,
    public: bool = False,
    session: Session | None = None,
    client: EcrClient | None = None,
    region_name: str | None = None,
    profile_name: str | None = None,
    endpoint_url: str | None = None,
    config: Config | None = None,
    rate: Rate = None,
    max_in_flight: int | None = None,
    transport: TransportName | None = None,
    journal: JournalPath = None,
    progress: ProgressCallback | bool | None = None,
    timeout_s: float | None = None,
    max_age_s: float | None = None,
    durability: Durability = "normal",
    raw: bool = False,
) -> Report:
    """Check which of these layer digests are in a repository: one verdict for every row.

    Args:
        digests: What `layercheck.plan` takes (an iterable of str or bytes, a path, an open binary
            file, raw digests as an array), or a ready plan.
        repository_name: Name, image URI or ARN of the repository; a tag or digest in it is ignored.
        registry_id: As for `Checker`, like all arguments up to `transport`.
        public: ECR Public instead of private ECR.
        session: A `boto3.Session` to make the client from.
        client: A ready boto3 client, never modified.
        region_name: AWS region.
        profile_name: Named profile.
        endpoint_url: Another endpoint.
        config: A `botocore.config.Config`; what it sets wins.
        rate: Calls per second; None, a number, `"quota"` or `"max"`.
        max_in_flight: Calls at once.
        transport: How calls are made; None for the fastest.
        journal: A file that keeps the answers, so that a later run can go on; see `Checker.check`.
        progress: A callback for `Progress`, or True for a bar.
        timeout_s: Most seconds in all; the report then holds what is known by then.
        max_age_s: With a journal, ask again for verdicts older than so many seconds.
        durability: With a journal, "full" survives a power cut too.
        raw: Bytes are raw digests, as for `layercheck.plan`.

    Returns:
        The report: exactly one verdict for every row.

    Raises:
        LayercheckError: A fatal error or misuse, see `Checker` and `Checker.check`.

    Examples:
        >>> import layercheck as lc
        >>> report = lc.check(["sha256:" + "ab" * 32], "team/app")  # doctest: +SKIP
        >>> report.digests("unavailable")  # doctest: +SKIP
        ['sha256:abababababababababababababababababababababababababababababababab']
    """
    JournalOptions.of(journal, max_age_s, durability)
    deadline = Deadline.of(timeout_s)
    with Checker(
        repository_name,
        registry_id=registry_id,
        public=public,
        session=session,
        client=client,
        region_name=region_name,
        profile_name=profile_name,
        endpoint_url=endpoint_url,
        config=config,
        rate=rate,
        max_in_flight=max_in_flight,
        transport=transport,
    ) as checker:
        return checker.check(
            digests,
            journal=journal,
            progress=progress,
            timeout_s=deadline.left_s,
            max_age_s=max_age_s,
            durability=durability,
            raw=raw,
        )
