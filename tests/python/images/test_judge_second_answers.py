"""What the second look and the witness change. The numbers are those of the design."""

from __future__ import annotations

from images.judging import judged, lines
from images.reference_judge import Judged
from images.repositories import (
    Audit,
    child,
    descriptor,
    digest_of,
    image,
    index,
)


def test_a_blob_that_comes_back_is_available_and_one_without_an_answer_is_undecided() -> None:
    audit = Audit()
    one, other, third = (audit.add(image(layer)) for layer in ("a", "b", "c"))
    audit.answer(a="unavailable", b="unavailable", c="unavailable")
    audit.judge()
    images, blobs, *_ = audit.graph.suspects()
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
    audit.graph.found(audit.graph.suspects()[3])
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
