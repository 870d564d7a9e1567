"""The plots of a push plan as tables: the numbers are those of the plan."""

from __future__ import annotations

from .conftest import Plan
from .layouts import Layout, digest_of, layer
from .registry import Repo

BASE, APP, OTHER = layer("base", 5000), layer("app", 3000), layer("other", 2000)


def test_the_tables_count_the_blobs_and_bytes_of_each_action(layout: Layout, repo: Repo, plan: Plan) -> None:
    layout.image([BASE, APP], name="v1")
    repo.blobs[digest_of(BASE)] = "AVAILABLE"
    made = plan()
    blobs, sizes = made.plot.tables()
    assert {row[0]: row[1:] for row in blobs.rows} == {
        "skip": (1, made.bytes["skip"]),
        "upload": (2, made.bytes["upload"]),
    }
    assert {row[0]: row[1] for row in sizes.rows} == {word: made.bytes[word] for word in ("skip", "upload")}
    assert blobs.summary.startswith("3 blobs: 1 skip, 2 upload; ")


def test_images_are_ranked_by_what_a_push_of_each_alone_sends(layout: Layout, plan: Plan) -> None:
    layout.image([OTHER], name="small")
    layout.image([BASE, APP], name="large")
    made = plan()
    ranked = made.plot.tables()[-1]
    assert (ranked.kind, [row[0] for row in ranked.rows]) == ("ranked", ["large", "small"])
    assert {row[0]: row[1] for row in ranked.rows} == {
        image.name: image.upload_bytes.most for image in made.images
    }
    assert " for large." in ranked.summary


def test_a_plan_without_anything_to_send_ranks_no_image(layout: Layout, repo: Repo, plan: Plan) -> None:
    layout.image([BASE], name="v1")
    layout.image([APP], name="v2")
    repo.blobs = {str(row.digest): "AVAILABLE" for row in plan().rows if not row.is_manifest}
    assert [table.name for table in plan().plot.tables()] == ["actions", "bytes"]
