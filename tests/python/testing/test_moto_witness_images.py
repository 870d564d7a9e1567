"""moto as an independent witness for images: the same calls to it and to LocalEcr, and their answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from layercheck.testing import LocalEcr
from made_manifests import OCI_INDEX, OCI_MANIFEST, blobs_of, digest_of, image, index

ACCOUNT, REPOSITORY = "123456789012", "team/app"
ONE, TWO = image("base", "one"), image("base", "two")
BOTH = index(ONE, TWO)
ABSENT = digest_of("absent")

# In its own process: importing moto hooks into every botocore client of the process that does.
_SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


def client_of(endpoint_url: str, service: Any = "ecr") -> Any:
    once = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    session = boto3.Session(
        aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1"
    )
    return session.client(service, endpoint_url=endpoint_url, config=once)


def push(client: Any) -> list[Any]:
    """Put the same images by the same calls; return the answers."""
    return [
        client.put_image(
            repositoryName=REPOSITORY,
            imageManifest=manifest,
            imageManifestMediaType=media_type,
            imageDigest=digest_of(manifest),  # else moto's digests are no hashes
            **tag,
        )["image"]
        for manifest, media_type, tag in [
            (ONE, OCI_MANIFEST, {"imageTag": "v1"}),
            (TWO, OCI_MANIFEST, {}),
            (BOTH, OCI_INDEX, {"imageTag": "latest"}),
        ]
    ]


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Any, Any]]:
    """Clients of moto and of LocalEcr, each with the same images in one repository."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process, LocalEcr({REPOSITORY: [*blobs_of(ONE), *blobs_of(TWO)]}, account_id=ACCOUNT) as local:
        try:
            moto = client_of(f"http://127.0.0.1:{int(process.stdout.readline())}")
            moto.create_repository(repositoryName=REPOSITORY)
            clients = moto, client_of(local.endpoint_url)
            at_moto, at_local = map(push, clients)
            for one, other in zip(at_moto, at_local, strict=True):
                assert one == other
            yield clients
        finally:
            process.stdin.close()  # the end of its standard input ends the server


def said(client: Any, operation: str, **arguments: Any) -> Any:
    """The answer without its metadata, or the error code."""
    try:
        answer = getattr(client, operation)(repositoryName=REPOSITORY, **arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    del answer["ResponseMetadata"]
    return answer


@pytest.mark.parametrize("tag_status", ["ANY", "TAGGED", "UNTAGGED"])
def test_both_list_the_same_images(both: tuple[Any, Any], tag_status: str) -> None:
    at_moto, at_local = (
        said(client, "list_images", filter={"tagStatus": tag_status})["imageIds"] for client in both
    )
    key = sorted((one["imageDigest"], one.get("imageTag")) for one in at_moto)
    assert sorted((one["imageDigest"], one.get("imageTag")) for one in at_local) == key
    assert key


def test_both_describe_the_same_images(both: tuple[Any, Any]) -> None:
    at_moto, at_local = (
        {detail["imageDigest"]: detail for detail in said(client, "describe_images")["imageDetails"]}
        for client in both
    )
    assert set(at_moto) == set(at_local) == set(map(digest_of, (ONE, TWO, BOTH)))
    same = ("registryId", "repositoryName", "imageTags", "imageManifestMediaType")
    for digest, detail in at_moto.items():
        local = at_local[digest]
        assert {name: local.get(name, []) for name in same} == {name: detail.get(name, []) for name in same}
        assert type(local["imagePushedAt"]) is type(detail["imagePushedAt"])
        # moto's size is that of the config; LocalEcr adds the layers, as the service documents.
        assert local["imageSizeInBytes"] > 0
        assert set(detail) - set(local) <= {"imageSizeInBytes", "imageTags", "artifactMediaType"}


@pytest.mark.parametrize(
    "ids",
    [
        [{"imageDigest": digest_of(ONE)}],
        [{"imageDigest": digest_of(BOTH)}, {"imageDigest": digest_of(TWO)}],
        [{"imageTag": "v1"}, {"imageTag": "latest"}],
    ],
)
def test_both_give_the_same_manifests(both: tuple[Any, Any], ids: list[dict[str, str]]) -> None:
    at_moto, at_local = (said(client, "batch_get_image", imageIds=ids) for client in both)
    assert at_moto["failures"] == at_local["failures"] == []
    fields = ("registryId", "repositoryName", "imageManifest", "imageManifestMediaType")
    assert [[one[name] for name in fields] for one in at_local["images"]] == [
        [one[name] for name in fields] for one in at_moto["images"]
    ]
    digests = [[one["imageId"]["imageDigest"] for one in answer["images"]] for answer in (at_moto, at_local)]
    assert digests[0] == digests[1]


def test_both_say_that_an_image_is_not_there_but_moto_does_not_say_which(both: tuple[Any, Any]) -> None:
    at_moto, at_local = (
        said(client, "batch_get_image", imageIds=[{"imageDigest": ABSENT}])["failures"] for client in both
    )
    assert [failure["failureCode"] for failure in (*at_moto, *at_local)] == ["ImageNotFound"] * 2
    assert at_local[0]["failureReason"] == at_moto[0]["failureReason"]
    assert at_moto[0]["imageId"] == {"imageTag": "null"}  # moto's choice, which a fault repeats
    assert at_local[0]["imageId"] == {"imageDigest": ABSENT}


@pytest.mark.parametrize("absent", [{"imageDigest": ABSENT}, {"imageTag": "absent"}])
def test_both_refuse_to_describe_what_is_not_there(both: tuple[Any, Any], absent: dict[str, str]) -> None:
    errors = []
    for client in both:
        with pytest.raises(ClientError) as caught:
            client.describe_images(repositoryName=REPOSITORY, imageIds=[absent])
        errors.append(caught.value.response["Error"])
    assert errors[0] == errors[1]


def test_both_describe_the_repository_alike(both: tuple[Any, Any]) -> None:
    found = [client.describe_repositories(repositoryNames=[REPOSITORY])["repositories"][0] for client in both]
    for repository in found:
        del repository["createdAt"]
    assert found[0] == found[1]


def test_only_local_ecr_has_pages_and_limits(both: tuple[Any, Any]) -> None:
    moto, local = both
    # moto's leniency: it ignores maxResults, and takes more than 100 ids.
    assert len(said(moto, "describe_images", maxResults=1)["imageDetails"]) == 3
    assert len(said(local, "describe_images", maxResults=1)["imageDetails"]) == 1
    many = [{"imageDigest": digest_of(ONE)}] * 150
    assert len(said(moto, "batch_get_image", imageIds=many)["images"]) == 150
    assert said(local, "batch_get_image", imageIds=many) == "InvalidParameterException"


def test_only_local_ecr_refuses_an_image_without_its_layers(both: tuple[Any, Any]) -> None:
    lost = image("lost")
    more = {"imageManifest": lost, "imageDigest": digest_of(lost), "imageManifestMediaType": OCI_MANIFEST}
    assert said(both[1], "put_image", **more) == "LayersNotFoundException"
    assert said(both[0], "put_image", **more)["image"]["imageId"]["imageDigest"] == digest_of(lost)


def test_both_know_who_the_caller_is(both: tuple[Any, Any]) -> None:
    told = [client_of(client.meta.endpoint_url, "sts").get_caller_identity() for client in both]
    assert [set(one) for one in told] == [{"UserId", "Account", "Arn", "ResponseMetadata"}] * 2
    assert told[0]["Account"] == told[1]["Account"] == ACCOUNT
