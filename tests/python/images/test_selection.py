"""Which images of a repository are checked."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Any

import pytest

import layercheck as lc
from layercheck.images.selection import Selection

DAYS = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 3)]


def image(name: str, *tags: str, status: str = "ACTIVE", day: int = 0) -> dict[str, Any]:
    details: dict[str, Any] = {"imageDigest": name, "imageStatus": status, "imagePushedAt": DAYS[day]}
    return {**details, "imageTags": list(tags)} if tags else details


IMAGES = [
    image("a", "v1", "latest", day=2),
    image("b", "v2", status="ARCHIVED", day=1),
    image("c", day=0),
    None,
    "junk",
    {"imageDigest": "d", "imageTag": "v3"},
]

CHOICES: dict[str, tuple[dict[str, Any], str]] = {
    "all": ({}, "abcd"),
    "a pattern of tags": ({"tags": ("v*",)}, "abd"),
    "an exact tag": ({"tags": ("latest",)}, "a"),
    "tagged": ({"tagged": True}, "abd"),
    "untagged": ({"tagged": False}, "c"),
    "archived": ({"status": "archived"}, "b"),
    "active, also without a status": ({"status": "active"}, "acd"),
    "pushed since": ({"pushed_after": DAYS[1]}, "ab"),
    "pushed before": ({"pushed_before": DAYS[1]}, "cd"),
    "the newest two, in the order of the listing": ({"newest": 2}, "ab"),
    "the newest of the untagged": ({"tagged": False, "newest": 1}, "c"),
}


@pytest.mark.parametrize(("choice", "names"), CHOICES.values(), ids=CHOICES)
def test_images_are_chosen_by_what_the_listing_says(choice: dict[str, Any], names: str) -> None:
    chosen = Selection(**choice).choose(IMAGES)
    assert "".join(each["imageDigest"] for each in chosen) == names


def test_a_time_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    hour_later = DAYS[1].replace(tzinfo=None, hour=1)
    try:
        assert len(Selection(pushed_after=hour_later).choose(IMAGES)) == 1
        assert len(Selection(pushed_before=hour_later).choose(IMAGES)) == 3
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "lost"},
        {"newest": 0},
        {"newest": True},
        {"newest": "2"},
        {"newest": 2.5},
        {"pushed_after": "2026-01-01"},
        {"pushed_before": date(2026, 1, 1)},
        {"pushed_before": 0},
    ],
    ids=lambda wrong: "-".join(map(repr, *wrong.items())),
)
def test_a_choice_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(lc.InvalidParameterError, match=f"{next(iter(wrong))} is .*expected"):
        lc.check_images("team/app", **wrong)
