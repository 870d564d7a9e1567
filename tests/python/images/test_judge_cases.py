"""The edge cases of images that the graph of a repository decides. The numbers are those of the design."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

import layercheck as lc
from images.reference_judge import Blob, Judged, judge
from images.repositories import (
    CONFIG,
    FOREIGN_LAYER,
    IN_TOTO,
    INDEX,
    LAYER,
    MANIFEST,
    Audit,
    child,
    columns_for,
    descriptor,
    digest_of,
    image,
    index,
    text_of,
)
from layercheck._core import ImageGraph

ATTESTED = {"vnd.docker.reference.type": "attestation-manifest"}


def judged(audit: Audit, digest: str) -> Judged:
    """The verdict of an image, which the reference must share."""
    seen = audit.judged(digest)
    expected = judge(audit.known)[digest]
    assert seen[:2] == expected[:2]
    return seen


def lines(table: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.lines(0, len(table))
    return found


def test_an_empty_repository_has_no_images() -> None:
    """Case 1."""
    audit = Audit()
    assert sum(audit.judge().values()) == 0
    assert audit.graph.plan().unique == 0
    assert lines(audit.graph.images_table(None, None, "app")) == []


def test_an_image_deleted_before_it_was_read_is_gone() -> None:
    """Case 4."""
    audit = Audit()
    deleted = audit.take(digest_of("deleted"))
    audit.known.gone.add(deleted)
    audit.graph.gone([deleted])
    audit.judge()
    assert judged(audit, deleted) == Judged("gone", None)


def test_the_same_digest_on_several_pages_is_one_image_with_all_tags() -> None:
    """Case 7."""
    graph = ImageGraph()
    digest = digest_of("image")
    assert graph.list_page([{"imageDigest": digest, "imageTags": ["v1"]}, None]) == 1
    assert graph.list_page([{"imageDigest": digest, "imageTags": ["v2", "v1"]}, {"imageTag": "v3"}]) == 0
    assert graph.list_page([{"imageDigest": digest, "imageTag": "v4"}]) == 0
    assert (len(graph), graph.tags, graph.skipped) == (1, 3, 2)
    found = graph.image(digest)
    assert found is not None
    assert found["tags"] == ["v1", "v2", "v4"]


def test_an_image_with_a_thousand_tags_is_one_line() -> None:
    """Case 10."""
    audit = Audit()
    tags = [f"v{number}" for number in range(1_000)]
    audit.take(digest_of("image"), tags=tags)
    [line] = lines(audit.graph.images_table(None, None, "app"))
    assert line["tags"] == tags


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
    assert audit.graph.missing_children() == [digest_of("nowhere")]


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
    assert audit.graph.missing_children() == []


@pytest.mark.parametrize("status", ["ARCHIVED", "ACTIVATING"])
def test_an_archived_child_makes_its_index_incomplete(status: str) -> None:
    """Case 18."""
    audit = Audit()
    below = audit.take(digest_of("archived"), status)
    above = audit.add(index(child(below)))
    audit.judge()
    assert judged(audit, above) == Judged("incomplete", "ArchivedParts", archived=1)


def test_an_archived_blob_makes_an_active_image_incomplete() -> None:
    """Case 19."""
    audit = Audit()
    one = audit.add(image("a", "b"))
    audit.answer(b="archived")
    audit.judge()
    assert judged(audit, one) == Judged("incomplete", "ArchivedParts", archived=1)


@pytest.mark.parametrize("status", ["ARCHIVED", "ACTIVATING"])
def test_the_manifest_of_an_archived_image_is_not_asked_for(status: str) -> None:
    """Case 20."""
    audit = Audit()
    text = text_of(image("a"))
    archived = audit.take(digest_of(text), status)
    assert audit.graph.unread() == []
    assert audit.graph.read([(archived, text, None)]) == [(archived, "NotListed")]
    audit.judge()
    assert judged(audit, archived) == Judged("archived", None)
    assert audit.graph.blobs == 0


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
    assert judged(audit, above) == Judged("complete", None, extras_incomplete=1)
    assert audit.graph.suspects() == ([], [])


def test_config_and_layers_of_an_artifact_are_required() -> None:
    """Case 22."""
    audit = Audit()
    chart = descriptor("chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
    config = descriptor("helm", "application/vnd.cncf.helm.config.v1+json")
    helm = audit.add(image(chart, config=config))
    audit.answer(helm="unavailable")
    audit.judge()
    assert judged(audit, helm) == Judged("incomplete", "MissingConfig", missing=1)
    found = audit.graph.image(helm)
    assert found is not None
    assert (found["kind"], found["platforms"]) == ("artifact", 0)


def test_the_empty_descriptor_is_asked_like_any_blob() -> None:
    """Case 23."""
    audit = Audit()
    empty = descriptor("{}", "application/vnd.oci.empty.v1+json", 2, data=base64.b64encode(b"{}").decode())
    artifact = audit.add(image("a", config=empty, artifactType="application/vnd.example"))
    assert digest_of("{}") in audit.blobs()
    audit.answer_digests(
        {d: Blob("unavailable" if d == digest_of("{}") else "available") for d in audit.blobs()}
    )
    audit.judge()
    assert judged(audit, artifact) == Judged("incomplete", "MissingConfig", missing=1)


def test_a_subject_that_is_not_listed_is_not_a_defect() -> None:
    """Case 24."""
    audit = Audit()
    subject = audit.add(image("a"))
    one = audit.add(image("a", subject=child(digest_of("nowhere"))))
    other = audit.add(image("a", subject=child(subject)))
    audit.answer()
    assert audit.judge()["complete"] == 3
    found = {line["digest"]: line for line in lines(audit.graph.images_table(None, None, "app"))}
    assert (found[one]["subject"], found[one]["subject_listed"]) == (digest_of("nowhere"), False)
    assert (found[other]["subject"], found[other]["subject_listed"]) == (subject, True)
    assert (found[subject]["subject"], found[subject]["subject_listed"]) == (None, None)


def test_the_subject_of_a_listing_is_kept() -> None:
    """Case 25."""
    graph = ImageGraph()
    subject, about = digest_of("subject"), digest_of("about")
    graph.list_page([{"imageDigest": about, "subjectManifestDigest": subject}, {"imageDigest": subject}])
    assert len(graph) == 2
    found = graph.image(about)
    assert found is not None
    assert (found["subject"], found["subject_listed"]) == (subject, True)


@pytest.mark.parametrize(("answer", "external"), [("unavailable", 1), ("available", 0)])
def test_a_layer_that_is_not_to_be_distributed_is_not_required(answer: str, external: int) -> None:
    """Cases 26 and 28."""
    audit = Audit()
    base = descriptor("windows", FOREIGN_LAYER, urls=["https://example.com/windows"])
    windows = audit.add(image(base, "a"))
    platform = {"platform": {"os": "windows", "architecture": "amd64", "os.version": "10.0.20348.2700"}}
    audit.add(index({**child(windows), **platform}))
    audit.answer(windows=answer)
    assert audit.judge()["complete"] == 2
    found = audit.graph.image(windows)
    assert found is not None
    assert (found["external"], found["missing"], found["layers"]) == (external, 0, 2)
    assert lines(audit.graph.layers_table(None, None, "app")) == []
    assert len(lines(audit.graph.layers_table(None, None, "app", all=True))) == 3
    [line] = lines(audit.graph.platforms_table(None, None, "app"))
    assert (line["os"], line["os_version"]) == ("windows", "10.0.20348.2700")


def test_an_ordinary_layer_with_urls_is_required() -> None:
    """Case 27."""
    audit = Audit()
    one = audit.add(image(descriptor("far", urls=["https://example.com/far"])))
    audit.answer(far="unavailable")
    audit.judge()
    assert judged(audit, one) == Judged("incomplete", "MissingLayer", missing=1)
    found = audit.graph.image(one)
    assert found is not None
    assert found["reason"] == "1 of 1 layer is missing; 1 of these has urls"


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/vnd.example.never.heard.of",
    ],
)
def test_layers_of_any_type_are_blobs(media_type: str) -> None:
    """Case 29."""
    audit = Audit()
    one = audit.add(image(descriptor("a", media_type)))
    audit.answer(a="unavailable")
    audit.judge()
    assert judged(audit, one) == Judged("incomplete", "MissingLayer", missing=1)
    [line] = lines(audit.graph.layers_table(None, None, "app"))
    assert line["media_type"] == media_type


@pytest.mark.parametrize("digest", ["sha512:" + "ab" * 64, "blake3:" + "cd" * 32])
def test_a_digest_of_another_algorithm_is_undecided_and_never_missing(digest: str) -> None:
    """Case 30."""
    audit = Audit()
    other = {"mediaType": LAYER, "digest": digest, "size": 1}
    one = audit.add(image("a", other))
    both = audit.add(image("b", other))
    audit.answer(b="unavailable")
    audit.judge()
    assert judged(audit, one) == Judged("undecided", "UnsupportedAlgorithm", undecided=1)
    assert judged(audit, both) == Judged("incomplete", "MissingLayer", missing=1, undecided=1)
    assert digest[:7] not in "".join(audit.blobs())


def schema1(*layers: str) -> dict[str, Any]:
    return {"schemaVersion": 1, "fsLayers": [{"blobSum": digest_of(layer)} for layer in layers]}


def test_layers_of_schema_1_count_once_and_there_is_no_config() -> None:
    """Cases 31 and 42."""
    audit = Audit()
    one = audit.add(schema1("a", "empty", "empty", "b", "empty"))
    audit.answer(empty="unavailable")
    audit.judge()
    assert judged(audit, one) == Judged("incomplete", "MissingLayer", missing=1)
    found = audit.graph.image(one)
    assert found is not None
    assert (found["kind"], found["layers"], audit.graph.blobs) == ("schema1", 3, 3)


def test_a_signed_manifest_of_schema_1_is_verified_by_its_payload() -> None:
    """Case 31."""

    def encoded(content: str) -> str:
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    payload = json.dumps(schema1("a"), indent=3)
    length = len(payload) - 2
    protected = encoded(json.dumps({"formatLength": length, "formatTail": encoded(payload[length:])}))
    signed = payload[:length] + f',\n   "signatures": [{{"protected": "{protected}", "signature": "x"}}]\n}}'
    graph = ImageGraph()
    digest = digest_of(payload)
    graph.list_page([{"imageDigest": digest}])
    media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    assert graph.read([(digest, signed, media_type)]) == []
    assert graph.blobs == 1


def test_the_type_of_the_answer_counts_for_a_manifest_without_one() -> None:
    """Case 32."""
    graph = ImageGraph()
    bare = text_of({"config": descriptor("config", CONFIG), "layers": []})
    graph.list_page([{"imageDigest": digest_of(bare)}])
    assert graph.read([(digest_of(bare), bare, MANIFEST)]) == []
    found = graph.image(digest_of(bare))
    assert found is not None
    assert (found["media_type"], found["kind"]) == (MANIFEST, "image")


@pytest.mark.parametrize("declared", [INDEX, None])
def test_a_manifest_of_two_kinds_at_once_is_unreadable(declared: str | None) -> None:
    """Case 32."""
    graph = ImageGraph()
    manifest = image("a") if declared else image("a", manifests=[child(digest_of("a"))])
    manifest.pop("mediaType")
    text = text_of(manifest)
    graph.list_page([{"imageDigest": digest_of(text)}])
    assert graph.read([(digest_of(text), text, declared)]) == [(digest_of(text), "ContradictoryManifest")]
    assert graph.judge(listing_complete=True, pull_through=False)["unreadable"] == 1
    assert graph.blobs == 0


@pytest.mark.parametrize("member", ["layers", "blobs", "manifests"])
def test_a_manifest_of_an_unknown_type_is_read_by_its_members(member: str) -> None:
    """Case 33."""
    audit = Audit()
    text = text_of({"mediaType": "application/vnd.other+json", member: [descriptor("a")]})
    one = audit.take(digest_of(text))
    assert audit.graph.read([(one, text, None)]) == []
    assert audit.blobs() == [digest_of("a")]
    found = audit.graph.image(one)
    assert found is not None
    assert found["kind"] == "unknown"


@pytest.mark.parametrize(
    "text", ['{"mediaType": "application/vnd.other+json"}', "[]", "nonsense", "{", "\ud800"]
)
def test_what_is_not_a_manifest_is_unreadable(text: str) -> None:
    """Case 33."""
    audit = Audit()
    one = audit.take(digest_of(text if text != "\ud800" else b""))
    [(digest, code)] = audit.graph.read([(one, text, None)])
    assert (digest, code) == (one, "NotAManifest")
    audit.known.failures[one] = (code, True)
    audit.judge()
    assert judged(audit, one) == Judged("unreadable", "NotAManifest")


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


@pytest.mark.parametrize("digest", ["sha256:" + "AB" * 32, "sha256:" + "ab" * 31, "nonsense", "", None, 7])
def test_a_malformed_digest_makes_its_image_unreadable_and_no_other_part(digest: object) -> None:
    """Case 35."""
    audit = Audit()
    manifest = image("a", {"mediaType": LAYER, "digest": digest, "size": 1})
    one = audit.add(manifest)
    audit.answer(a="unavailable")
    audit.judge()
    assert judged(audit, one) == Judged("unreadable", "MalformedDigest", missing=1)
    found = audit.graph.image(one)
    assert found is not None
    assert f"(byte {text_of(manifest).rindex('{')} of the manifest)" in found["reason"]
    [line] = lines(audit.graph.layers_table(None, None, "app"))
    assert (line["digest"], line["verdict"]) == (digest_of("a"), "unavailable")


@pytest.mark.parametrize(
    ("given", "known", "verdict"),
    [
        (100, 100, "complete"),
        (100, 99, "incomplete"),
        (-1, 99, "complete"),
        (None, 99, "complete"),
        (100, None, "complete"),
    ],
)
def test_a_size_that_differs_is_a_finding_and_an_unknown_one_is_not(
    given: int | None, known: int | None, verdict: str
) -> None:
    """Case 36."""
    audit = Audit()
    one = audit.add(image(descriptor("a", size=given), config=None))
    audit.answer(size=known)
    audit.judge()
    assert judged(audit, one).verdict == verdict
    assert judged(audit, one).code == ("SizeMismatch" if verdict == "incomplete" else None)
    found = lines(audit.graph.layers_table(None, None, "app"))
    assert [line["code"] for line in found] == (["SizeMismatch"] if verdict == "incomplete" else [])


def test_two_manifests_may_disagree_about_a_size_and_only_the_wrong_one_is_a_finding() -> None:
    """Case 36."""
    audit = Audit()
    right, wrong = audit.add(image(descriptor("a"))), audit.add(image(descriptor("a", size=7)))
    audit.answer(size=100)
    audit.judge()
    assert (judged(audit, right).code, judged(audit, wrong).code) == (None, "SizeMismatch")


def test_a_manifest_that_does_not_have_its_digest_is_not_used() -> None:
    """Case 37."""
    audit = Audit()
    one = audit.take(digest_of("another"))
    assert audit.graph.read([(one, text_of(image("a")), None)]) == [(one, "DigestMismatch")]
    audit.known.failures[one] = ("DigestMismatch", True)
    audit.judge()
    assert judged(audit, one) == Judged("unreadable", "DigestMismatch")
    assert (audit.graph.blobs, audit.graph.manifests) == (0, 0)


def test_a_right_manifest_counts_whatever_wrong_ones_come_before_and_behind() -> None:
    """Cases 37 and 40: repeats agree, since the digest decides."""
    audit = Audit()
    text = text_of(image("a"))
    one = audit.take(digest_of(text))
    wrong, right = (one, "{}", None), (one, text, None)
    assert audit.graph.read([wrong, right, right, wrong]) == [(one, "DigestMismatch")] * 2
    audit.graph.fail(one, "KmsError", "later", unreadable=True)
    audit.known.manifests[one] = image("a")
    audit.answer()
    audit.judge()
    assert judged(audit, one) == Judged("complete", None)
    assert audit.graph.manifests == 1


def test_two_tags_of_an_image_share_its_verdict() -> None:
    """Case 38."""
    audit = Audit()
    one = audit.add(image("a"), "v1", "v2")
    audit.answer(a="unavailable")
    assert audit.judge() == {**dict.fromkeys(audit.graph.counts(), 0), "incomplete": 1}
    assert judged(audit, one).code == "MissingLayer"


@pytest.mark.parametrize(
    ("code", "unreadable"), [("KmsError", True), ("ImageInaccessible", True), ("UpstreamUnavailable", False)]
)
def test_a_failure_keeps_its_code_and_reason(code: str, unreadable: bool) -> None:
    """Cases 39 and 40."""
    audit = Audit()
    one = audit.take(digest_of("image"))
    audit.fail(one, code, unreadable=unreadable)
    audit.judge()
    assert judged(audit, one) == Judged("unreadable" if unreadable else "undecided", code)
    found = audit.graph.image(one)
    assert found is not None
    assert found["reason"] == "a reason"


def test_an_image_that_was_not_asked_is_ignored() -> None:
    """Case 41."""
    audit = Audit()
    text = text_of(image("a"))
    assert audit.graph.read([(digest_of(text), text, None)]) == [(digest_of(text), "NotListed")]
    assert audit.graph.read([("nonsense", text, None)]) == [("nonsense", "NotListed")]
    assert (len(audit.graph), audit.graph.blobs) == (0, 0)


def test_a_layer_named_twice_and_as_config_is_one_blob_in_both_roles() -> None:
    """Case 42."""
    audit = Audit()
    one = audit.add(image("a", "a", config="a"))
    audit.answer(a="unavailable")
    audit.judge()
    assert judged(audit, one) == Judged("incomplete", "MissingLayer", missing=1)
    [line] = lines(audit.graph.layers_table(None, None, "app"))
    assert (line["role"], line["images"]) == ("both", 1)


def test_a_blob_shared_by_images_is_one_line_that_counts_them() -> None:
    """Case 43."""
    audit = Audit()
    first = audit.add(image("a"))
    audit.add(image("a", "b"), "v1")
    audit.add(image("c"))
    audit.answer(a="unavailable")
    audit.judge()
    [line] = lines(audit.graph.layers_table("123456789012", "eu-west-1", "app"))
    assert (line["account_id"], line["region"], line["repository"]) == ("123456789012", "eu-west-1", "app")
    assert (line["images"], line["tagged_images"], line["first_image"], line["first_tag"]) == (
        2,
        1,
        first,
        "v1",
    )


def test_unread_hands_each_image_out_once_unless_it_comes_back() -> None:
    """Case 40."""
    audit = Audit()
    digests = [audit.take(digest_of(str(number))) for number in range(5)]
    assert audit.graph.unread(2) == digests[:2]
    assert audit.graph.unread(2) == digests[2:4]
    audit.fail(digests[0], "ImageInaccessible", unreadable=True)
    audit.graph.again([digests[0], digests[1], digest_of("another"), "nonsense"])
    assert audit.graph.unread() == [digests[1], digests[4]]
    assert audit.graph.unread() == []


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


def test_a_blob_that_comes_back_is_available_and_one_without_an_answer_is_undecided() -> None:
    audit = Audit()
    one, other, third = (audit.add(image(layer)) for layer in ("a", "b", "c"))
    audit.answer(a="unavailable", b="unavailable", c="unavailable")
    audit.judge()
    images, blobs = audit.graph.suspects()
    assert images == [one, other, third]
    assert sorted(blobs) == sorted(digest_of(layer) for layer in "abc")
    for layer, verdict in (("a", "available"), ("b", "unanswered"), ("c", "unavailable")):
        audit.look(digest_of(layer), verdict)
    audit.judge()
    assert judged(audit, one) == Judged("complete", None)
    assert judged(audit, other) == Judged("undecided", "UndecidedParts", undecided=1)
    assert judged(audit, third) == Judged("incomplete", "MissingLayer", missing=1)


def test_a_blob_that_comes_back_has_the_size_of_the_second_answer() -> None:
    """Case 36."""
    audit = Audit()
    honest, wrong = audit.add(image("a")), audit.add(image(descriptor("b", size=None)))
    other = audit.add(image("c"))
    audit.answer(a="unavailable", b="unavailable", c="unavailable")
    audit.judge()
    for layer, size in (("a", 100), ("b", 70), ("c", 7)):
        audit.look(digest_of(layer), "available", size)
    audit.judge()
    assert judged(audit, honest) == judged(audit, wrong) == Judged("complete", None)
    assert judged(audit, other) == Judged("incomplete", "SizeMismatch")
    table = audit.graph.layers_table(None, None, "app", all=True)
    sizes = {line["digest"]: line["size"] for line in lines(table)}
    assert (sizes[digest_of("a")], sizes[digest_of("b")]) == (100, 70)


def test_a_witness_that_gives_the_blob_makes_the_image_undecided() -> None:
    audit = Audit()
    one, other = audit.add(image("a")), audit.add(image("b"))
    audit.answer(a="unavailable", b="unavailable")
    audit.judge()
    audit.witness(digest_of("a"), denied=False)
    audit.witness(digest_of("b"), denied=True)
    audit.judge()
    assert judged(audit, one) == Judged("undecided", "Contradiction", undecided=1)
    assert judged(audit, other) == Judged("incomplete", "MissingLayer", missing=1)
    confirmed = [line["confirmed"] for line in lines(audit.graph.images_table(None, None, "app"))]
    assert confirmed == [None, True]
    by_digest = {line["digest"]: line for line in lines(audit.graph.layers_table(None, None, "app"))}
    assert by_digest[digest_of("a")]["code"] == "Contradiction"
    assert (by_digest[digest_of("a")]["confirmed"], by_digest[digest_of("b")]["confirmed"]) == (None, True)


def test_an_index_whose_child_came_after_the_listing_is_undecided() -> None:
    """Case 5."""
    audit = Audit()
    above = audit.add(index(child(digest_of("late"))))
    audit.judge()
    audit.known.found.add(digest_of("late"))
    audit.graph.found(audit.graph.missing_children())
    audit.judge()
    assert judged(audit, above) == Judged("undecided", "ChildFoundLater", undecided=1)
    assert len(audit.graph) == 1


def test_a_run_that_ends_early_keeps_what_was_denied_twice() -> None:
    """Case 49."""
    audit = Audit()
    once, twice, fine = (audit.add(image(layer)) for layer in ("a", "b", "c"))
    above = audit.add(index(child(once)))
    audit.answer(a="unavailable", b="unavailable")
    audit.judge()
    audit.look(digest_of("b"), "unavailable")
    audit.judge()
    audit.graph.not_checked()
    words = [audit.judged(digest).verdict for digest in (once, twice, fine, above)]
    assert words == ["not_checked", "incomplete", "complete", "not_checked"]


def test_hostile_pages_never_raise() -> None:
    graph = ImageGraph()
    digest = digest_of("image")
    pages: list[Any] = [
        None,
        7,
        "page",
        {"imageDigest": digest},
        [7, "x", [], {}, {"imageDigest": None}, {"imageDigest": 7}, {"imageDigest": "sha256:" + "AB" * 32}],
        [{"imageDigest": "sha512:" + "ab" * 64}, {"imageDigest": "x" * 1_000_000}, {"imageDigest": "\ud800"}],
        [
            {
                "imageDigest": digest,
                "imageTags": ["ok", 7, None, "\ud800", "", "x" * 100_000],
                "imageStatus": 7,
                "imageManifestMediaType": [],
                "artifactMediaType": "x" * 1_000_000,
                "subjectManifestDigest": "nonsense",
                "imagePushedAt": "yesterday",
                "lastRecordedPullTime": float("nan"),
                "imageSizeInBytes": 10**30,
            }
        ],
        [{"imageDigest": digest, "imageTags": "v1", "imagePushedAt": 10**400, "imageSizeInBytes": True}],
        [{"imageDigest": digest, "imageTags": {"a": 1}, "imagePushedAt": datetime(1, 1, 1)}],
    ]
    for page in pages:
        graph.list_page(page)
    assert len(graph) == 1
    found = graph.image(digest)
    assert found is not None
    assert (found["tags"], found["status"], found["size"], found["pulled_at"]) == (["ok"], None, None, None)
    assert graph.skipped > 20
    assert graph.unread() == [digest]


def test_times_and_sizes_are_those_of_the_listing() -> None:
    graph = ImageGraph()
    at = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)
    one = digest_of("one")
    graph.list_page(
        [
            {
                "imageDigest": one,
                "imagePushedAt": at,
                "lastRecordedPullTime": at.timestamp(),
                "imageSizeInBytes": 0,
            }
        ]
    )
    found = graph.image(one)
    assert found is not None
    assert found["pushed_at"] == found["pulled_at"] == "2026-02-28T23:59:59Z"
    assert found["size"] == 0


def test_blobs_of_recently_pulled_images_are_counted() -> None:
    audit = Audit()
    text = text_of(image("a", "b"))
    audit.graph.list_page([{"imageDigest": digest_of(text), "lastRecordedPullTime": 1_000.0}])
    audit.graph.read([(digest_of(text), text, None)])
    audit.add(image("c"))
    audit.answer(a="unavailable", b="unavailable", c="unavailable")
    assert audit.graph.recently_pulled(1_000.0) == (3, 2)
    assert audit.graph.recently_pulled(1_000.5) == (0, 0)


def test_columns_of_another_plan_are_refused() -> None:
    audit = Audit()
    audit.add(image("a"))
    other = Audit()
    other.add(image("b"))
    other.answer()
    with pytest.raises(ValueError, match="another plan"):
        audit.graph.set_verdicts(columns_for(other.graph.plan(), [Blob(), Blob()]))


def test_manifests_read_after_the_plan_are_not_checked_until_the_next_plan() -> None:
    audit = Audit()
    first = audit.add(image("a"))
    audit.answer()
    late = audit.add(image("a", "late"))
    audit.judge()
    assert judged(audit, first) == Judged("complete", None)
    assert audit.judged(late) == Judged("not_checked", None)
    audit.answer()
    audit.judge()
    assert judged(audit, late) == Judged("complete", None)
    assert audit.graph.plan().unique == 3


def test_the_plan_has_a_row_for_each_blob() -> None:
    audit = Audit()
    audit.add(image("a", "b"))
    audit.add(image("b", "c", config="other"))
    plan = audit.graph.plan()
    assert (plan.rows, plan.unique, plan.duplicates, plan.invalid) == (5, 5, 0, 0)
    assert plan.texts(0, 5) == [digest_of(content) for content in ("config", "a", "b", "other", "c")]
    assert lc.plan(plan.texts(0, 5)).fingerprint() == plan.fingerprint()


@pytest.mark.parametrize("size", [0, 101])
def test_a_batch_size_beyond_the_service_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="expected 1 to 100"):
        ImageGraph().plan(size)
