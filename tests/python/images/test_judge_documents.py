"""Manifests of every type, and documents that are none. The numbers are those of the design."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from images.judging import judged, lines
from images.reference_judge import Blob, Judged
from images.repositories import (
    CONFIG,
    INDEX,
    LAYER,
    MANIFEST,
    Audit,
    child,
    descriptor,
    digest_of,
    image,
    text_of,
)
from layercheck._core import ImageGraph


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
