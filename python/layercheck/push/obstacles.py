"""Why ECR would refuse a push: limits of the service, the repository, the tag, and what is lacking."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from layercheck.push.actions import PushRow
from layercheck.push.facts import RepositoryFacts, TargetFacts
from layercheck.push.source import Need, Source
from layercheck.redact import clean

MANIFEST_BYTES = 4 << 20
"""Longest manifest (botocore shape `ImageManifest`: 4,194,304 characters)."""

LAYER_BYTES = 52_000 << 20
"""Largest layer (https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html)."""

TagState: TypeAlias = Literal["none", "free", "same", "moves", "unknown"]
"""What the tag of the push is in the target.

`none`: the push has no tag. `free`: no image has it. `same`: it names this image. `moves`: it names another
image. `unknown`: nobody told, or the digest of this image is not known before the push."""


def obstacles(
    source: Source,
    needs: Sequence[Need],
    rows: Sequence[PushRow],
    facts: TargetFacts,
    *,
    repository_name: str,
    tag: str | None,
    state: TagState,
) -> tuple[str, ...]:
    """The reasons, each a line that says what, where and what to do; none if nothing is in the way."""
    found = [
        *_of_repository(facts, repository_name),
        *_of_tag(facts, tag, state),
        *_of_source(source, needs),
        *(
            f"{_name(row)}: an index lists it, and neither the source nor the target has it; push it first"
            for row in rows
            if row.action == "lacking" and row.is_manifest
        ),
    ]
    return tuple(dict.fromkeys(found))


def tag_state(needs: Sequence[Need], facts: TargetFacts, tag: str | None) -> TagState:
    """What the tag is in the target."""
    if tag is None:
        return "none"
    if facts.repository.exists is False:
        return "free"
    if not facts.tag_known:
        return "unknown"
    if facts.tag_digest is None:
        return "free"
    roots = [need.digest for need in needs if need.is_root]
    if len(roots) != 1 or roots[0] is None:
        return "unknown"
    return "same" if roots[0] == facts.tag_digest else "moves"


def is_immutable(repository: RepositoryFacts, tag: str) -> bool | None:
    """Whether a tag of the repository can never move; None if the repository's settings are unknown."""
    excluded = any(_matches(pattern, tag) for pattern in repository.exclusions)
    match repository.mutability:
        case "MUTABLE":
            return False
        case "IMMUTABLE":
            return True
        case "IMMUTABLE_WITH_EXCLUSION":
            return not excluded
        case "MUTABLE_WITH_EXCLUSION":
            return excluded
    return None


def tag_notes(facts: TargetFacts, tag: str | None, state: TagState) -> Iterator[str]:
    """What is to be known about the tag, where it does not block."""
    if tag is None:
        return
    immutable = is_immutable(facts.repository, tag)
    if state == "moves" and not immutable:
        words = "" if immutable is False else "; it is refused if the tag is immutable"
        yield f"the tag {tag!r} moves here from {facts.tag_digest}{words}"
    if state == "unknown" and facts.tag_digest is not None and immutable is not False:
        yield (
            f"the tag {tag!r} names {facts.tag_digest}, and the digest of this push is not known before; "
            "an immutable tag refuses any other image"
        )


def _of_repository(facts: TargetFacts, repository_name: str) -> Iterator[str]:
    if facts.repository.exists is not False or facts.created_on_push:
        return
    why = (
        "no repository creation template creates it on push"
        if facts.created_on_push is False
        else "whether a push creates it is not known"
    )
    yield (
        f"the repository {repository_name!r} does not exist, and {why}; "
        "create it, or check the name, the region and the registry"
    )


def _of_tag(facts: TargetFacts, tag: str | None, state: TagState) -> Iterator[str]:
    if tag is not None and state == "moves" and is_immutable(facts.repository, tag):
        yield f"the tag {tag!r} is immutable and names {facts.tag_digest}; choose another tag"


def _of_source(source: Source, needs: Sequence[Need]) -> Iterator[str]:
    for need in needs:
        if need.part is not None:
            part, name = need.part, need.part.digest or need.part.diff_id or "a layer"
            if part.distributable and part.size is not None and part.size > LAYER_BYTES:
                yield f"{name}: {part.size:,} bytes, and ECR takes layers of at most 52,000 MiB; split it"
            continue
        document = need.document
        if document is None:
            continue
        name = document.digest or clean(need.images[0] if need.images else source.name, 100)
        if document.unusable:
            yield f"{name}: ECR has sha256 alone, and {document.unusable:,} of its parts have another digest"
        if document.size is not None and document.size > MANIFEST_BYTES:
            yield f"{name}: a manifest of {document.size:,} bytes, and ECR takes at most 4 MiB"
        if document.present and document.role in ("manifest", "attestation") and not _has_layers(need):
            yield f"{name}: an image without layers, and ECR wants at least one; add one to it"
        if document.role == "index" and document.parts:
            yield f"{name}: an index that lists blobs, and ECR takes manifests alone; export it as an image"


def _has_layers(need: Need) -> bool:
    assert need.document is not None  # noqa: S101 - for the type checker
    return any("layer" in part.role for part in need.document.parts)


def _name(row: PushRow) -> str:
    return row.digest or row.role


def _matches(pattern: str, tag: str) -> bool:
    """Whether a wildcard filter of ECR covers the tag. A star is any text; no other character is special."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), tag, re.DOTALL) is not None
