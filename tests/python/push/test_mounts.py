"""Blobs that may be mounted from another repository: cases 53 and 54 of the design."""

from __future__ import annotations

from typing import Any

import pytest

import layercheck as lc

from .conftest import Plan, actions
from .layouts import Layout, digest_of, layer
from .registry import Refusal, Registry, Repo

BASE, APP = layer("base", 5000), layer("app", 3000)


@pytest.fixture
def base(registry: Registry) -> Repo:
    """The repository `base/python`, which has the base layer; mounts are on."""
    registry.account_settings["BLOB_MOUNTING"] = "ENABLED"
    registry.repositories["base/python"] = Repo(blobs={digest_of(BASE): "AVAILABLE"})
    return registry.repositories["base/python"]


def test_what_another_repository_has_may_be_mounted(layout: Layout, base: Repo, plan: Plan) -> None:
    """Case 53."""
    layout.image([BASE, APP], name="v1")
    made = plan(mount_from="base/python")
    (row,) = (row for row in made.rows if row.action == "mount")
    assert (row.digest, row.mount_from) == (digest_of(BASE), "base/python")
    assert row.note == "uploaded if the mount is refused"
    assert (made.counts["mount"], made.bytes["mount"]) == (1, len(BASE))
    assert made.upload_bytes.most - made.upload_bytes.least == len(BASE)
    assert made.notes == ()


def test_what_the_target_has_is_skipped_and_asked_nowhere_else(
    layout: Layout, base: Repo, repo: Repo, registry: Registry, plan: Plan
) -> None:
    """Case 53."""
    layout.image([BASE, APP], name="v1")
    repo.blobs[digest_of(BASE)] = "AVAILABLE"
    made = plan(mount_from=["base/python"])
    assert actions(made)[digest_of(BASE)] == "skip"
    asked = [body for operation, body in registry.asked if operation == "BatchCheckLayerAvailability"]
    assert asked[1]["repositoryName"] == "base/python"
    assert digest_of(BASE) not in asked[1]["layerDigests"]


def test_a_config_is_uploaded_and_not_mounted(layout: Layout, base: Repo, plan: Plan) -> None:
    """Case 53: skopeo mounts layers, and sends the config."""
    layout.image([BASE, APP], name="v1")
    (config,) = (row for row in plan().rows if row.role == "config")
    base.blobs[str(config.digest)] = "AVAILABLE"
    made = plan(mount_from="base/python")
    (config,) = (row for row in made.rows if row.role == "config")
    assert (config.action, config.mount_from) == ("upload", None)
    assert config.note == "base/python has it, and clients do not mount configs"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("setting", "the account setting BLOB_MOUNTING is off"),
        ("encryption", "its encryption is another one"),
        ("cache", "it is a pull-through cache"),
        ("absent", "the repository does not exist"),
    ],
)
def test_a_mount_that_cannot_work_is_an_upload(
    layout: Layout, base: Repo, registry: Registry, plan: Plan, change: str, why: str
) -> None:
    """Case 53."""
    layout.image([BASE, APP], name="v1")
    match change:
        case "setting":
            registry.account_settings["BLOB_MOUNTING"] = "DISABLED"
        case "encryption":
            base.settings = {"encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "arn:key"}}
        case "cache":
            registry.pull_through = ["other", "base"]
        case "absent":
            del registry.repositories["base/python"]
    made = plan(mount_from="base/python")
    assert actions(made)[digest_of(BASE)] == "upload"
    assert made.notes == (f"nothing is mounted from base/python: {why}",)


@pytest.mark.parametrize(
    "operation", ["GetAccountSetting", "DescribePullThroughCacheRules", "DescribeRepositories"]
)
def test_a_mount_that_nobody_can_tell_is_an_upload_or_a_mount(
    layout: Layout, base: Repo, registry: Registry, plan: Plan, operation: str
) -> None:
    """Case 54."""
    layout.image([BASE, APP], name="v1")
    registry.deny(operation)
    made = plan(mount_from="base/python")
    (row,) = (row for row in made.rows if row.digest == digest_of(BASE))
    assert row.action == "upload"
    assert row.note == "or mount from base/python"
    assert any(f"allow ecr:{operation} to know it" in note for note in made.notes)


def test_a_source_whose_blobs_are_denied_is_a_note(
    layout: Layout, base: Repo, registry: Registry, plan: Plan
) -> None:
    """Case 54."""
    layout.image([BASE, APP], name="v1")
    real = registry.batch_check_layer_availability

    def deny(body: Any) -> Any:
        if body["repositoryName"] == "base/python":
            return Refusal("AccessDeniedException", "not authorized")
        return real(body)

    registry.replaced["BatchCheckLayerAvailability"] = deny
    made = plan(mount_from="base/python")
    assert actions(made)[digest_of(BASE)] == "upload"
    assert any("what base/python has is not known" in note for note in made.notes)


def test_a_mount_may_supply_what_the_source_lacks(layout: Layout, base: Repo, plan: Plan) -> None:
    layout.image([BASE, APP], name="v1")
    layout.drop(digest_of(BASE))
    made = plan(mount_from="base/python")
    (row,) = (row for row in made.rows if row.action == "mount")
    assert row.note == "lacking if the mount is refused"


@pytest.mark.parametrize(
    ("mount_from", "said"),
    [
        ("public.ecr.aws/docker/library/python", "is in ECR Public"),
        ("999999999999.dkr.ecr.eu-west-1.amazonaws.com/base", "is in another registry than the target"),
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com/base", "is in another region than the target"),
        ("team/app", "which is the target itself"),
    ],
)
def test_a_mount_stays_within_a_registry_and_region(layout: Layout, mount_from: str, said: str) -> None:
    layout.image([APP], name="v1")
    where = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app"
    with pytest.raises(lc.InvalidParameterError, match=said):
        lc.push_plan(layout.folder, where, mount_from=mount_from, dry_run=True)
