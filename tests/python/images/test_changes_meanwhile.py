"""What changes in a repository while it is checked, and what the report says of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from layercheck.testing import LocalEcr
from made_images import REPOSITORY, check, manifest, put, verdicts


def client_that_moves(ecr: LocalEcr, tag: str, operation: str) -> Any:
    """A client of the caller, before whose first call of an operation a tag moves to a new image."""
    client = ecr.client()
    moved: list[str] = []

    def before(**_: Any) -> None:
        if not moved:
            moved.append(put(ecr, manifest("new"), tag, lacking=["new"]))

    client.meta.events.register(f"before-call.ecr.{operation}", before)
    return client


@pytest.mark.parametrize("target", [REPOSITORY, f"{REPOSITORY}:v1"])
@pytest.mark.parametrize("operation", ["BatchGetImage", "BatchCheckLayerAvailability"])
def test_a_tag_that_moves_stays_with_the_image_that_had_it_when_it_was_listed(
    operation: str, target: str
) -> None:
    """Case 6."""
    before = time.time()
    with LocalEcr({}) as ecr:
        old = put(ecr, manifest("old"), "v1", "stable", lacking=["old"])
        report = check(ecr, target, client=client_that_moves(ecr, "v1", operation))
        after = time.time()
        (now,) = [each for each in ecr.images(REPOSITORY) if each != old]
        later = check(ecr, target)
    assert verdicts(report) == {old: ("incomplete", "MissingLayer")}
    (image,) = report.find("incomplete")
    assert sorted(image.tags) == ["stable", "v1"]
    assert before <= report.repository(REPOSITORY).listed_at <= after
    tags = {image.digest: sorted(image.tags) for image in later.find("incomplete")}
    assert tags[now] == ["v1"]
    assert tags.get(old, ["stable"]) == ["stable"]
