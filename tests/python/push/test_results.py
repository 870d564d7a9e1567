"""What comes of a plan: tables, files, pickles, texts and the view in a notebook."""

from __future__ import annotations

import copy
import csv
import gzip
import io
import json
import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

import layercheck as lc
from layercheck.push.actions import ACTIONS

from .conftest import Plan
from .layouts import Layout, digest_of, layer
from .registry import Registry, Repo

APP, OTHER = layer("app", 3000), layer("other", 2000)
COLUMNS = ["action", "digest", "size", "media_type", "role", "images", "platforms", "in_source"]
COLUMNS += ["mount_from", "diff_id", "archived", "note"]


@pytest.fixture
def made(layout: Layout, repo: Repo, plan: Plan) -> lc.PushPlan:
    """Two platforms; one layer is there, one is lacking."""
    amd, arm = layout.image([APP]), layout.image([OTHER], "linux/arm64")
    layout.images([amd, arm], "=v1\x1b[2J")
    layout.drop(digest_of(OTHER))
    repo.blobs[digest_of(APP)] = "AVAILABLE"
    return plan(tag="v1")


def test_all_tables_have_the_same_rows(made: lc.PushPlan, tmp_path: Path) -> None:
    rows = made.to_arrow().to_pylist()
    assert list(rows[0]) == COLUMNS
    assert [row["digest"] for row in rows] == [row.digest for row in made.rows]
    assert rows[0]["platforms"] == ["linux/amd64"]
    assert made.to_polars().to_dicts() == rows
    frame = made.to_pandas()
    assert list(frame["action"]) == [row.action for row in made.rows]
    assert str(frame["size"].dtype) == "Int64"
    for name in ("p.parquet", "p.arrow", "p.jsonl", "p.csv", "p.jsonl.gz"):
        made.write(tmp_path / name)
    assert pyarrow.parquet.read_table(tmp_path / "p.parquet").to_pylist() == rows
    with pyarrow.ipc.open_file(tmp_path / "p.arrow") as file:
        assert file.read_all().to_pylist() == rows
    plain, packed = ((tmp_path / name).read_bytes() for name in ("p.jsonl", "p.jsonl.gz"))
    assert [json.loads(line) for line in plain.splitlines()] == rows
    assert gzip.decompress(packed) == plain
    cells = list(csv.DictReader(io.StringIO((tmp_path / "p.csv").read_text())))
    assert [cell["digest"] for cell in cells] == [row["digest"] for row in rows]
    assert cells[0]["in_source"] == "true"


def test_text_of_the_source_is_disarmed_in_files(made: lc.PushPlan, tmp_path: Path) -> None:
    for name in ("p.csv", "p.jsonl"):
        made.write(tmp_path / name)
        assert "\x1b" not in (tmp_path / name).read_text()
    cell = next(csv.DictReader(io.StringIO((tmp_path / "p.csv").read_text())))["images"]
    assert cell == r"\u003dv1\u001b[2J"


@pytest.mark.parametrize(
    ("name", "said"), [("plan.txt", "cannot tell a format"), ("plan.parquet.zst", "cannot tell a format")]
)
def test_a_name_that_is_no_format_is_refused(made: lc.PushPlan, tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        made.write(tmp_path / name)
    assert list(tmp_path.glob("plan*")) == []


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_are_compressed_to_one_member_or_frame(made: lc.PushPlan, tmp_path: Path, suffix: str) -> None:
    for name in (suffix, f"{suffix}.gz", f"{suffix}.zst"):
        made.write(tmp_path / f"plan{name}")
    plain = (tmp_path / f"plan{suffix}").read_bytes()
    assert gzip.decompress((tmp_path / f"plan{suffix}.gz").read_bytes()) == plain
    assert pa.input_stream(str(tmp_path / f"plan{suffix}.zst"), compression="zstd").read() == plain


def test_a_plan_crosses_processes(made: lc.PushPlan) -> None:
    for again in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):  # noqa: S301 - bytes of this test
        assert again.rows == made.rows
        assert (again.counts, again.bytes, again.calls) == (made.counts, made.bytes, made.calls)
        assert (again.images, again.blocked, again.notes) == (made.images, made.blocked, made.notes)
        assert again.report is not None
        assert made.report is not None
        assert again.report.counts == made.report.counts


def test_every_row_has_one_action_and_the_counts_add_up(made: lc.PushPlan) -> None:
    assert list(made.counts) == list(made.bytes) == list(made.manifest_counts) == list(ACTIONS)
    assert made.blobs + sum(made.manifest_counts.values()) == len(made.rows)
    assert sum(len(made.digests(action)) for action in ACTIONS) == len(made.rows)
    with pytest.raises(ValueError, match="unknown action 'push'; expected one of: skip, upload"):
        made.digests("push")


def test_the_short_form_names_source_target_and_counts(made: lc.PushPlan) -> None:
    assert repr(made) == (f"PushPlan({made.source!r} to 'team/app', skip=1, upload=2, lacking=1)")


def test_the_view_in_a_notebook_escapes_what_comes_from_outside(layout: Layout, plan: Plan) -> None:
    layout.image([APP], name="<script>alert(1)</script>\x1b")
    layout.image([OTHER], name="other")
    view = plan()._repr_html_()
    assert "<script>" not in view
    assert "\x1b" not in view
    assert "Push plan" in view
    assert digest_of(APP) in view


def test_the_view_in_a_notebook_shows_why_the_push_is_blocked(layout: Layout, plan: Plan) -> None:
    layout.image([APP], name="v1")
    view = plan("team/new")._repr_html_()
    assert "the push would be refused" in view
    assert "does not exist" in view


def test_the_caller_s_own_client_is_used_and_never_modified(layout: Layout, repo: Repo, plan: Plan) -> None:
    layout.image([APP], name="v1")
    with Registry(team__app=repo).serve() as other:
        client: Any = other.session().client("ecr", endpoint_url=other.url)
        client.describe_images  # noqa: B018 (the first use of a method fills botocore's caches)
        before = str(vars(client.meta.events._emitter)["_handlers"]._root)
        made = lc.push_plan(layout.folder, "team/app", client=client)
        assert str(vars(client.meta.events._emitter)["_handlers"]._root) == before
        assert made.counts["upload"] == 2
        client.close()


@pytest.mark.parametrize(
    ("repository", "options", "said"),
    [
        ("public.ecr.aws/nginx/nginx", {}, "push plans are for private ECR"),
        ("team/app@sha256:" + "a" * 64, {}, "a push goes to a tag, so leave the digest out"),
        ("team/app:v1", {"tag": "v2"}, "repository_name has the tag 'v1' and tag is 'v2'; leave one out"),
        ("team/app", {"tag": "-x"}, "tag is '-x'; expected letters, digits"),
        ("team/app", {"tag": ""}, "tag is ''; expected letters, digits"),
        ("team/*", {}, "a pattern, and a push goes to one repository; give the name of one"),
        ("team/ap[p]", {}, "repository_name is 'team/ap.p.', a pattern"),
        ("team/app", {"mount_from": "base/?"}, "mount_from has 'base/.', a pattern; name each repository"),
    ],
)
def test_a_target_that_cannot_be_is_refused(
    layout: Layout, repository: str, options: dict[str, str], said: str
) -> None:
    with pytest.raises(lc.InvalidParameterError, match=said):
        lc.push_plan(layout.folder, repository, dry_run=True, **options)  # type: ignore[arg-type]
