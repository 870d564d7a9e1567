"""`push_plan`: from a source and a repository to the plan of a push."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from layercheck.dispatch.checker import Checker
from layercheck.dispatch.schedule.deadline import Deadline
from layercheck.errors import InvalidParameterError, UnansweredError
from layercheck.layout.watched import OnBytes
from layercheck.push.actions import PushRow, decide
from layercheck.push.asking import Asking
from layercheck.push.facts import TargetFacts
from layercheck.push.obstacles import obstacles, tag_notes, tag_state
from layercheck.push.plan import ImagePlan, PushPlan
from layercheck.push.reading import SourceInput, read_source
from layercheck.push.reference import PushTarget, push_target
from layercheck.push.source import Need, Source, needs_of
from layercheck.push.totals import bytes_of, counts_of, upload_bytes
from layercheck.redact import clean
from layercheck.types import EcrClient, ProgressCallback, Rate, Target

if TYPE_CHECKING:
    import os

    from boto3 import Session
    from botocore.config import Config

_MOMENT_S = 1e-6


def push_plan(
    source: SourceInput,
    repository_name: str,
    *,
    tag: str | None = None,
    image: str | None = None,
    platforms: str | Iterable[str] | None = None,
    mount_from: str | Iterable[str] = (),
    blobs: str | os.PathLike[str] | None = None,
    verify: bool | None = None,
    registry_id: str | None = None,
    session: Session | None = None,
    client: EcrClient | None = None,
    region_name: str | None = None,
    profile_name: str | None = None,
    endpoint_url: str | None = None,
    config: Config | None = None,
    rate: Rate = None,
    max_in_flight: int | None = None,
    progress: ProgressCallback | bool | None = None,
    timeout_s: float | None = None,
    dry_run: bool = False,
    _on_bytes: OnBytes | None = None,
) -> PushPlan:
    """Tell what a push would skip, mount and upload, blob by blob, before the push.

    Nothing is pushed, and nothing in the registry changes: blobs are asked by
    `BatchCheckLayerAvailability`, manifests and the tag by `DescribeImages`, which does not count as a pull.
    What was denied or has no answer is `undecided` or stands in `notes`.

    Args:
        source: An OCI layout folder, an archive (plain, gzip or zstd; `docker save` and OCI), an open binary
            file, or a `Layout` of `layercheck.read_layout`.
        repository_name: Name, image URI or ARN of the repository, in private ECR. A tag behind it is `tag`.
        tag: The tag of the push. None: the image is pushed by digest, and no tag is looked at.
        image: Plan this image of the source alone: one of its names, or its digest.
        platforms: Plan these platforms alone, such as `"linux/amd64"`. The images of the platforms are then
            pushed by themselves, without the index that lists them.
        mount_from: Repositories of the same registry that the client may mount blobs from.
        blobs: A folder with blobs that the layout leaves out, in the form of `blobs/` of a layout.
        verify: As for `read_layout`: True hashes all blobs, also those of folders, whose sizes alone are
            compared otherwise. A blob that is damaged cannot be sent: it is `lacking`, unless the target has
            it.
        registry_id: As for `Checker`, like all arguments up to `max_in_flight`.
        session: A `boto3.Session` to make the client from.
        client: A ready boto3 client, never modified.
        region_name: AWS region.
        profile_name: Named profile.
        endpoint_url: Another endpoint.
        config: A `botocore.config.Config`; what it sets wins.
        rate: Layer checks per second; None, a number, `"quota"` or `"max"`. Each other operation keeps
            to 10 calls a second, all plans and checks of images in this process together.
        max_in_flight: Layer checks at once.
        progress: A callback for `Progress` of the layer check, or True for a bar.
        timeout_s: Most seconds until the last question, from the start, reading included; the plan then holds
            what is known by then.
        dry_run: Ask nothing: what would need an answer is `undecided`. Needs no credentials.

    Returns:
        The plan: one action for every blob and every manifest.

    Raises:
        InvalidParameterError: Arguments that cannot be right, an image or platform that the source does not
            have, or a repository of ECR Public.
        UnansweredError: `timeout_s` was over before the source was read.
        LayercheckError: A fatal error of the layer check, see `Checker.check`; a repository that does not
            exist is not an error.
        LayoutError: The source is not a layout or an archive of images, is damaged, or names no image; the
            message says what it looks like.
        OSError: The source cannot be read.
        KeyboardInterrupt: Ctrl-C; its attribute `push_plan` has the plan with what is known, once the source
            was read.

    Examples:
        >>> import layercheck as lc
        >>> plan = lc.push_plan("app.tar", "team/app", tag="v2")  # doctest: +SKIP
        >>> plan.counts["upload"], plan.upload_bytes.most, plan.blocked  # doctest: +SKIP
        (2, 41209340, ())
    """
    deadline = Deadline.of(timeout_s)
    to = push_target(repository_name, registry_id, region_name, tag, mount_from)
    wanted = (platforms,) if isinstance(platforms, str) else tuple(platforms or ())

    def on_bytes(count: int) -> None:
        if _on_bytes is not None:
            _on_bytes(count)
        if deadline.left_s is not None and deadline.left_s < _MOMENT_S:
            raise UnansweredError(
                f"timeout_s is {timeout_s:g} seconds, and the source was not read to its end in that time; "
                "nothing was asked; allow more time"
            )

    def read() -> Source:
        found = read_source(
            source, image=image, platforms=wanted, blobs=blobs, verify=verify, on_bytes=on_bytes
        )
        roots = {each.root for each in found.images}
        if to.tag is not None and len(roots) > 1:
            raise InvalidParameterError(
                f"tag is {to.tag!r}, and the source has {len(roots):,} images to push; choose one by image "
                "or platforms, or leave the tag out"
            )
        return found

    if dry_run:
        place = Target(to.repository_name, to.registry_id, to.region_name, endpoint_url)
        return _plan(read(), to, place, TargetFacts(), asked=False)
    with Checker(
        to.repository_name,
        registry_id=to.registry_id,
        session=session,
        client=client,
        region_name=to.region_name,
        profile_name=profile_name,
        endpoint_url=endpoint_url,
        config=config,
        rate=rate,
        max_in_flight=max_in_flight,
    ) as checker:
        # The client comes first, so that a wrong profile shows before a long archive is read.
        run = Asking(checker, to, read(), deadline, progress, rate)

        def known() -> PushPlan:
            return _plan(run.source, to, checker.target, run.facts, asked=True, needs=run.needs)

        try:
            run.ask(owned=client is None)
        except KeyboardInterrupt as stop:
            run.facts.blobs = run.facts.blobs or getattr(stop, "report", None)
            stop.__dict__["push_plan"] = known()
            raise
        return known()


def _plan(
    source: Source,
    to: PushTarget,
    target: Target,
    facts: TargetFacts,
    *,
    asked: bool,
    needs: Sequence[Need] | None = None,
) -> PushPlan:
    needs = needs_of(source) if needs is None else needs
    rows = decide(needs, facts)
    state = tag_state(needs, facts, to.tag)
    if not asked and to.tag is not None:
        state = "unknown"
    return PushPlan(
        source.name,
        target,
        to.tag,
        state,
        rows,
        _images(source, rows),
        obstacles(source, needs, rows, facts, repository_name=to.repository_name, tag=to.tag, state=state),
        (*source.notes, *_how_to_get(rows), *facts.notes, *tag_notes(facts, to.tag, state)),
        asked,
        facts.blobs,
    )


def _how_to_get(rows: Sequence[PushRow]) -> Iterator[str]:
    """What to do about what is lacking, once for all of it."""
    lacking = [row for row in rows if row.action == "lacking"]
    if lacking:
        platforms = list(dict.fromkeys(platform for row in lacking for platform in row.platforms))
        of = f" of {clean(', '.join(platforms), 200)}" if platforms else ""
        yield (
            f"{len(lacking):,} lacking{of}: pull the whole image before it is saved, or name a folder that "
            "has these blobs"
        )


def _images(source: Source, rows: Sequence[PushRow]) -> tuple[ImagePlan, ...]:
    """The numbers of each image of the source."""
    found = []
    of_image: dict[str, list[PushRow]] = {}
    for row in rows:
        for label in row.images:
            of_image.setdefault(label, []).append(row)
    for image in source.images:
        label = image.label(source.documents)
        its = of_image.get(label, [])
        blobs = [row for row in its if not row.is_manifest]
        platforms = dict.fromkeys(platform for row in its for platform in row.platforms)
        root = source.documents[image.root]
        found.append(
            ImagePlan(
                label,
                image.names,
                root.digest,
                tuple(platforms),
                counts_of(blobs),
                bytes_of(blobs),
                upload_bytes(blobs),
            )
        )
    return tuple(found)
