"""What a push would do with each blob and manifest: one action for each, from the answers of the target."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from layercheck.push.facts import TargetFacts
from layercheck.push.source import Document, Need, Part, Role
from layercheck.redact import clean
from layercheck.verdict import Verdict

Action: TypeAlias = Literal["skip", "upload", "mount", "external", "compress", "lacking", "undecided"]
"""What a push would do.

`skip`: the target has it. `upload`: it is sent. `mount`: the registry may take it from another repository.
`external`: a push leaves it out by its media type. `compress`: a plain tar, which is compressed and sent
under a digest that is not known before. `lacking`: neither the target nor the source has it, so the push
cannot succeed. `undecided`: no answer says what would happen."""

ACTIONS: tuple[Action, ...] = get_args(Action)

_ARCHIVED = "archived in the target"


@dataclass(frozen=True, slots=True)
class PushRow:
    """One blob or manifest of a push.

    Attributes:
        action: What a push would do with it.
        digest: `sha256:<hex>`; None if it is not known before the push.
        size: Bytes; of a plain tar those before compression. None if nobody says.
        media_type: The media type in the source.
        role: What it is to the images that need it.
        images: The images of the source that need it: their first name, or else their digest.
        platforms: The platforms that need it.
        in_source: Whether the source has the bytes.
        mount_from: The repository that it may be mounted from; None without a mount.
        diff_id: The digest of a plain tar; None for all others.
        archived: Whether the target has it archived.
        note: What else is to be known; empty for nothing.
    """

    action: Action
    digest: str | None
    size: int | None
    media_type: str
    role: Role
    images: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    in_source: bool = True
    mount_from: str | None = None
    diff_id: str | None = None
    archived: bool = False
    note: str = ""

    @property
    def is_manifest(self) -> bool:
        """Whether it is a manifest or an index, and not a blob."""
        return self.role not in ("config", "layer", "config, layer")


def must_be_asked(need: Need) -> bool:
    """Whether the target is asked for this blob."""
    part = need.part
    return part is not None and part.distributable and part.digest is not None


def decide(needs: Iterable[Need], facts: TargetFacts) -> tuple[PushRow, ...]:
    """One row for each blob and document, in the order of the push."""
    return tuple(
        _of_blob(need, need.part, facts) if need.part else _of_document(need, need.document, facts)
        for need in needs
        if need.part or need.document
    )


def _of_blob(need: Need, part: Part, facts: TargetFacts) -> PushRow:
    size = part.size
    action: Action
    archived, mount, note = False, None, ""
    if not part.distributable:
        action, note = "external", "not distributable by its media type"
    elif part.digest is None:
        action = "compress" if part.present else "lacking"
        note = "the client compresses it; the size is that of the plain tar"
    elif facts.repository.exists is False:
        action, mount, note = _of_absent(part, facts)
    else:
        state, told, why = _verdict(part.digest, facts)
        size = told if size is None else size
        if state == "available":
            action, note = "skip", _size_note(part.size, told)
        elif state == "archived":
            action, archived, note = _sent(part), True, _ARCHIVED
        elif state == "unavailable":
            action, mount, note = _of_absent(part, facts)
        else:
            absence = "" if part.present else part.flaw or "not in the source"
            action, note = "undecided", "; ".join(filter(None, (why, absence)))
    return PushRow(
        action,
        part.digest,
        size,
        part.media_type,
        part.role,
        need.images,
        need.platforms,
        part.present,
        mount,
        part.diff_id,
        archived,
        note or ("" if part.present else part.flaw or "not in the source"),
    )


def _of_absent(part: Part, facts: TargetFacts) -> tuple[Action, str | None, str]:
    """What happens to a blob that the target does not have: action, repository to mount from, note."""
    note = ""
    for source in facts.mounts:
        if part.digest not in source.available:
            continue
        if part.role == "config":
            # Seen with skopeo 1.9 against docker-registry; the pushers of docker and crane do the same.
            note = f"{source.repository_name} has it, and clients do not mount configs"
            break
        if source.mountable:
            otherwise = "uploaded" if part.present else "lacking"
            return "mount", source.repository_name, f"{otherwise} if the mount is refused"
        note = note or f"or mount from {source.repository_name}"
    if not part.present:
        return "lacking", None, "; ".join(filter(None, (part.flaw or "not in the source", note)))
    return "upload", None, note


def _of_document(need: Need, document: Document | None, facts: TargetFacts) -> PushRow:
    assert document is not None  # noqa: S101 - for the type checker
    action: Action
    archived, note = False, ""
    if document.digest is None:
        action, note = "upload", "the client writes it, so its digest is not known before"
    elif facts.repository.exists is False:
        action = "upload" if document.present else "lacking"
    else:
        found = facts.manifests.get(document.digest)
        archived = found == "archived"
        if found == "there":
            action = "skip"
        elif found is None:
            action, note = "undecided", "" if facts.blobs is None else "no answer says whether it is there"
        else:
            action = "upload" if document.present else "lacking"
            note = "archived in the target; a push restores it" if archived else ""
    return PushRow(
        action,
        document.digest,
        document.size,
        document.media_type,
        document.role,
        need.images,
        need.platforms,
        document.present,
        archived=archived,
        note=note or ("" if document.present else document.flaw or "not in the source"),
    )


def _sent(part: Part) -> Action:
    return "upload" if part.present else "lacking"


def _verdict(digest: str, facts: TargetFacts) -> tuple[str, int | None, str]:
    """The verdict of a blob, its size in the target, and why there is no answer."""
    if facts.blobs is None or digest not in facts.blobs:
        return "not_checked", None, ""
    row = facts.blobs[digest]
    why = ": ".join(part for part in (row.code, row.reason) if part) or row.verdict.label
    if row.verdict is Verdict.OTHER:
        why = f"the target answered {clean(row.code or '?', 50)}, which this version does not know"
    return row.verdict.label, row.size, clean(why, 200)


def _size_note(ours: int | None, theirs: int | None) -> str:
    if ours is None or theirs is None or ours == theirs:
        return ""
    return f"its size in the target is {theirs:,} bytes, and {ours:,} here"
