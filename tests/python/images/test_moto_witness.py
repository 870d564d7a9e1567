"""moto as an independent witness: images that it serves get the verdicts that its layers deserve."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

import layercheck as lc
import moto_server
from made_images import MANIFEST, REPOSITORY, manifest, verdicts


@pytest.fixture
def client() -> Iterator[Any]:
    with moto_server.serving() as url:
        session = boto3.Session("testing", "testing", region_name="eu-west-1")
        made: Any = session.client("ecr", endpoint_url=url)
        made.create_repository(repositoryName=REPOSITORY)
        yield made


def upload(client: Any, *names: str) -> None:
    for name in names:
        upload_id = client.initiate_layer_upload(repositoryName=REPOSITORY)["uploadId"]
        blob = name.encode()
        client.upload_layer_part(
            repositoryName=REPOSITORY,
            uploadId=upload_id,
            partFirstByte=0,
            partLastByte=len(blob) - 1,
            layerPartBlob=blob,
        )
        client.complete_layer_upload(
            repositoryName=REPOSITORY,
            uploadId=upload_id,
            layerDigests=["sha256:" + hashlib.sha256(blob).hexdigest()],
        )


def put_image(client: Any, text: str, tag: str, digest: str | None = None) -> str:
    digest = digest or "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    client.put_image(
        repositoryName=REPOSITORY,
        imageManifest=text,
        imageManifestMediaType=MANIFEST,
        imageTag=tag,
        imageDigest=digest,
    )
    return digest


def test_moto_and_layercheck_agree_on_what_is_missing(client: Any) -> None:
    whole, broken = manifest("a", "b"), manifest("c", "d")
    upload(client, "a", "b", "config of a b", "c", "config of c d")
    digests = [put_image(client, whole, "whole"), put_image(client, broken, "broken")]
    report = lc.check_images(REPOSITORY, client=client, rate="max")
    assert verdicts(report) == {digests[0]: ("complete", None), digests[1]: ("incomplete", "MissingLayer")}
    (image,) = report.find("incomplete")
    assert image.missing == ("sha256:" + hashlib.sha256(b"d").hexdigest(),)


def test_a_digest_that_is_not_that_of_the_manifest_is_unreadable(client: Any) -> None:
    """Case 37: moto takes any digest."""
    digest = put_image(client, json.dumps({"schemaVersion": 2, "layers": []}), "wrong", "sha256:" + "0" * 64)
    report = lc.check_images(REPOSITORY, client=client, rate="max")
    assert verdicts(report) == {digest: ("unreadable", "DigestMismatch")}
