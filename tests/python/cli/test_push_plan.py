"""`layercheck push-plan` from end to end: tables, formats and exit codes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from push.layouts import Layout, digest_of, layer
from push.registry import Refusal, Registry, Repo

from .conftest import COMMAND, Ended, Layercheck

BASE, APP = layer("base", 5000), layer("app", 3000)
PushPlan = Callable[..., Ended]


@pytest.fixture
def repo() -> Repo:
    return Repo(blobs={digest_of(BASE): "AVAILABLE"})


@pytest.fixture
def registry(repo: Repo) -> Iterator[Registry]:
    with Registry(team__app=repo).serve() as serving:
        yield serving


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """One image of two layers, the first of which is in `team/app`."""
    made = Layout(tmp_path / "layout")
    made.image([BASE, APP], name="v1")
    return made


@pytest.fixture
def push_plan(layercheck: Layercheck, layout: Layout, registry: Registry) -> PushPlan:
    """`layercheck push-plan` of the layout against the registry; the first argument is REPOSITORY."""

    def run(*arguments: str | Path, **settings: Any) -> Ended:
        return layercheck("push-plan", layout.folder, *arguments, "--endpoint-url", registry.url, **settings)

    return run


def test_the_summary_shows_actions_bytes_calls_and_rows(push_plan: PushPlan) -> None:
    ended = push_plan("team/app:v2")
    assert (ended.code, ended.err) == (0, "")
    lines = [line.split() for line in ended.out.splitlines()]
    assert ["skip", "1", f"{len(BASE)}", "B", "0", "the", "target", "has", "it"] in lines
    assert any(line[:2] == ["upload", "2"] for line in lines)
    assert "InitiateLayerUpload 2, UploadLayerPart 2, CompleteLayerUpload 2, PutImage 1" in " ".join(
        ended.out.split()
    )
    assert "tag v2: no image has it" in ended.out
    assert digest_of(APP)[:19] in ended.out


@pytest.mark.parametrize(
    ("fail_on", "code"),
    [((), 0), (("--fail-on", "upload"), 3), (("--fail-on", "archived,mount"), 0), (("--fail-on", "none"), 0)],
    ids=str,
)
def test_the_exit_code_follows_fail_on(push_plan: PushPlan, fail_on: tuple[str, ...], code: int) -> None:
    assert push_plan("team/app", *fail_on).code == code


def test_lacking_and_blocked_are_code_3(push_plan: PushPlan, layout: Layout) -> None:
    """Cases 52 and 61."""
    assert push_plan("team/new").code == 3
    layout.drop(digest_of(APP))
    ended = push_plan("team/app")
    assert ended.code == 3
    assert "pull the whole image before it is saved" in " ".join(ended.out.split())


def test_where_all_is_there_the_summary_says_so(push_plan: PushPlan, layout: Layout, repo: Repo) -> None:
    """Case 63."""
    (image,) = layout.index
    document = layout.document(image["digest"])
    repo.blobs = {each["digest"]: "AVAILABLE" for each in (document["config"], *document["layers"])}
    repo.images, repo.tags = {image["digest"]: "ACTIVE"}, {"v1": image["digest"]}
    ended = push_plan("team/app:v1")
    assert ended.code == 0
    assert "nothing would be uploaded" in ended.out


def test_a_blob_without_an_answer_is_code_4(push_plan: PushPlan, registry: Registry) -> None:
    """Case 66."""
    registry.replaced["BatchCheckLayerAvailability"] = lambda body: {
        "layers": [],
        "failures": [
            {"layerDigest": each, "failureCode": "InvalidLayerDigest"} for each in body["layerDigests"]
        ],
    }
    ended = push_plan("team/app")
    assert ended.code == 4
    assert "incomplete: some blobs got no answer; run it again" in ended.err


def test_what_was_denied_is_a_note(push_plan: PushPlan, registry: Registry) -> None:
    registry.deny("DescribeRepositories", "DescribeImages")
    ended = push_plan("team/app:v1")
    assert ended.code == 0
    assert "allow ecr:DescribeRepositories to know it" in " ".join(ended.out.split())


def test_a_denied_check_is_one_line(push_plan: PushPlan, registry: Registry) -> None:
    registry.deny("BatchCheckLayerAvailability")
    ended = push_plan("team/app")
    assert ended.code == 1
    assert "allow the action ecr:BatchCheckLayerAvailability on the repository" in ended.err


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet", "arrow"])
def test_rows_go_to_standard_output_or_into_a_file(
    push_plan: PushPlan, tmp_path: Path, format_: str, layout: Layout
) -> None:
    path = tmp_path / f"plan.{format_}"
    assert push_plan("team/app", "-o", path).code == 0
    done = subprocess.run(
        [*COMMAND, "push-plan", layout.folder, "team/app", "--dry-run", "--format", format_, "-q"],
        capture_output=True,
        check=True,
    )
    assert len(done.stdout) > 100
    assert path.stat().st_size > 100


def test_json_lines_leave_the_summary_to_standard_error(push_plan: PushPlan) -> None:
    ended = push_plan("team/app", "--format", "jsonl")
    rows = [json.loads(line) for line in ended.out.splitlines()]
    assert [row["action"] for row in rows] == ["skip", "upload", "upload", "upload"]
    assert "to upload" in ended.err


def test_an_archive_may_come_from_standard_input(layercheck: Layercheck, layout: Layout) -> None:
    """Case 67."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w|gz") as tar:
        tar.add(layout.folder, ".")
    ended = layercheck("push-plan", "-", "team/app:v1", "--dry-run", stdin=archive.getvalue())
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("standard input to team/app:v1")


@pytest.mark.parametrize(
    ("source", "said"),
    [("nowhere.tar", "no such file or folder: 'nowhere.tar'"), ("text.txt", "text.txt"), ("empty", "empty")],
)
def test_a_source_that_is_none_is_one_line(
    layercheck: Layercheck, tmp_path: Path, source: str, said: str
) -> None:
    """Case 70."""
    (tmp_path / "text.txt").write_text("sha256:" + "a" * 64)
    (tmp_path / "empty").mkdir()
    ended = layercheck("push-plan", source, "team/app", "--dry-run")
    assert (ended.code, ended.out) == (1, "")
    assert said in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("manifests", ["[]", "null"])
@pytest.mark.parametrize("arguments", [[], ["--dry-run"], ["--image", "v1"]], ids=["asked", "dry", "image"])
def test_a_layout_that_names_no_image_is_one_line(
    push_plan: PushPlan, registry: Registry, layout: Layout, manifests: str, arguments: list[str]
) -> None:
    (layout.folder / "index.json").write_text(f'{{"schemaVersion": 2, "manifests": {manifests}}}')
    ended = push_plan("team/app", *arguments)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        f"layercheck: {layout.folder}: it names no image, so there is nothing to push; add an image, with: "
        "skopeo copy docker://IMAGE oci:FOLDER:TAG\n"
    )
    assert registry.asked == []


def test_a_damaged_blob_of_a_folder_is_found_by_verify(push_plan: PushPlan, layout: Layout) -> None:
    """Case 58."""
    layout.path(digest_of(APP)).write_bytes(APP[:-1] + b"!")
    assert push_plan("team/app").code == 0
    ended = push_plan("team/app", "--verify", env={"COLUMNS": "300"})
    assert ended.code == 3
    (line,) = (line for line in ended.out.splitlines() if line.startswith("lacking") and "sha256" in line)
    assert digest_of(APP) in line
    assert "damaged in the source" in line
    assert f"{digest_of(APP)[7:]}: its content does not hash to its name" in ended.out


def test_a_dry_run_needs_no_credentials_and_no_network(layercheck: Layercheck, layout: Layout) -> None:
    nothing = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_REGION": None}
    ended = layercheck("push-plan", layout.folder, "team/app", "--dry-run", env=nothing)
    assert (ended.code, ended.err) == (0, "")
    assert "the target was not asked" in ended.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["public.ecr.aws/nginx/nginx"], "REPOSITORY is in ECR Public, and push plans are for private ECR"),
        (["team/app:v1", "--tag", "v2"], "REPOSITORY has the tag 'v1' and --tag is 'v2'; leave one out"),
        (
            ["team/app", "--mount-from", "team/app"],
            "--mount-from names 'team/app', which is the target",
        ),
        (["team/app", "--fail-on", "missing"], "'missing' is unknown; expected none, or some of: blocked"),
        (["team/app", "--fail-on", "undecided"], "always ends with exit code 4"),
        (["team/app", "--blobs", "nowhere"], "'nowhere' does not exist"),
        (["team/app", "-o", "plan.parquet.zst"], "the suffix does not name a format"),
        (["team/*"], "REPOSITORY is 'team/*', a pattern, and a push goes to one repository"),
        (["team/app", "--mount-from", "base*"], "--mount-from has 'base*', a pattern; name each repository"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_usage_is_one_line(push_plan: PushPlan, arguments: list[str], said: str) -> None:
    ended = push_plan(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert "(see: layercheck push-plan --help)" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--image", "v9"], "--image is 'v9', which the source does not have; it has v1"),
        (["--platform", "linux/s390x"], "--platform is 'linux/s390x', which the source does not have"),
    ],
    ids=["image", "platform"],
)
def test_what_the_source_does_not_have_is_one_line(
    push_plan: PushPlan, arguments: list[str], said: str
) -> None:
    ended = push_plan("team/app", *arguments)
    assert (ended.code, ended.out) == (1, "")
    assert said in ended.err


@pytest.mark.parametrize("columns", ["20", "80", "200"])
def test_no_number_is_cut_at_any_width(push_plan: PushPlan, columns: str) -> None:
    ended = push_plan("team/app:" + "t" * 300, env={"COLUMNS": columns})
    assert ended.code == 0
    assert "…" not in ended.out
    assert "t" * 300 in "".join(ended.out.split())
    assert "to upload" in " ".join(ended.out.split())


def test_names_of_a_source_cannot_reach_the_terminal(layercheck: Layercheck, tmp_path: Path) -> None:
    hostile = Layout(tmp_path / "hostile")
    hostile.image([BASE], name="a\x1b[2J\u202e")
    hostile.image([APP], name="b")
    ended = layercheck("push-plan", hostile.folder, "team/app", "--dry-run")
    assert ended.code == 0
    for character in "\x1b\u202e":
        assert character not in ended.out + ended.err
    assert "\\x1b[2J" in ended.out


def test_an_interrupt_writes_what_is_known(
    layout: Layout, registry: Registry, environment: dict[str, str], tmp_path: Path
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def hang(_: object) -> Refusal:
        asked.set()
        go_on.wait(60)
        return Refusal("ServerException", "", 500)

    registry.replaced["DescribeImages"] = hang
    command = [*COMMAND, "push-plan", layout.folder, "team/app:v1", "--endpoint-url", registry.url]
    with subprocess.Popen(
        [*map(str, command), "-o", "plan.jsonl"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert asked.wait(60)
        os.kill(running.pid, signal.SIGINT)
        out, err = running.communicate()
        go_on.set()
    assert running.returncode == 130, err
    assert "interrupted; this is what was known" in err
    rows = [json.loads(line) for line in (tmp_path / "plan.jsonl").read_text().splitlines()]
    assert [row["action"] for row in rows] == ["skip", "upload", "upload", "undecided"]
    assert "skip" in out
