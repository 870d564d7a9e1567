"""Manifests of one answer are hashed many at once: each is verified like a manifest that comes alone."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from images.repositories import Audit, digest_of, image, index, text_of
from layercheck._core import verify_manifests

COUNT = 100
"""Images of one answer of the service, at most."""
LIMIT = 4 << 20
"""Longest document that is read, bytes."""


def text(number: int) -> str:
    """A manifest; the lengths differ, so that few end in the same block."""
    return text_of(image(*(f"{number}/{layer}" for layer in range(number % 13)))) + " " * (number % 130)


def entries(count: int) -> list[tuple[str, str, str | None]]:
    """An answer in which every seventh manifest has other bytes than its digest says."""
    made: list[tuple[str, str, str | None]] = []
    for number in range(count):
        right = text(number)
        made.append((digest_of(right), right + " " if number % 7 == 3 else right, None))
    return made


@pytest.mark.parametrize("count", [1, 11, 12, 33, COUNT])
def test_the_wrong_manifests_of_an_answer_are_found_and_the_others_used(count: int) -> None:
    audit, answer = Audit(), entries(count)
    for digest, _, _ in answer:
        audit.take(digest)
    wrong = [digest for number, (digest, _, _) in enumerate(answer) if number % 7 == 3]
    assert audit.graph.read(answer) == [(digest, "DigestMismatch") for digest in wrong]
    assert audit.graph.manifests == count - len(wrong)


def test_images_that_no_listing_named_and_long_documents_do_not_shift_the_others() -> None:
    audit, answer = Audit(), entries(COUNT)
    answer[20] = (answer[20][0], "x" * (LIMIT + 1), None)
    answer[41] = ("no digest", answer[41][1], None)
    unlisted = {0, 50, 51, 99}
    for number, (digest, _, _) in enumerate(answer):
        if number not in unlisted and number != 41:
            audit.take(digest)
    expected = []
    for number, (digest, _, _) in enumerate(answer):
        if number in unlisted or number == 41:
            expected.append((digest, "NotListed"))
        elif number == 20:
            expected.append((digest, "TooLarge"))
        elif number % 7 == 3:
            expected.append((digest, "DigestMismatch"))
    assert audit.graph.read(answer) == expected


def test_an_image_twice_in_an_answer_is_verified_each_time() -> None:
    audit, answer = Audit(), entries(COUNT)
    for digest, _, _ in answer:
        audit.take(digest)
    again = [(digest, text_of(index()), media_type) for digest, _, media_type in answer]
    problems = audit.graph.read([*answer, *again])
    assert len(problems) == len([number for number in range(COUNT) if number % 7 == 3]) + COUNT
    assert audit.graph.manifests == COUNT - len([number for number in range(COUNT) if number % 7 == 3])


@pytest.mark.parametrize("count", [0, 5, 127, 128, 129, 1_000])
def test_manifests_of_any_number_are_counted_by_their_digests(count: int) -> None:
    documents = [text(number).encode() for number in range(count)]
    names = [f"sha256:{hashlib.sha256(document).hexdigest()}" for document in documents]
    right = [number for number in range(count) if number % 5]
    for number in range(0, count, 5):
        names[number] = names[number - 1] if count > 1 else "sha256:" + "0" * 64
    parts: list[Any] = [json.loads(documents[number]) for number in right]
    found = [descriptor for each in parts for descriptor in (each["config"], *each["layers"])]
    expected = (len(right), len(found), sum(descriptor["size"] for descriptor in found))
    assert verify_manifests(documents, names, None) == expected
