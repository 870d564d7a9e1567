"""The judge of images in slow and readable Python: the rules of one repository's images, and nothing else.

Manifests are parsed JSON; a digest is its text. The tests compare `layercheck._core.ImageGraph` with it. Each
function answers one question about a `Repository`, by recursion over what is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Json = dict[str, Any]

MAX_DEPTH = 8
ANSWERED = ("available", "unavailable", "archived")
IMAGE_CONFIGS = {
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
}
DOCUMENTS = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.oci.artifact.manifest.v1+json",
}
FOREIGN = (
    "application/vnd.oci.image.layer.nondistributable.",
    "application/vnd.docker.image.rootfs.foreign.",
)


@dataclass
class Blob:
    """What the service said of one blob, in the order of the questions."""

    first: str = "not_checked"
    second: str | None = None
    denied_too: bool | None = None
    size: int | None = None
    second_size: int | None = None


@dataclass
class Listed:
    """One image of the listing."""

    status: str | None = None
    tags: list[str] = field(default_factory=list)
    artifact_type: str | None = None


@dataclass
class Repository:
    """All that is known of a repository."""

    listing: dict[str, Listed] = field(default_factory=dict)
    manifests: dict[str, Json] = field(default_factory=dict)
    failures: dict[str, tuple[str, bool]] = field(default_factory=dict)
    blobs: dict[str, Blob] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    found: set[str] = field(default_factory=set)
    platforms: list[str] = field(default_factory=list)
    listing_complete: bool = True
    pull_through: bool | None = False


class Judged(NamedTuple):
    """The verdict of one image and why, and how many of its parts are missing, archived and undecided."""

    verdict: str
    code: str | None
    missing: int = 0
    archived: int = 0
    undecided: int = 0
    extras_incomplete: int = 0


def judge(repository: Repository) -> dict[str, Judged]:
    """The verdict of every listed image."""
    return {digest: verdict_of(repository, digest) for digest in repository.listing}


def verdict_of(repository: Repository, digest: str) -> Judged:
    """The verdict of one listed image."""
    if digest in repository.gone:
        return Judged("gone", None)
    if is_archived(repository, digest):
        return Judged("archived", None)
    if digest not in repository.manifests:
        if digest not in repository.failures:
            return Judged("not_checked", None)
        code, unreadable = repository.failures[digest]
        return Judged("unreadable" if unreadable else "undecided", code)
    depth = depth_of(repository, digest, ())
    if depth is None:
        return Judged("unreadable", "CyclicIndex")
    if depth > MAX_DEPTH:
        return Judged("unreadable", "NestedTooDeep")
    return by_parts(repository, repository.manifests[digest])


def by_parts(repository: Repository, manifest: Json) -> Judged:
    """The verdict of an image whose manifest was read."""
    blobs, children, extras, faults = parts(repository, manifest)
    of_blobs = [state_of_part(repository, digest, found) for digest, found in blobs.items()]
    of_children = [child_state(repository, child) for child in children]
    # An index may list a child twice, once as one that a pull needs for sure.
    listed = manifest.get("manifests") or []
    sure = {child["digest"] for child in listed if is_needed_for_sure(repository, child)}
    doubtful = {child["digest"] for child in listed if is_doubtful(repository, child)} - sure
    of_children = [
        "undecided" if child in doubtful and state in ("missing", "incomplete", "archived") else state
        for child, state in zip(children, of_children, strict=True)
    ]
    of_extras = [child_state(repository, child) for child in extras]
    missing = [s for s in of_blobs if s.startswith("missing")]
    missing += [s for s in of_children if s in ("missing", "incomplete")]
    archived = [s for s in of_blobs + of_children if s == "archived"]
    undecided = [s for s in of_blobs if s in ("undecided", "contradiction")]
    undecided += [s for s in of_children if s in ("undecided", "unreadable", "found")]
    undecided += [f for f in faults if f == "unsupported"]
    rules = [
        ("malformed" in faults, "unreadable", "MalformedDigest"),
        ("missing layer" in of_blobs, "incomplete", "MissingLayer"),
        ("missing config" in of_blobs, "incomplete", "MissingConfig"),
        ("missing" in of_children, "incomplete", "MissingChild"),
        ("incomplete" in of_children, "incomplete", "IncompleteChild"),
        (bool(archived), "incomplete", "ArchivedParts"),
        ("wrong size" in of_blobs, "incomplete", "SizeMismatch"),
        ("contradiction" in of_blobs, "undecided", "Contradiction"),
        ("unsupported" in faults, "undecided", "UnsupportedAlgorithm"),
        ("undecided" in of_blobs, "undecided", "UndecidedParts"),
        ("undecided" in of_children, "undecided", "UndecidedChild"),
        ("unreadable" in of_children, "undecided", "UnreadableChild"),
        ("found" in of_children, "undecided", "ChildFoundLater"),
        ("not_checked" in of_blobs + of_children, "not_checked", None),
        ("unlisted" in of_children, "partial", why_unlisted(repository)),
        ("partial" in of_children, "partial", "PartialChild"),
        (True, "complete", None),
    ]
    verdict, code = next((verdict, code) for applies, verdict, code in rules if applies)
    broken = [s for s in of_extras if s in ("incomplete", "archived")]
    # That a listing left out what no pull needs says nothing, because nobody may have asked for it.
    broken += [
        s for s, extra in zip(of_extras, extras, strict=True) if s == "missing" and extra in repository.gone
    ]
    return Judged(verdict, code, len(missing), len(archived), len(undecided), len(broken))


def parts(
    repository: Repository, manifest: Json
) -> tuple[dict[str, list[Json]], list[str], list[str], list[str]]:
    """The blobs that a manifest needs with their descriptors, its required children, its other children, and
    what is wrong with digests that cannot be asked about."""
    blobs: dict[str, list[Json]] = {}
    children: list[str] = []
    extras: list[str] = []
    faults: list[str] = []
    described = [("config", manifest["config"])] if manifest.get("config") else []
    described += [("layer", layer) for layer in layers_of(manifest)]
    for child in manifest.get("manifests") or []:
        is_document = not child.get("mediaType") or child["mediaType"] in DOCUMENTS
        if not is_document:
            if child["digest"] in repository.listing:  # an image, whatever its media type says
                of = extras if is_extra(repository, child["digest"]) else children
                of.append(child["digest"])
            else:
                described.append(("layer", child))
        elif fault_of(child["digest"]):
            if not is_attestation(child) and not is_artifact(child):
                faults.append(fault_of(child["digest"]))
        elif is_not_needed(repository, child):
            extras.append(child["digest"])
        elif is_wanted(repository, child.get("platform")):
            children.append(child["digest"])
    for role, part in described:
        if fault_of(part["digest"]):
            if not is_foreign(part):
                faults.append(fault_of(part["digest"]))
        else:
            blobs.setdefault(part["digest"], []).append({**part, "role": role})
    return blobs, list(dict.fromkeys(children)), list(dict.fromkeys(extras)), faults


def layers_of(manifest: Json) -> list[Json]:
    """The layers, or the blobs of an artifact, or the layers of schema 1."""
    if "fsLayers" in manifest:
        return [{"digest": layer["blobSum"]} for layer in manifest["fsLayers"]]
    found: list[Json] = manifest.get("layers") or manifest.get("blobs") or []
    return found


def state_of_part(repository: Repository, digest: str, described: list[Json]) -> str:
    """What is known of a blob that a manifest needs."""
    if all(is_foreign(part) for part in described):
        return "not needed"
    blob = repository.blobs.get(digest, Blob())
    state = state_of_blob(blob)
    if state == "missing":
        is_layer = any(part["role"] == "layer" for part in described)
        return "missing layer" if is_layer else "missing config"
    sizes = {size_of(part) for part in described} - {None}
    others = [known is not None and {known} != sizes for known in sizes_of_blob(blob)]
    if state == "available" and (len(sizes) > 1 or (sizes and all(others))):
        return "wrong size"
    return state


def sizes_of_blob(blob: Blob) -> list[int | None]:
    """The sizes in the repository, by each answer that found the blob."""
    if blob.second is None or blob.first not in ANSWERED:
        return [blob.size]
    return [blob.size, blob.second_size] if blob.first == "available" else [blob.second_size]


def state_of_blob(blob: Blob) -> str:
    """What all answers together say of a blob: a blob is missing if no look and no witness gave it."""
    if blob.first not in ANSWERED:
        return "not_checked" if blob.first == "not_checked" else "undecided"
    both = (blob.first, blob.second or blob.first)
    if both[1] == "available":
        return "available"
    if both[0] == "available" or both[1] not in ANSWERED:
        return "undecided"
    if "archived" in both:
        return "archived"
    return "contradiction" if blob.denied_too is False else "missing"


def child_state(repository: Repository, digest: str) -> str:
    """What a child is to the index that names it."""
    if digest in repository.found and (digest not in repository.listing or is_archived(repository, digest)):
        return "found"
    if digest in repository.listing and digest not in repository.gone:
        return verdict_of(repository, digest).verdict
    is_denied = digest in repository.gone or repository.listing_complete
    return "missing" if is_denied and repository.pull_through is False else "unlisted"


def why_unlisted(repository: Repository) -> str:
    """Why a child that is not listed is not known to be missing."""
    if repository.pull_through is None:
        return "PullThroughUnknown"
    return "PullThrough" if repository.pull_through else "ListingIncomplete"


def depth_of(repository: Repository, digest: str, path: tuple[str, ...]) -> int | None:
    """How deep indexes stand in this one; None if the way down has no end."""
    if digest in path:
        return None
    is_read = digest in repository.manifests and digest in repository.listing
    if not is_read or digest in repository.gone or is_archived(repository, digest):
        return 0
    depth = 0
    for child in repository.manifests[digest].get("manifests") or []:
        is_document = not child.get("mediaType") or child["mediaType"] in DOCUMENTS
        if fault_of(child["digest"]) or not (is_document or child["digest"] in repository.listing):
            continue
        below = depth_of(repository, child["digest"], (*path, digest))
        if below is None:
            return None
        depth = max(depth, below + 1)
    return depth


def is_archived(repository: Repository, digest: str) -> bool:
    """Whether the listing says that the image cannot be pulled now."""
    return repository.listing[digest].status in ("ARCHIVED", "ACTIVATING")


def is_foreign(part: Json) -> bool:
    """Whether nobody can expect the blob here, by its media type alone."""
    return str(part.get("mediaType", "")).startswith(FOREIGN)


def is_attestation(child: Json) -> bool:
    """Whether an index says that a child is an attestation."""
    platform = child.get("platform") or {}
    kind = (child.get("annotations") or {}).get("vnd.docker.reference.type")
    return kind == "attestation-manifest" or (
        platform.get("os") == "unknown" and platform.get("architecture") == "unknown"
    )


def is_not_needed(repository: Repository, child: Json) -> bool:
    """Whether a pull of an index does not need a child."""
    if is_attestation(child) or is_extra(repository, child["digest"]):
        return True
    if is_doubtful(repository, child):
        return False
    return is_artifact(child) and not is_image(repository, child["digest"])


def is_needed_for_sure(repository: Repository, child: Json) -> bool:
    """Whether a pull of an index needs a child, and nothing contradicts that."""
    if is_doubtful(repository, child) or is_not_needed(repository, child):
        return False
    is_document = not child.get("mediaType") or child["mediaType"] in DOCUMENTS
    return not is_document or is_wanted(repository, child.get("platform"))


def is_doubtful(repository: Repository, child: Json) -> bool:
    """Whether nobody can tell if a pull needs a child.

    Its index calls it an artifact, its listing gives it the type of images, which attestations have too, and
    it was not read.
    """
    listed = repository.listing.get(child["digest"])
    is_read = child["digest"] in repository.manifests
    if listed is None or is_read or is_attestation(child) or not is_artifact(child):
        return False
    return listed.artifact_type in IMAGE_CONFIGS


def is_artifact(child: Json) -> bool:
    """Whether an index says that a child is an artifact. Images have the type of their config there."""
    kind = child.get("artifactType")
    return isinstance(kind, str) and bool(kind) and kind not in IMAGE_CONFIGS


def is_image(repository: Repository, digest: str) -> bool:
    """Whether a document that was read is an image, whatever an index says."""
    manifest = repository.manifests.get(digest)
    if manifest is None or digest not in repository.listing or is_archived(repository, digest):
        return False
    return "manifests" not in manifest and not is_extra(repository, digest)


def is_extra(repository: Repository, digest: str) -> bool:
    """Whether a document that was read is an attestation or an artifact, which no pull needs."""
    manifest = repository.manifests.get(digest)
    if manifest is None or digest not in repository.listing or "manifests" in manifest:
        return False
    if "blobs" in manifest or manifest.get("artifactType"):
        return True
    layers = manifest.get("layers") or []
    if layers and all(layer.get("mediaType") == "application/vnd.in-toto+json" for layer in layers):
        return True
    config = manifest.get("config") or {}
    return bool(config.get("mediaType")) and config["mediaType"] not in IMAGE_CONFIGS


def is_wanted(repository: Repository, platform: Json | None) -> bool:
    """Whether a child for this platform is asked about."""
    os, architecture, variant = ((platform or {}).get(word, "") for word in ("os", "architecture", "variant"))
    if not repository.platforms or not os or not architecture:
        return True
    if architecture == "arm":
        variant = variant or "v7"
    if architecture == "arm64" and variant == "v8":
        variant = ""
    for text in repository.platforms:
        wanted = [*text.split("/"), ""][:3]
        if wanted[1] == "arm64" and wanted[2] == "v8":
            wanted[2] = ""
        if wanted[:2] == [os, architecture] and wanted[2] in ("", variant):
            return True
    return False


def fault_of(digest: object) -> str:
    """What is wrong with a digest: nothing with a sha256, else `unsupported` (algorithm) or `malformed`."""
    if not isinstance(digest, str):
        return "malformed"
    if re.fullmatch("sha256:[0-9a-f]{64}", digest):
        return ""
    other = re.fullmatch("sha512:[0-9a-f]{128}|blake3:[0-9a-f]{64}", digest)
    return "unsupported" if other else "malformed"


def size_of(part: Json) -> int | None:
    """The size that a descriptor gives, if it is one."""
    size = part.get("size")
    return size if isinstance(size, int) and size >= 0 else None
