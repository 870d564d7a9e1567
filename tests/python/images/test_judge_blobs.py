"""Blobs that images name, their sizes and their roles. The numbers are those of the design."""

from __future__ import annotations

import pytest

import layercheck as lc
from images.judging import judged, lines
from images.reference_judge import Blob, Judged
from images.repositories import (
    FOREIGN_LAYER,
    LAYER,
    Audit,
    child,
    columns_for,
    descriptor,
    digest_of,
    image,
    index,
)
from layercheck._core import ImageGraph


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
