"""The core judges every repository as the slow reference does, whatever is wrong with it."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, note, settings
from hypothesis import strategies as st

import layercheck as lc
from images.reference_judge import Judged, child_state, is_archived, judge, parts, state_of_part
from images.repositories import Audit, audits

LATER = ["available", "unavailable", "unavailable", "archived", "unanswered", "refused", "not_checked"]


def check(audit: Audit, counts: dict[str, int]) -> None:
    """Every image has the verdict of the reference, and the numbers of images add up."""
    expected = judge(audit.known)
    found = {digest: audit.judged(digest) for digest in audit.known.listing}
    for digest, verdict in expected.items():
        # The table counts nothing for what was not read, and the reference nothing for what was not judged.
        known = digest in audit.known.manifests and verdict.verdict not in ("gone", "archived")
        known = known and verdict.code not in ("CyclicIndex", "NestedTooDeep")
        seen = found[digest] if known else Judged(*found[digest][:2])
        note(f"{digest}: {verdict}")
        assert seen == verdict
    words = Counter(verdict.verdict for verdict in expected.values())
    assert counts == {word.label: words[word.label] for word in lc.ImageVerdict}
    assert sum(counts.values()) == len(audit.graph)
    for word in lc.ImageVerdict:
        named = audit.graph.digests(word)
        assert named == [digest for digest, seen in found.items() if seen.verdict == word.label]


def check_that_incomplete_was_denied(audit: Audit) -> None:
    """No image is incomplete without a part that the server denied or that cannot be pulled."""
    for digest in audit.graph.digests(lc.ImageVerdict.INCOMPLETE):
        blobs, children, _, _ = parts(audit.known, audit.known.manifests[digest])
        states = {state_of_part(audit.known, name, found) for name, found in blobs.items()}
        of_children = {child_state(audit.known, name) for name in children}
        broken = {"missing layer", "missing config", "archived", "wrong size"}
        assert states & broken or of_children & {"missing", "incomplete", "archived"}


@given(audits(), st.booleans(), st.sampled_from([True, False, False, False, None]))
@settings(max_examples=400, deadline=None)
def test_each_image_has_the_verdict_of_the_reference(
    audit: Audit, listing_complete: bool, pull_through: bool | None
) -> None:
    check(audit, audit.judge(listing_complete=listing_complete, pull_through=pull_through))
    check_that_incomplete_was_denied(audit)


@given(audits(), st.data(), st.sampled_from([True, False, False, False, None]))
@settings(max_examples=400, deadline=None)
def test_a_second_look_changes_what_the_reference_says_it_changes(
    audit: Audit, data: st.DataObject, pull_through: bool | None
) -> None:
    audit.judge(pull_through=pull_through)
    images, missing, others, children, denied, archived = audit.graph.suspects()
    assert images == audit.graph.digests(lc.ImageVerdict.INCOMPLETE)
    assert denied == []
    blobs = [*missing, *others]
    for digest in images:
        if data.draw(st.integers(0, 4)) == 0:
            audit.known.gone.add(digest)
            audit.graph.gone([digest])
    for digest in children:
        assert digest not in audit.known.listing
        answer = data.draw(st.sampled_from(["found", "gone", ""]))
        if answer == "found":
            audit.known.found.add(digest)
            audit.graph.found([digest])
        elif answer == "gone":
            audit.known.gone.add(digest)
            audit.graph.gone([digest])
    for digest in archived:
        assert is_archived(audit.known, digest)
        if data.draw(st.booleans()):
            audit.known.found.add(digest)
            audit.graph.found([digest])
    assert all(audit.known.blobs[digest].first == "unavailable" for digest in missing)
    assert all(audit.known.blobs[digest].first in ("archived", "available") for digest in others)
    for digest in audit.known.blobs:
        if digest in blobs or data.draw(st.integers(0, 9)) == 0:
            size = data.draw(st.sampled_from([None, 100, 100, 7]))
            audit.look(digest, data.draw(st.sampled_from(LATER)), size)
    check(audit, audit.judge(pull_through=pull_through))
    for digest in audit.known.blobs:
        if data.draw(st.booleans()):
            audit.witness(digest, data.draw(st.sampled_from([True, False, None])))
    check(audit, audit.judge(pull_through=pull_through))
    check_that_incomplete_was_denied(audit)


@given(audits(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_run_that_ends_early_leaves_no_image_incomplete_that_was_denied_once(
    audit: Audit, judged: bool
) -> None:
    if judged:
        audit.judge()
    audit.graph.not_checked()
    counts = audit.graph.counts()
    assert sum(counts.values()) == len(audit.graph)
    if not judged:
        assert counts["not_checked"] == len(audit.graph)
    for digest in audit.graph.digests(lc.ImageVerdict.INCOMPLETE):
        blobs, children, _, _ = parts(audit.known, audit.known.manifests[digest])
        states = {state_of_part(audit.known, name, found) for name, found in blobs.items()}
        assert not states & {"missing layer", "missing config", "archived", "wrong size"}
        assert "missing" not in {child_state(audit.known, name) for name in children}


@given(audits())
@settings(max_examples=200, deadline=None)
def test_a_restored_manifest_is_judged_as_the_read_one(audit: Audit) -> None:
    again = Audit(audit.known.platforms)
    again.known = audit.known
    for digest, listed in audit.known.listing.items():
        again.graph.list_page(
            [{"imageDigest": digest, "imageStatus": listed.status, "imageTags": listed.tags}]
        )
        projection = audit.graph.projection(digest)
        assert (projection is not None) == (digest in audit.known.manifests)
        if projection is not None:
            assert again.graph.restore(digest, projection)
            assert again.graph.projection(digest) == projection
    for digest, (code, unreadable) in audit.known.failures.items():
        again.graph.fail(digest, code, "a reason", unreadable=unreadable)
    assert again.blobs() == audit.blobs()
    again.answer_digests(audit.known.blobs)
    check(again, again.judge())
