"""The verdict of each image that a listing names. The numbers are those of the design."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from images.judging import judged, lines
from images.reference_judge import Judged
from images.repositories import (
    Audit,
    digest_of,
    image,
    text_of,
)
from layercheck._core import ImageGraph


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


def test_two_tags_of_an_image_share_its_verdict() -> None:
    """Case 38."""
    audit = Audit()
    one = audit.add(image("a"), "v1", "v2")
    audit.answer(a="unavailable")
    assert audit.judge() == {**dict.fromkeys(audit.graph.counts(), 0), "incomplete": 1}
    assert judged(audit, one).code == "MissingLayer"


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
