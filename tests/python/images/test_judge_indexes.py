"""Indexes, their children and their platforms. The numbers are those of the design."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from images.judging import judged, lines
from images.reference_judge import Blob, Judged
from images.repositories import (
    CONFIG,
    IN_TOTO,
    INDEX,
    Audit,
    child,
    descriptor,
    digest_of,
    image,
    index,
)
from layercheck._core import ImageGraph

ATTESTED = {"vnd.docker.reference.type": "attestation-manifest"}


def test_an_untagged_child_has_a_line_of_its_own_and_a_parent() -> None:
    """Case 11."""
    audit = Audit()
    below = audit.add(image("a"))
    above = audit.add(index(child(below, "linux/amd64")), "v1")
    audit.answer("unavailable")
    audit.judge()
    by_digest = {line["digest"]: line for line in lines(audit.graph.images_table(None, None, "app"))}
    assert (by_digest[below]["parents"], by_digest[above]["parents"]) == (1, 0)
    layers = lines(audit.graph.layers_table(None, None, "app"))
    assert [(line["images"], line["tagged_images"], line["first_tag"]) for line in layers] == [
        (1, 1, "v1")
    ] * 2
    [platform] = lines(audit.graph.platforms_table(None, None, "app"))
    assert (platform["image"], platform["digest"], platform["tags"]) == (above, below, ["v1"])


def test_a_child_that_an_index_lists_twice_counts_once() -> None:
    """Case 12."""
    audit = Audit()
    below = audit.add(image("a"))
    above = audit.add(
        index(child(below, "linux/amd64"), child(below, "linux/amd64"), child(below, "linux/arm64"))
    )
    audit.answer("unavailable")
    audit.judge()
    assert judged(audit, above) == Judged("incomplete", "IncompleteChild", missing=1)
    found = audit.graph.image(above)
    assert found is not None
    assert (found["children"], found["platforms"], found["missing"]) == (1, 2, 1)


def test_an_index_that_contains_itself_is_unreadable() -> None:
    """Case 13."""
    audit = Audit()
    itself, one, other, above = (audit.take(digest_of(name)) for name in ("itself", "one", "other", "above"))
    audit.restore(itself, index(child(itself)))
    audit.restore(one, index(child(other, media_type=INDEX)))
    audit.restore(other, index(child(one, media_type=INDEX)))
    audit.restore(above, index(child(one, media_type=INDEX)))
    assert audit.judge()["unreadable"] == 4
    for digest in (itself, one, other, above):
        assert judged(audit, digest)[:2] == ("unreadable", "CyclicIndex")


@pytest.mark.parametrize(("depth", "verdict"), [(8, "complete"), (9, "unreadable")])
def test_indexes_nest_eight_deep(depth: int, verdict: str) -> None:
    """Cases 13 and 14."""
    audit = Audit()
    inner = audit.add(image("a"))
    for _ in range(depth):
        inner = audit.add(index(child(inner, media_type=INDEX)))
    audit.answer()
    audit.judge()
    assert judged(audit, inner).verdict == verdict
    assert judged(audit, inner).code == (None if depth == 8 else "NestedTooDeep")


def test_a_hundred_thousand_nested_indexes_need_no_stack() -> None:
    """Case 13."""
    graph = ImageGraph()
    digests = [digest_of(str(number)) for number in range(100_000)]
    graph.list_page([{"imageDigest": digest} for digest in digests])
    audit = Audit()
    audit.graph = graph
    for digest, below in pairwise(digests):
        audit.restore(digest, index(child(below)))
    counts = audit.judge()
    assert counts["unreadable"] == len(digests) - 9
    assert counts["not_checked"] == 9


def test_the_verdict_of_a_nested_index_flows_up() -> None:
    """Case 14."""
    audit = Audit()
    below = audit.add(image("a", "b"))
    middle = audit.add(index(child(below, "linux/amd64")))
    above = audit.add(index(child(middle, media_type=INDEX)))
    audit.answer(b="unavailable")
    audit.judge()
    assert judged(audit, below) == Judged("incomplete", "MissingLayer", missing=1)
    assert judged(audit, middle) == Judged("incomplete", "IncompleteChild", missing=1)
    assert judged(audit, above) == Judged("incomplete", "IncompleteChild", missing=1)


@pytest.mark.parametrize("manifests", [[], None])
def test_an_empty_index_is_complete_and_has_no_platforms(manifests: list[Any] | None) -> None:
    """Case 15."""
    audit = Audit()
    empty = audit.add({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
    audit.judge()
    assert judged(audit, empty) == Judged("complete", None)
    found = audit.graph.image(empty)
    assert found is not None
    assert (found["kind"], found["platforms"], found["children"]) == ("index", 0, 0)


def test_a_child_that_is_not_listed_is_missing_and_its_platform_is_named() -> None:
    """Case 16."""
    audit = Audit()
    above = audit.add(index(child(digest_of("nowhere"), "linux/arm/v7")), "v1")
    audit.judge()
    assert judged(audit, above) == Judged("incomplete", "MissingChild", missing=1)
    [line] = lines(audit.graph.platforms_table("1", "r", "app"))
    assert (line["os"], line["architecture"], line["variant"]) == ("linux", "arm", "v7")
    assert (line["verdict"], line["code"], line["digest"]) == (
        "incomplete",
        "MissingChild",
        digest_of("nowhere"),
    )
    assert audit.graph.suspects()[3] == [digest_of("nowhere")]


@pytest.mark.parametrize(
    ("pull_through", "listing_complete", "code"),
    [
        (True, True, "PullThrough"),
        (None, True, "PullThroughUnknown"),
        (False, False, "ListingIncomplete"),
    ],
)
def test_a_child_that_is_not_listed_makes_a_partial_image_where_that_may_be(
    pull_through: bool | None, listing_complete: bool, code: str
) -> None:
    """Case 17."""
    audit = Audit()
    above = audit.add(index(child(digest_of("nowhere"))))
    over = audit.add(index(child(above, media_type=INDEX)))
    audit.judge(listing_complete=listing_complete, pull_through=pull_through)
    assert judged(audit, above) == Judged("partial", code)
    assert judged(audit, over) == Judged("partial", "PartialChild")
    assert audit.graph.suspects()[3] == []


@pytest.mark.parametrize("status", ["ARCHIVED", "ACTIVATING"])
def test_an_archived_child_makes_its_index_incomplete(status: str) -> None:
    """Case 18."""
    audit = Audit()
    below = audit.take(digest_of("archived"), status)
    above = audit.add(index(child(below)))
    audit.judge()
    assert judged(audit, above) == Judged("incomplete", "ArchivedParts", archived=1)


def test_a_broken_attestation_does_not_make_its_index_incomplete() -> None:
    """Case 21."""
    audit = Audit()
    below = audit.add(image("a"))
    statement = audit.add(image(descriptor("statement", IN_TOTO)))
    above = audit.add(
        index(child(below, "linux/amd64"), child(statement, "unknown/unknown", annotations=ATTESTED))
    )
    audit.answer(statement="unavailable")
    audit.judge()
    assert judged(audit, statement) == Judged("incomplete", "MissingLayer", missing=1)
    assert judged(audit, above) == Judged("complete", None, extras_incomplete=1)
    kinds = [line["kind"] for line in lines(audit.graph.platforms_table(None, None, "app"))]
    assert sorted(kinds) == ["attestation", "image"]


def test_an_attestation_that_is_not_listed_counts_only_in_its_own_column() -> None:
    """Cases 16 and 21."""
    audit = Audit()
    above = audit.add(index(child(digest_of("nowhere"), annotations=ATTESTED)))
    audit.judge()
    assert judged(audit, above) == Judged("complete", None)
    assert audit.graph.suspects() == ([], [], [], [digest_of("nowhere")], [], [])
    audit.gone(digest_of("nowhere"))
    audit.judge()
    assert judged(audit, above) == Judged("complete", None, extras_incomplete=1)
    assert audit.graph.suspects()[3] == [digest_of("nowhere")]


def test_an_artifact_that_is_not_listed_counts_only_in_its_own_column() -> None:
    """Cases 16 and 22."""
    audit = Audit()
    below = audit.add(image("a"))
    signature = child(digest_of("nowhere"), artifactType="application/vnd.dev.cosign.artifact.sig.v1+json")
    above = audit.add(index(child(below, "linux/amd64"), signature))
    audit.answer()
    audit.judge()
    assert judged(audit, above) == Judged("complete", None)
    audit.gone(digest_of("nowhere"))
    audit.judge()
    assert judged(audit, above) == Judged("complete", None, extras_incomplete=1)
    found = audit.graph.image(above)
    assert found is not None
    assert (found["platforms"], found["children"]) == (1, 2)
    kinds = [line["kind"] for line in lines(audit.graph.platforms_table(None, None, "app"))]
    assert sorted(kinds) == ["artifact", "image"]


@pytest.mark.parametrize("kind", [CONFIG, "application/vnd.docker.container.image.v1+json", "", None, 7])
def test_a_child_with_the_artifact_type_of_images_is_required(kind: Any) -> None:
    """The specification gives images the type of their config as `artifactType`."""
    audit = Audit()
    above = audit.add(index(child(digest_of("nowhere"), artifactType=kind)))
    audit.judge()
    assert judged(audit, above) == Judged("incomplete", "MissingChild", missing=1)


def test_an_image_is_required_although_an_index_calls_it_an_artifact() -> None:
    audit = Audit()
    below = audit.add(image("a"))
    above = audit.add(index(child(below, artifactType="application/vnd.example.sbom")))
    audit.answer("unavailable")
    audit.judge()
    assert judged(audit, above) == Judged("incomplete", "IncompleteChild", missing=1)


def test_an_artifact_with_a_bad_digest_does_not_make_its_index_unreadable() -> None:
    audit = Audit()
    above = audit.add(index(child("sha512:" + "ab" * 64, artifactType="application/vnd.example.sbom")))
    audit.judge()
    assert judged(audit, above) == Judged("complete", None)


def test_what_an_index_says_of_artifacts_is_kept_in_a_store() -> None:
    audit = Audit()
    document = index(child(digest_of("nowhere"), artifactType="application/vnd.example.sbom"))
    above = audit.take(digest_of("stored"))
    audit.restore(above, document)
    kept = audit.graph.projection(above)
    audit.gone(digest_of("nowhere"))
    audit.judge()
    assert judged(audit, above) == Judged("complete", None, extras_incomplete=1)
    again = Audit()
    again.take(above)
    assert kept is not None
    assert again.graph.restore(above, kept)
    assert again.graph.projection(above) == kept


def test_blobs_that_an_index_lists_are_required() -> None:
    """Case 34."""
    audit = Audit()
    cache = audit.add(
        index(descriptor("cache"), descriptor("more"), child(digest_of("x"), media_type=CONFIG))
    )
    audit.answer(more="unavailable")
    audit.judge()
    assert judged(audit, cache) == Judged("incomplete", "MissingLayer", missing=1)


def test_a_child_with_an_unknown_type_is_an_image_if_it_is_listed() -> None:
    """Case 34, the other way round: the service denies it as a layer, since it is an image."""
    audit = Audit()
    below = audit.add(image("a"))
    above = audit.add(index(child(below, media_type="application/vnd.other+json")))
    audit.answer_digests({d: Blob("unavailable" if d == below else "available") for d in audit.blobs()})
    audit.judge()
    assert judged(audit, above) == Judged("complete", None)
    assert lines(audit.graph.layers_table(None, None, "app")) == []


def test_a_platform_filter_leaves_out_other_platforms() -> None:
    audit = Audit(["linux/amd64"])
    there = audit.add(image("a"))
    absent = child(digest_of("nowhere"), "linux/arm64")
    fine = audit.add(index(child(there, "linux/amd64"), absent))
    broken = audit.add(index(child(there, "linux/amd64"), child(digest_of("nowhere"))))
    audit.answer()
    audit.judge()
    assert judged(audit, fine) == Judged("complete", None)
    assert judged(audit, broken) == Judged("incomplete", "MissingChild", missing=1)


@pytest.mark.parametrize("text", ["linux", "linux/", "/amd64", "linux/arm/v7/x", "", "linux/arm/"])
def test_what_is_not_a_platform_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a platform; expected OS/ARCH or OS/ARCH/VARIANT"):
        ImageGraph(platforms=[text])
