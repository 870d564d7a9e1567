"""`layercheck images --pushed-after` and `--pushed-before`: a time is UTC unless it names its zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from layercheck.testing import LocalEcr
from made_images import REPOSITORY, manifest, put

from .conftest import Layercheck

WEST = {"TZ": "EST5"}  # five hours behind UTC


@pytest.fixture
def images() -> Iterator[LocalEcr]:
    with LocalEcr({REPOSITORY: ()}, region_name="eu-west-1") as ecr:
        put(ecr, manifest("a"), "v1")
        yield ecr


def minutes_before(pushed: datetime, zone: timezone | None) -> str:
    time = (pushed - timedelta(minutes=5)).astimezone(zone or UTC)
    return time.replace(tzinfo=zone, microsecond=0).isoformat()


@pytest.mark.parametrize(
    "zone", [None, UTC, timezone(timedelta(hours=1))], ids=["no zone is UTC", "UTC", "one hour ahead"]
)
def test_a_time_is_utc_or_of_the_zone_that_it_names(
    zone: timezone | None, images: LocalEcr, layercheck: Layercheck
) -> None:
    time = minutes_before(datetime.now(UTC), zone).replace("+00:00", "Z")
    command = ("images", REPOSITORY, "--endpoint-url", images.endpoint_url)
    after = layercheck(*command, "--pushed-after", time, env=WEST)
    assert (after.code, "no image was checked" in after.err) == (0, False)
    before = layercheck(*command, "--pushed-before", time, env=WEST)
    assert (before.code, "no image was checked" in before.err) == (0, True)


def test_the_help_and_the_message_name_the_zone_with_an_example(layercheck: Layercheck) -> None:
    assert "UTC unless" in " ".join(layercheck("images", "--help").out.split())
    ended = layercheck("images", "team/app", "--pushed-after", "yesterday")
    assert ended.code == 2
    assert "'yesterday' is not a time; expected such as 2026-11-01, 2026-11-01T12:30:00Z" in ended.err
    assert "UTC" in ended.err
