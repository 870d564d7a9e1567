"""The comparison of a push plan with a real push finds what differs. `make real-push` has real tools."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import layercheck as lc
from layercheck.testing import LocalEcr
from push.layouts import Layout, digest_of, layer
from real.docker_registry import parse
from real.push_plans import differences
from real.skopeo import Pushed, read

BASE, MOUNTED, APP = layer("base", 5000), layer("mounted", 4000), layer("app", 3000)
REPOSITORY = "team/app"


def line(method: str, path: str, status: int) -> str:
    return (
        f'127.0.0.1 - - [28/Nov/2026:09:51:34 +0000] "{method} {path} HTTP/1.1" {status} 0 "" "skopeo/1.9.3"'
    )


def upload(digest: str, size: int) -> str:
    state = base64.urlsafe_b64encode(b"m" * 32 + json.dumps({"Offset": size}).encode()).decode().rstrip("=")
    digest = digest.replace(":", "%3A")
    return line("PUT", f"/v2/{REPOSITORY}/blobs/uploads/1234?_state={state}&digest={digest}", 201)


@pytest.fixture
def plan(tmp_path: Path) -> lc.PushPlan:
    """Skips one layer, mounts one, and uploads one and the config."""
    layout = Layout(tmp_path / "layout")
    layout.image([BASE, MOUNTED, APP], name="v1")
    with LocalEcr({REPOSITORY: [digest_of(BASE)], "team/base": [digest_of(MOUNTED)]}) as ecr:
        ecr.set_account_setting("BLOB_MOUNTING", "ENABLED")
        return lc.push_plan(layout.folder, REPOSITORY, mount_from="team/base", client=ecr.client())


@pytest.fixture
def pushed(plan: lc.PushPlan) -> Pushed:
    """What the log and skopeo say of a push as it is planned."""
    sent = {
        str(row.digest): row.size or 0 for row in plan.rows if row.action == "upload" and not row.is_manifest
    }
    log = [
        line("HEAD", f"/v2/{REPOSITORY}/blobs/{digest_of(BASE)}", 200),
        line("HEAD", f"/v2/{REPOSITORY}/blobs/{digest_of(APP)}", 404),
        line("HEAD", f"/v2/team/base/blobs/{digest_of(MOUNTED)}", 200),
        line("POST", f"/v2/{REPOSITORY}/blobs/uploads/?from=team%2Fbase&mount={digest_of(MOUNTED)}", 201),
        line("POST", f"/v2/{REPOSITORY}/blobs/uploads/", 202),
        *(upload(digest, size) for digest, size in sent.items()),
        line("PUT", f"/v2/{REPOSITORY}/manifests/v1", 201),
    ]
    said = [
        'msg="... already exists"',
        f'msg="Skipping blob {digest_of(BASE)} (already present):"',
        'msg="... already exists"',
        f'msg="Skipping blob {digest_of(MOUNTED)} (already present):"',
        *(f'msg="Upload of layer {digest} complete"' for digest in sent),
    ]
    return read([request for each in log if (request := parse(each))], said, REPOSITORY)


def test_a_push_as_it_was_planned_has_no_difference(plan: lc.PushPlan, pushed: Pushed) -> None:
    assert pushed.skipped == {digest_of(BASE)}
    assert pushed.mounted == {digest_of(MOUNTED)}
    assert pushed.uploaded[digest_of(APP)] == len(APP)
    assert pushed.manifests == {"v1"}
    assert list(differences(plan, pushed)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"skipped": frozenset()}, "planned to skip"),
        ({"mounted": frozenset()}, "planned to mount"),
        ({"uploaded": {}}, "planned to upload"),
        ({"uploaded": {digest_of(APP): 1}}, "bytes are planned, the registry received 1"),
        ({"uploaded": {digest_of(b"another"): 1}}, "uploaded without being planned"),
        ({"disagreements": ("the log has another",)}, "the log has another"),
    ],
    ids=["skip", "mount", "upload", "bytes", "unplanned", "log"],
)
def test_each_difference_is_found(
    plan: lc.PushPlan, pushed: Pushed, change: dict[str, Any], said: str
) -> None:
    assert said in "\n".join(differences(plan, replace(pushed, **change)))


def test_skopeo_and_the_log_of_the_registry_must_agree() -> None:
    request = parse(upload(digest_of(APP), len(APP)))
    assert request is not None
    found = read([request], ['msg="... already exists"'], REPOSITORY).disagreements
    assert [each.split()[0] for each in found] == ["skopeo", "skopeo"]
    assert "skopeo says that it uploaded []" in found[0]
    assert '1 lines "already exists", the log says so 0 times' in found[1]
