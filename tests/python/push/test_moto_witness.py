"""An independent witness: a push to moto, call for call as the plan says, and the plan after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

import layercheck as lc
import moto_server

from .layouts import Layout, layer


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto_server.serving() as served:
        yield served


def send(client: Any, layout: Layout, plan: lc.PushPlan) -> None:
    """Make the calls of a push, for the rows that the plan wants sent."""
    for row in plan.rows:
        if row.action != "upload":
            continue
        assert row.digest is not None
        content = layout.path(row.digest).read_bytes()
        if row.is_manifest:
            tag = {"imageTag": plan.tag} if row is plan.rows[-1] else {}
            client.put_image(
                repositoryName="team/app",
                imageManifest=content.decode(),
                imageManifestMediaType=row.media_type,
                imageDigest=row.digest,
                **tag,
            )
            continue
        upload = client.initiate_layer_upload(repositoryName="team/app")
        part = {"repositoryName": "team/app", "uploadId": upload["uploadId"]}
        client.upload_layer_part(
            **part, partFirstByte=0, partLastByte=len(content) - 1, layerPartBlob=content
        )
        client.complete_layer_upload(**part, layerDigests=[row.digest])


def test_after_a_push_as_planned_nothing_is_left_to_do(url: str, layout: Layout) -> None:
    """Cases 51, 61 and 63. moto knows neither settings nor templates, and says so by errors."""
    base = layer("base", 40_000)
    amd, arm = layout.image([base, layer("app")]), layout.image([base, layer("arm")], "linux/arm64")
    layout.images([amd, arm], "v1")
    session = boto3.Session(
        aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1"
    )
    client: Any = session.client("ecr", endpoint_url=url)

    def planned() -> lc.PushPlan:
        return lc.push_plan(layout.folder, "team/app", tag="v1", session=session, endpoint_url=url)

    before = planned()
    assert "the repository 'team/app' does not exist" in before.blocked[0]
    client.create_repository(repositoryName="team/app")
    first = planned()
    assert (first.blocked, first.counts["upload"], first.manifest_counts["upload"]) == ((), 5, 3)
    send(client, layout, first)
    second = planned()
    assert (second.counts["skip"], second.manifest_counts["skip"]) == (5, 3)
    assert second.nothing_to_do
    assert second.upload_bytes == (0, 0)
    client.close()
