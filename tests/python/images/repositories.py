"""Repositories for tests: made by hand or at random, once for the core's graph and once for the reference."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import Any

from hypothesis import strategies as st

import layercheck as lc
from images.projections import projection
from images.reference_judge import IMAGE_CONFIGS, Blob, Judged, Listed, Repository
from layercheck._core import ImageGraph, Plan, columns_of_parts

Json = dict[str, Any]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
IN_TOTO = "application/vnd.in-toto+json"

CODES = {verdict.label: int(verdict) for verdict in lc.Verdict}


def digest_of(content: bytes | str) -> str:
    return "sha256:" + hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def descriptor(content: str, media_type: str = LAYER, size: int | None = 100, **more: Any) -> Json:
    """A descriptor of made-up content."""
    return {"mediaType": media_type, "digest": digest_of(content), "size": size, **more}


def image(*layers: Json | str, config: Json | str | None = "config", **more: Any) -> Json:
    """A manifest of an image with these layers; a text stands for a layer with that content."""
    described = [descriptor(layer) if isinstance(layer, str) else layer for layer in layers]
    config = descriptor(config, CONFIG) if isinstance(config, str) else config
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": described, **more}


def child(digest: str, platform: str = "", media_type: str | None = MANIFEST, **more: Any) -> Json:
    """A descriptor of a child, for a platform such as ``linux/arm/v7``."""
    words = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
    given = {"platform": words} if platform else {}
    kind = {"mediaType": media_type} if media_type else {}
    return {**kind, "digest": digest, "size": 100, **given, **more}


def index(*children: Json, **more: Any) -> Json:
    """An index of these children."""
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(children), **more}


def text_of(manifest: Json) -> str:
    return json.dumps(manifest)


def kind_of(manifest: Json) -> str:
    """The kind of a manifest that this module makes."""
    if "manifests" in manifest:
        return "index"
    if "fsLayers" in manifest:
        return "schema1"
    layers = manifest.get("layers") or []
    if layers and all(layer.get("mediaType") == IN_TOTO for layer in layers):
        return "attestation"
    config = manifest.get("config") or {}
    return "image" if config.get("mediaType", CONFIG) in IMAGE_CONFIGS else "artifact"


class Audit:
    """A graph and the reference's knowledge of the same repository."""

    def __init__(self, platforms: list[str] | None = None) -> None:
        self.known = Repository(platforms=platforms or [])
        self.graph = ImageGraph(platforms=platforms or [])

    def take(self, digest: str, status: str | None = None, tags: list[str] | None = None) -> str:
        """Take an image into the listing."""
        self.known.listing[digest] = Listed(status, tags or [])
        self.graph.list_page([{"imageDigest": digest, "imageStatus": status, "imageTags": tags}])
        return digest

    def add(self, manifest: Json, *tags: str, status: str | None = None) -> str:
        """Take an image into the listing, and read its manifest."""
        text = text_of(manifest)
        digest = self.take(digest_of(text), status, list(tags))
        self.known.manifests[digest] = manifest
        assert self.graph.read([(digest, text, None)]) == []
        return digest

    def restore(self, digest: str, manifest: Json) -> None:
        """Take the manifest of a listed image from a store, whatever its sha256."""
        self.known.manifests[digest] = manifest
        assert self.graph.restore(digest, projection(digest, manifest, kind_of(manifest)))

    def fail(self, digest: str, code: str, *, unreadable: bool) -> None:
        self.known.failures[digest] = (code, unreadable)
        self.graph.fail(digest, code, "a reason", unreadable=unreadable)

    def answer(self, others: str = "available", size: int | None = None, **verdicts: str) -> None:
        """Say what the first check said of blobs, by content; `others` is what it said of the other blobs."""
        by_digest = {digest_of(content): verdict for content, verdict in verdicts.items()}
        self.answer_digests({d: Blob(by_digest.get(d, others), size=size) for d in self.blobs()})

    def blobs(self) -> list[str]:
        plan = self.graph.plan()
        return plan.texts(0, plan.unique)

    def answer_digests(self, blobs: dict[str, Blob]) -> None:
        plan = self.graph.plan()
        self.known.blobs = {d: blobs.get(d, Blob()) for d in plan.texts(0, plan.unique)}
        self.graph.set_verdicts(columns_for(plan, list(self.known.blobs.values())))

    def look(self, digest: str, verdict: str, size: int | None = None) -> None:
        """A second look at a blob."""
        self.graph.look_again(columns_for(lc.plan([digest]), [Blob(verdict, size=size)]))
        if digest in self.known.blobs:
            self.known.blobs[digest].second = verdict
            self.known.blobs[digest].second_size = size

    def gone(self, digest: str) -> None:
        """Say that a second answer denied an image or a child."""
        self.known.gone.add(digest)
        self.graph.gone([digest])

    def witness(self, digest: str, denied: bool | None) -> None:
        self.graph.confirm(digest, denied)
        if digest in self.known.blobs and denied is not None:
            self.known.blobs[digest].denied_too = denied

    def judge(self, *, listing_complete: bool = True, pull_through: bool | None = False) -> dict[str, int]:
        self.known.listing_complete, self.known.pull_through = listing_complete, pull_through
        return self.graph.judge(listing_complete=listing_complete, pull_through=pull_through)

    def judged(self, digest: str) -> Judged:
        """The verdict of one image, by the graph."""
        line = self.graph.image(digest)
        assert line is not None
        names = ("missing", "archived", "undecided", "attestations_incomplete")
        return Judged(line["verdict"], line["code"], *(line[name] or 0 for name in names))


def columns_for(plan: Plan, blobs: list[Blob]) -> Any:
    """The columns of a ledger in which these blobs have their first verdicts."""
    verdicts = bytes(CODES[blob.first] for blob in blobs)
    sizes = [-1 if blob.size is None else blob.size for blob in blobs]
    none = bytes(2 * len(blobs))
    return columns_of_parts(plan, verdicts, struct.pack(f"<{len(blobs)}q", *sizes), none, none, [], [])


FIRST = ["available"] * 6 + [
    "unavailable",
    "unavailable",
    "archived",
    "refused",
    "other",
    "unanswered",
    "not_checked",
]
PLATFORMS = [
    "",
    "linux/amd64",
    "linux/arm64",
    "linux/arm64/v8",
    "linux/arm/v7",
    "linux/arm",
    "unknown/unknown",
]
FILTERS = [[], [], ["linux/amd64"], ["linux/arm64"], ["linux/arm/v7", "linux/amd64"], ["linux/arm64/v8"]]
ARTIFACT_TYPES: list[Json] = [
    {},
    {},
    {"artifactType": "application/vnd.example.sbom"},
    {"artifactType": CONFIG},
    {"artifactType": ""},
    {"artifactType": 7},
]
BAD_DIGESTS = ["sha512:" + "ab" * 64, "blake3:" + "cd" * 32, "sha256:" + "AB" * 32, "sha256:short", ""]


@st.composite
def parts(draw: st.DrawFn, contents: list[str], types: list[str]) -> Json:
    """A descriptor of a blob, nearly always an honest one."""
    part = descriptor(draw(st.sampled_from(contents)), draw(st.sampled_from(types)))
    odd = draw(st.integers(0, 30))
    if odd == 0:
        part["digest"] = draw(st.sampled_from(BAD_DIGESTS))
    elif odd == 1:
        part["size"] = draw(st.sampled_from([-1, 7, 100, None]))
    elif odd == 2:
        part["urls"] = ["https://example.com/layer"]
    return part


@st.composite
def manifests(draw: st.DrawFn, children: list[str], contents: list[str]) -> Json:
    """A manifest of any kind, or an index of some of these children."""
    kind = draw(st.sampled_from(["image", "image", "index", "index", "artifact", "attestation", "schema1"]))
    if kind == "index" and children:
        listed = [
            child(
                draw(st.sampled_from(children)),
                draw(st.sampled_from(PLATFORMS)),
                draw(st.sampled_from([MANIFEST, MANIFEST, INDEX, None, "application/vnd.other+json"])),
                **draw(st.sampled_from(ARTIFACT_TYPES)),
            )
            for _ in range(draw(st.integers(0, 4)))
        ]
        if draw(st.integers(0, 5)) == 0:
            listed.append(draw(parts(contents, [LAYER])))
        return index(*listed)
    if kind == "schema1":
        layers = [{"blobSum": digest_of(draw(st.sampled_from(contents)))} for _ in range(3)]
        return {"schemaVersion": 1, "fsLayers": layers}
    types = [IN_TOTO] if kind == "attestation" else [LAYER, LAYER, LAYER, FOREIGN_LAYER]
    layers = draw(st.lists(parts(contents, types), max_size=4))
    config = CONFIG if kind != "artifact" else "application/vnd.cncf.helm.config.v1+json"
    return image(*layers, config=draw(parts(contents, [config])))


@st.composite
def audits(draw: st.DrawFn) -> Audit:
    """A repository in which anything may be wrong, listed, read and checked once."""
    audit = Audit(draw(st.sampled_from(FILTERS)))
    contents = [f"blob {number}" for number in range(draw(st.integers(1, 6)))]
    count = draw(st.integers(1, 9))
    # Documents that lie about their digests can name each other in a circle.
    lies = draw(st.booleans())
    digests = [digest_of(f"document {number}") for number in range(count)]
    chosen = digests if lies else []
    for number in range(count):
        manifest = draw(manifests([*chosen, digest_of("nowhere")], contents))
        digest = digests[number] if lies else digest_of(text_of(manifest))
        if not lies:
            chosen = [*chosen, digest]
        fate = draw(st.integers(0, 15))
        if fate == 0 or digest in audit.known.listing:
            continue
        status = {1: "ARCHIVED", 2: "ACTIVATING", 3: "ACTIVE", 4: "NEW_WORD"}.get(fate)
        tags = draw(st.lists(st.sampled_from(["v1", "v2", "latest"]), max_size=2))
        audit.take(digest, status, tags)
        if fate == 5:
            audit.fail(digest, "KmsError", unreadable=draw(st.booleans()))
        elif fate > 2 and fate != 6:
            if lies:
                audit.restore(digest, manifest)
            else:
                audit.known.manifests[digest] = manifest
                assert audit.graph.read([(digest, text_of(manifest), None)]) == []
    if draw(st.integers(0, 9)):
        sizes = st.sampled_from([None, 100, 100, 100, 100, 7])
        blobs = {d: Blob(draw(st.sampled_from(FIRST)), size=draw(sizes)) for d in audit.blobs()}
        audit.answer_digests(blobs)
    return audit
