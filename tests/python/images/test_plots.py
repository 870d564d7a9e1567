"""The numbers of the plots of a check of images are those of its tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

import layercheck as lc
from layercheck.images import plot_tables
from layercheck.plots.table import PlotTable
from layercheck.testing import Fault, ImageRule, LocalEcr

DAY_S = 86_400
HELD, GONE = "sha256:" + "a1" * 32, "sha256:" + "b2" * 32


def part(digest: str) -> dict[str, Any]:
    return {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": 1}


@pytest.fixture(scope="module")
def report() -> Iterator[lc.ImageReport]:
    contents: dict[str, Any] = {
        "team/a": ImageRule(300, layers=4, broken=12),
        "team/b": ImageRule(200, layers=3, broken=50, indexes=20, seed=4),
        "team/fine": ImageRule(40, seed=5),
        "team/shared": [HELD],
    }
    with LocalEcr(contents) as ecr:
        for number in range(5):
            # Five images need the layer that is gone; other missing layers are needed by one image each.
            manifest = {"config": part(HELD), "layers": [part(GONE)], "annotations": {"n": str(number)}}
            ecr.put_image("team/shared", manifest, [f"v{number}"], force=True)
        yield lc.check_images("team/*", client=ecr.client())


def lines(report: lc.ImageReport, name: str, **options: Any) -> list[dict[str, Any]]:
    table = report.table(name, **options)
    return table.lines(0, len(table))


def plots(report: lc.ImageReport) -> dict[str, PlotTable]:
    return {table.name: table for table in report.plot.tables()}


def test_the_bar_has_every_image_once(report: lc.ImageReport) -> None:
    table = plots(report)["verdicts"]
    assert {row[0]: row[1] for row in table.rows} == {word: n for word, n in report.counts.items() if n}
    assert sum(int(row[1] or 0) for row in table.rows) == report.images == 545


def test_repositories_are_ranked_by_their_share_of_broken_images(report: lc.ImageReport) -> None:
    table = plots(report)["repositories"]
    expected = []
    for each in lines(report, "repositories"):
        broken = each["incomplete"] + each["unreadable"]
        if broken:
            expected.append((100 * broken / each["images"], broken, each["repository"], each["images"]))
    expected.sort(reverse=True)
    assert [(row[1], row[2], row[0], row[3]) for row in table.rows] == expected
    assert table.omitted == 0
    assert table.summary.startswith("3 of 4 repositories with broken images; first team/shared")


def test_missing_layers_are_ranked_by_the_images_that_need_them(report: lc.ImageReport) -> None:
    table = plots(report)["missing-layers"]
    found = [each for each in lines(report, "layers") if each["verdict"] == "unavailable"]
    needs = {(each["digest"], each["repository"]): each["images"] for each in found}
    assert len(table.rows) == 20
    assert table.omitted == len(needs) - 20
    assert all(needs[row[3], row[2]] == row[1] for row in table.rows)
    assert sorted(needs.values(), reverse=True)[:20] == [row[1] for row in table.rows]
    assert table.rows[0] == (GONE[:19], 5, "team/shared", GONE)


def test_layers_that_were_denied_once_only_are_not_drawn_as_missing() -> None:
    """The time is up while the other layers are asked for the first time."""
    contents = {"team/a": ImageRule(200, layers=3, broken=50)}
    slow = Fault("latency", operations=("BatchCheckLayerAvailability",), calls=(2, None), ms=60_000)
    with LocalEcr(contents, faults=[slow]) as ecr:
        report = lc.check_images("team/*", client=ecr.client(), timeout_s=2.0)
        ecr.set_faults([])
    assert report.counts["incomplete"] == 0
    denied = {(each["verdict"], each["code"]) for each in lines(report, "layers")}
    assert ("unanswered", "NoSecondAnswer") in denied
    assert "unavailable" not in {verdict for verdict, _ in denied}
    assert "missing-layers" not in plots(report)
    assert report.plot.missing_layers() is None


def test_layers_are_grouped_by_the_images_that_share_them(report: lc.ImageReport) -> None:
    table = plots(report)["sharing"]
    groups: Counter[int] = Counter()
    stored: Counter[int] = Counter()
    for each in lines(report, "layers", all_layers=True):
        group = int(math.log2(each["images"]))
        groups[group] += 1
        if each["verdict"] == "available":
            stored[group] += each["size"]
    assert [row[1] for row in table.rows] == [groups[at] for at in range(len(table.rows))]
    assert sum(groups.values()) == sum(int(row[1] or 0) for row in table.rows)
    assert [int(row[2] or 0) >= stored[at] for at, row in enumerate(table.rows)] == [True] * len(table.rows)
    assert [row[0] for row in table.rows[:3]] == ["1 image", "2 to 3 images", "4 to 7 images"]


def test_ages_end_at_the_given_time_and_every_image_is_in_one_group(report: lc.ImageReport) -> None:
    pushed = [datetime.fromisoformat(each["pushed_at"]).timestamp() for each in lines(report, "images")]
    newest = max(pushed)
    for days, name in (
        (0.5, "under 1 day"),
        (3, "1 to 7 days"),
        (400, "1 to 2 years"),
        (9_999, "over 5 years"),
    ):
        table = plot_tables.ages(report, "pushed", newest + days * DAY_S)
        assert table is not None
        numbers = {row[0]: row[1] for row in table.rows}
        assert sum(int(number or 0) for number in numbers.values()) == len(pushed)
        assert int(numbers[name] or 0) >= pushed.count(newest)
        assert "not known" not in numbers
    # The rule tells no pull, and nothing is drawn of nothing.
    assert plot_tables.ages(report, "pulled") is None


def test_bytes_are_those_of_the_table_of_repositories(report: lc.ImageReport) -> None:
    table = plots(report)["bytes"]
    assert {row[0]: row[1] for row in table.rows} == {
        each["repository"]: each["bytes"] for each in lines(report, "repositories") if each["bytes"]
    }


def test_the_timeline_has_the_requests_for_layers_of_all_repositories(report: lc.ImageReport) -> None:
    stats = [each.blobs.stats for each in report.repositories if each.blobs is not None]
    assert len(stats) == 4
    assert sum(interval.requests for interval in report.timeline) == sum(each.requests for each in stats)


def test_the_view_has_a_bar_and_the_missing_layers(report: lc.ImageReport) -> None:
    view = report._repr_html_()
    counts = report.counts
    label = f"{counts['complete']} complete, {counts['incomplete']} incomplete"
    assert f'role="img" aria-label="{label}"' in view
    assert "Missing layers by images that need them" in view
    assert view.count("<svg") == 1


def test_every_plot_is_drawn(report: lc.ImageReport) -> None:
    plot = report.plot
    for make in (
        plot.verdicts,
        plot.repositories,
        plot.missing_layers,
        plot.pushed,
        plot.bytes,
        plot.sharing,
    ):
        chart: Any = make()
        assert chart._repr_mimebundle_()["image/svg+xml"].startswith("<svg")
    assert plot.pulled() is None
