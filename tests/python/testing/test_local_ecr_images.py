"""The operations of images of LocalEcr, through boto3."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from layercheck._core import LocalEcrServer
from layercheck.testing import LocalEcr, Operation
from made_manifests import (
    CONFIG,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    blob,
    blobs_of,
    digest_of,
    image,
    index,
)

ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})
ONE, TWO = image("base", "one"), image("base", "two")
BOTH = index(ONE, TWO)
ABSENT = digest_of("absent")


def ids(*digests: str) -> list[dict[str, str]]:
    return [{"imageDigest": digest} for digest in digests]


@pytest.fixture
def ecr() -> Iterator[LocalEcr]:
    """A repository of two images and an index of both."""
    with LocalEcr({"app": [*blobs_of(ONE), *blobs_of(TWO)]}) as ecr:
        ecr.put_image("app", ONE, ["v1", "latest", "v1"])
        ecr.put_image("app", TWO)
        ecr.put_image("app", BOTH, ["both"])
        yield ecr


@pytest.fixture
def client(ecr: LocalEcr) -> Any:
    return ecr.client(config=ONCE)


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    """Code and message of the error that the call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_the_words_of_python_are_those_of_the_server() -> None:
    assert list(typing.get_args(Operation)) == LocalEcrServer.operations()


def test_describe_images_says_what_was_put(ecr: LocalEcr, client: Any) -> None:
    before = datetime.now(UTC)
    details = client.describe_images(repositoryName="app")["imageDetails"]
    assert [detail["imageDigest"] for detail in details] == sorted(map(digest_of, (ONE, TWO, BOTH)))
    by_digest = {detail["imageDigest"]: detail for detail in details}
    first = by_digest[digest_of(ONE)]
    pushed_at = first.pop("imagePushedAt")
    assert 0 <= (before - pushed_at).total_seconds() < 600
    config, *layers = (len(name) for name in ("config of base one", "base", "one"))
    assert first == {
        "registryId": "123456789012",
        "repositoryName": "app",
        "imageDigest": digest_of(ONE),
        "imageTags": ["v1", "latest"],
        "imageSizeInBytes": config + sum(layers),
        "imageManifestMediaType": OCI_MANIFEST,
        "artifactMediaType": CONFIG,
        "imageStatus": "ACTIVE",
    }
    both = by_digest[digest_of(BOTH)]
    assert both["imageManifestMediaType"] == OCI_INDEX
    assert both["imageSizeInBytes"] == first["imageSizeInBytes"]  # of the largest child, not the sum
    assert "imageTags" not in by_digest[digest_of(TWO)]


def test_list_images_has_an_entry_for_each_tag_and_one_for_an_image_without(client: Any) -> None:
    listed = client.list_images(repositoryName="app")["imageIds"]
    assert sorted((entry["imageDigest"], entry.get("imageTag", "")) for entry in listed) == sorted(
        [
            (digest_of(ONE), "latest"),
            (digest_of(ONE), "v1"),
            (digest_of(TWO), ""),
            (digest_of(BOTH), "both"),
        ]
    )
    for status, tags in [("TAGGED", {"v1", "latest", "both"}), ("UNTAGGED", {None})]:
        answer = client.list_images(repositoryName="app", filter={"tagStatus": status})
        assert {entry.get("imageTag") for entry in answer["imageIds"]} == tags


def test_batch_get_image_gives_the_bytes_that_were_put(client: Any) -> None:
    answer = client.batch_get_image(
        repositoryName="app",
        imageIds=[*ids(digest_of(BOTH), digest_of(ONE), digest_of(ONE)), {"imageTag": "v1"}],
    )
    assert answer["failures"] == []
    assert [found["imageManifest"] for found in answer["images"]] == [BOTH, ONE, ONE, ONE]
    assert [found["imageManifestMediaType"] for found in answer["images"]] == [OCI_INDEX, *[OCI_MANIFEST] * 3]
    assert answer["images"][0]["imageId"] == {"imageDigest": digest_of(BOTH)}
    assert answer["images"][3]["imageId"] == {"imageDigest": digest_of(ONE), "imageTag": "v1"}


@pytest.mark.parametrize(
    ("image_id", "code"),
    [
        ({"imageDigest": ABSENT}, "ImageNotFound"),
        ({"imageTag": "absent"}, "ImageNotFound"),
        ({"imageDigest": "nonsense"}, "InvalidImageDigest"),
        ({"imageTag": "-"}, "InvalidImageTag"),
        ({}, "MissingDigestAndTag"),
        ({"imageDigest": digest_of(ONE), "imageTag": "both"}, "ImageTagDoesNotMatchDigest"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_image_that_cannot_be_had_is_a_failure_of_its_own(
    client: Any, image_id: dict[str, str], code: str
) -> None:
    answer = client.batch_get_image(repositoryName="app", imageIds=[image_id, *ids(digest_of(ONE))])
    assert [found["imageManifest"] for found in answer["images"]] == [ONE]
    (failure,) = answer["failures"]
    assert (failure["failureCode"], failure["imageId"]) == (code, image_id)
    assert failure["failureReason"]


def test_an_image_of_a_type_that_is_not_accepted_is_in_neither_list(client: Any) -> None:
    answer = client.batch_get_image(
        repositoryName="app",
        imageIds=ids(digest_of(ONE), digest_of(BOTH)),
        acceptedMediaTypes=[OCI_INDEX, DOCKER_MANIFEST],
    )
    assert [found["imageManifest"] for found in answer["images"]] == [BOTH]
    assert answer["failures"] == []


def test_images_are_described_by_name_and_one_that_is_absent_fails_the_call(client: Any) -> None:
    named = [{"imageTag": "v1"}, {"imageDigest": digest_of(TWO)}]
    details = client.describe_images(repositoryName="app", imageIds=named)["imageDetails"]
    assert [detail["imageDigest"] for detail in details] == [digest_of(ONE), digest_of(TWO)]
    code, message = refused(
        client.describe_images, repositoryName="app", imageIds=[*named, {"imageDigest": ABSENT}]
    )
    assert code == "ImageNotFoundException"
    assert message == (
        f"The image with imageId {{imageDigest:'{ABSENT}', imageTag:'null'}} does not exist within the "
        "repository with name 'app' in the registry with id '123456789012'"
    )


@pytest.mark.parametrize(
    ("operation", "arguments", "said"),
    [
        ("batch_get_image", {"imageIds": ids(*[digest_of(ONE)] * 101)}, "'imageIds'"),
        ("describe_images", {"imageIds": ids(*[digest_of(ONE)] * 101)}, "'imageIds'"),
        ("describe_images", {"imageIds": ids(digest_of(ONE)), "nextToken": "x"}, "'nextToken'"),
        ("describe_images", {"imageIds": ids(digest_of(ONE)), "maxResults": 5}, "'maxResults'"),
        ("describe_images", {"maxResults": 1001}, "less than or equal to 1000"),
        ("list_images", {"maxResults": 1001}, "'maxResults'"),
        ("list_images", {"nextToken": "made up"}, "'nextToken'"),
        ("list_images", {"filter": {"imageStatus": "GONE"}}, "ACTIVE, ARCHIVED, ACTIVATING, ANY"),
        ("list_images", {"repositoryName": "Not A Name"}, "'repositoryName'"),
        ("list_images", {"registryId": "12"}, "'registryId'"),
        ("get_download_url_for_layer", {"layerDigest": "nonsense"}, "regular expression"),
        ("put_image", {"imageManifest": ONE, "imageTag": "a/b"}, "'imageTag'"),
        ("put_image", {"imageManifest": "x" * (4 << 20) + "x"}, "4194304"),
        ("put_image", {"imageManifest": "not json"}, "'ImageManifest' failed to satisfy constraint: 'Inv"),
    ],
)  # fmt: skip
def test_whole_calls_are_refused_beyond_the_limits(
    client: Any, operation: str, arguments: dict[str, Any], said: str
) -> None:
    code, message = refused(getattr(client, operation), **{"repositoryName": "app", **arguments})
    assert code == "InvalidParameterException"
    assert said in message


def test_a_repository_that_does_not_exist_is_named_by_every_operation(client: Any) -> None:
    calls: list[tuple[Any, dict[str, Any]]] = [
        (client.list_images, {}),
        (client.describe_images, {}),
        (client.batch_get_image, {"imageIds": ids(ABSENT)}),
        (client.put_image, {"imageManifest": ONE}),
        (client.get_download_url_for_layer, {"layerDigest": ABSENT}),
    ]
    for call, arguments in calls:
        for more in ({"repositoryName": "other"}, {"repositoryName": "app", "registryId": "210987654321"}):
            code, message = refused(call, **more, **arguments)
            assert code == "RepositoryNotFoundException"
            assert f"'{more['repositoryName']}' does not exist in the registry" in message


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("operation", ["list_images", "describe_images"])
def test_pages_of_any_size_have_every_entry_once(operation: str, size: int) -> None:
    with LocalEcr(["app"]) as ecr:
        images = [image(f"layer {number}") for number in range(12)]
        for number, manifest in enumerate(images):
            tags = [f"v{number}", f"w{number}", f"x{number}"][: number % 4]
            ecr.put_image("app", manifest, tags, force=True)
        pages = (
            ecr.client()
            .get_paginator(operation)
            .paginate(repositoryName="app", PaginationConfig={"PageSize": size})
        )
        found = [entry for page in pages for entry in page.get("imageIds", page.get("imageDetails"))]
    if operation == "list_images":
        expected = sum(max(1, number % 4) for number in range(12))
        assert (
            len(found) == len({(entry["imageDigest"], entry.get("imageTag")) for entry in found}) == expected
        )
    else:
        assert [entry["imageDigest"] for entry in found] == sorted(map(digest_of, images))


def test_a_page_has_100_entries_unless_the_call_says_otherwise() -> None:
    with LocalEcr(["app"]) as ecr:
        ecr.set_image_rule("app", 250)
        answer = ecr.client().list_images(repositoryName="app")
    assert len(answer["imageIds"]) == 100
    assert answer["nextToken"]


def test_a_token_is_good_for_its_own_listing_alone(ecr: LocalEcr, client: Any) -> None:
    token = client.list_images(repositoryName="app", maxResults=1)["nextToken"]
    ecr.add_repository("other")
    listings: list[tuple[Any, dict[str, Any]]] = [
        (client.list_images, {"repositoryName": "other"}),
        (client.list_images, {"repositoryName": "app", "filter": {"tagStatus": "TAGGED"}}),
        (client.describe_images, {"repositoryName": "app"}),
        (client.describe_repositories, {}),
    ]
    for call, arguments in listings:
        assert refused(call, nextToken=token, **arguments)[0] == "InvalidParameterException"
    assert client.list_images(repositoryName="app", nextToken=token)["imageIds"]


def test_an_image_that_is_deleted_between_pages_hides_no_other(ecr: LocalEcr, client: Any) -> None:
    first = client.describe_images(repositoryName="app", maxResults=1)
    gone = next(digest for digest in ecr.images("app") if digest != first["imageDetails"][0]["imageDigest"])
    ecr.drop("app", gone, force=True)
    rest = client.describe_images(repositoryName="app", nextToken=first["nextToken"])["imageDetails"]
    seen = [detail["imageDigest"] for detail in (*first["imageDetails"], *rest)]
    assert sorted(seen) == sorted({digest_of(ONE), digest_of(TWO), digest_of(BOTH)} - {gone})


# Pushes.


def test_put_image_answers_the_image_and_a_tag_moves(ecr: LocalEcr, client: Any) -> None:
    third = image("base", "one", annotations={"third": "yes"})
    answer = client.put_image(repositoryName="app", imageManifest=third, imageTag="latest")["image"]
    assert answer == {
        "registryId": "123456789012",
        "repositoryName": "app",
        "imageId": {"imageDigest": digest_of(third), "imageTag": "latest"},
        "imageManifest": third,
        "imageManifestMediaType": OCI_MANIFEST,
    }
    details = client.describe_images(repositoryName="app")["imageDetails"]
    tags = {detail["imageDigest"]: detail.get("imageTags", []) for detail in details}
    assert (tags[digest_of(third)], tags[digest_of(ONE)]) == (["latest"], ["v1"])


def test_a_push_is_refused_as_the_service_refuses_it(ecr: LocalEcr, client: Any) -> None:
    unknown, text = image("base", "three"), "in the registry with id '123456789012'"
    gone = ", ".join(sorted({digest_of("config of base three"), digest_of("three")}))
    code, message = refused(client.put_image, repositoryName="app", imageManifest=unknown)
    assert code == "LayersNotFoundException"
    assert message == (
        f"Layers with digests '[{gone}]' required for pushing image into repository with name 'app' {text} "
        "do not exist"
    )
    code, message = refused(client.put_image, repositoryName="app", imageManifest=index(ONE, unknown))
    assert code == "ReferencedImagesNotFoundException"
    assert digest_of(unknown) in message
    assert digest_of(ONE) not in message
    code, message = refused(
        client.put_image, repositoryName="app", imageManifest=ONE, imageDigest=digest_of(TWO)
    )
    assert code == "ImageDigestDoesNotMatchException"
    assert "does not match the image digest that Amazon ECR has calculated" in message
    code, message = refused(client.put_image, repositoryName="app", imageManifest=ONE, imageTag="v1")
    assert (code, message) == (
        "ImageAlreadyExistsException",
        f"Image with digest '{digest_of(ONE)}' and tag 'v1' already exists in the repository with name 'app' "
        f"{text}",
    )
    assert (
        refused(client.put_image, repositoryName="app", imageManifest=TWO)[0] == "ImageAlreadyExistsException"
    )
    without_layers = json.dumps(
        {"mediaType": OCI_MANIFEST, "config": blob("config of base one", CONFIG), "layers": []}
    )
    code, message = refused(client.put_image, repositoryName="app", imageManifest=without_layers)
    assert code == "InvalidParameterException"
    assert "at least one layer" in message


def test_an_immutable_tag_stays_where_it_is(ecr: LocalEcr, client: Any) -> None:
    ecr.add_repository("app", tag_mutability="IMMUTABLE_WITH_EXCLUSION", tag_filters=["late*"])
    code, message = refused(client.put_image, repositoryName="app", imageManifest=TWO, imageTag="v1")
    assert code == "ImageTagAlreadyExistsException"
    assert message == (
        "The image tag 'v1' already exists in the 'app' repository and cannot be overwritten because the tag "
        "is immutable."
    )
    client.put_image(repositoryName="app", imageManifest=TWO, imageTag="latest")
    client.put_image(repositoryName="app", imageManifest=TWO, imageTag="v2")
    with pytest.raises(ValueError, match=r"^ImageTagAlreadyExistsException: The image tag 'v2'"):
        ecr.put_image("app", ONE, ["v2"])


def test_broken_images_are_made_by_force_alone(ecr: LocalEcr, client: Any) -> None:
    lost = image("lost")
    with pytest.raises(ValueError, match=r"^LayersNotFoundException: Layers with digests"):
        ecr.put_image("app", lost)
    with pytest.raises(ValueError, match="Invalid JSON syntax"):
        ecr.put_image("app", "not json")
    with pytest.raises(ValueError, match="ImageDigestDoesNotMatchException"):
        ecr.put_image("app", ONE, digest=ABSENT)
    assert ecr.put_image("app", lost, force=True) == digest_of(lost)
    assert ecr.put_image("app", "not json", media_type="text/plain", force=True) == digest_of("not json")
    assert ecr.put_image("app", ONE, digest=ABSENT, force=True) == ABSENT
    answer = client.batch_get_image(
        repositoryName="app", imageIds=ids(digest_of(lost), digest_of("not json"), ABSENT)
    )
    assert [found["imageManifest"] for found in answer["images"]] == [lost, "not json", ONE]


@pytest.mark.parametrize(
    ("document", "declared", "said"),
    [
        ({"layers": []}, None, OCI_MANIFEST),
        ({"manifests": []}, None, OCI_INDEX),
        ({"fsLayers": []}, None, "application/vnd.docker.distribution.manifest.v1+prettyjws"),
        ({"layers": []}, DOCKER_MANIFEST, DOCKER_MANIFEST),
        ({"layers": []}, "", None),
    ],
)
def test_a_manifest_without_a_type_gets_that_of_the_push_or_of_its_members(
    ecr: LocalEcr, client: Any, document: dict[str, Any], declared: str | None, said: str | None
) -> None:
    digest = ecr.put_image("app", document, media_type=declared, force=True)
    (found,) = client.batch_get_image(repositoryName="app", imageIds=ids(digest))["images"]
    assert found.get("imageManifestMediaType") == said


def test_a_manifest_of_4_mib_is_put_and_read(ecr: LocalEcr, client: Any) -> None:
    large = image("base", "one")[:-1]
    large += ', "x": "' + '\\"' * ((4 << 20) // 2 - len(large) // 2 - 10) + '"}'
    answer = client.put_image(repositoryName="app", imageManifest=large)["image"]
    assert answer["imageId"]["imageDigest"] == digest_of(large)
    (found,) = client.batch_get_image(repositoryName="app", imageIds=ids(digest_of(large)))["images"]
    assert found["imageManifest"] == large


# The other operations.


def test_repositories_are_described_in_pages_and_by_name() -> None:
    names = [f"team/app{number}" for number in range(5)]
    with LocalEcr(names, region_name="eu-west-1") as ecr:
        ecr.add_repository("team/app0", tag_mutability="IMMUTABLE", encryption="KMS")
        client = ecr.client(config=ONCE)
        pages = client.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 2})
        sizes, found = zip(
            *((len(page["repositories"]), page["repositories"]) for page in pages), strict=True
        )
        assert sizes == (2, 2, 1)
        first, *rest = [repository for page in found for repository in page]
        assert [repository["repositoryName"] for repository in (first, *rest)] == names
        assert isinstance(first.pop("createdAt"), datetime)
        assert first == {
            "repositoryArn": "arn:aws:ecr:eu-west-1:123456789012:repository/team/app0",
            "registryId": "123456789012",
            "repositoryName": "team/app0",
            "repositoryUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app0",
            "imageTagMutability": "IMMUTABLE",
            "imageScanningConfiguration": {"scanOnPush": False},
            "encryptionConfiguration": {
                "encryptionType": "KMS",
                "kmsKey": "arn:aws:kms:eu-west-1:123456789012:key/local-ecr",
            },
        }
        assert rest[0]["imageTagMutability"] == "MUTABLE"
        named = client.describe_repositories(repositoryNames=["team/app3", "team/app1"])["repositories"]
        assert [repository["repositoryName"] for repository in named] == ["team/app3", "team/app1"]
        assert (
            refused(client.describe_repositories, repositoryNames=["nowhere"])[0]
            == "RepositoryNotFoundException"
        )
        assert refused(client.describe_repositories, registryId="210987654321")[0] == "AccessDeniedException"


def test_a_download_url_tells_whether_the_layer_is_there(ecr: LocalEcr, client: Any) -> None:
    there, archived = digest_of("base"), digest_of("archived")
    ecr.put("app", [archived], availability="ARCHIVED")
    answer = client.get_download_url_for_layer(repositoryName="app", layerDigest=there)
    assert answer["layerDigest"] == there
    assert answer["downloadUrl"].startswith(f"{ecr.endpoint_url}/app/{there}?X-Amz-")
    for digest, code in [(ABSENT, "LayersNotFoundException"), (archived, "LayerInaccessibleException")]:
        told = refused(client.get_download_url_for_layer, repositoryName="app", layerDigest=digest)
        assert told[0] == code
        assert told[1].startswith(f"The layer with digest '{digest}'")


def test_pull_through_rules_exclusions_and_settings_are_told(ecr: LocalEcr, client: Any) -> None:
    assert client.describe_pull_through_cache_rules()["pullThroughCacheRules"] == []
    ecr.pull_through("hub", "registry-1.docker.io")
    ecr.pull_through("quay", "quay.io")
    rules = client.describe_pull_through_cache_rules()["pullThroughCacheRules"]
    assert [(rule["ecrRepositoryPrefix"], rule["upstreamRegistryUrl"]) for rule in rules] == [
        ("hub", "registry-1.docker.io"),
        ("quay", "quay.io"),
    ]
    (rule,) = client.describe_pull_through_cache_rules(ecrRepositoryPrefixes=["quay"])[
        "pullThroughCacheRules"
    ]
    assert rule["upstreamRegistryUrl"] == "quay.io"
    assert refused(client.describe_pull_through_cache_rules, ecrRepositoryPrefixes=["other"])[0] == (
        "PullThroughCacheRuleNotFoundException"
    )
    arns = [f"arn:aws:iam::123456789012:role/role{number}" for number in range(3)]
    for arn in arns:
        ecr.exclude_pull_time(arn)
    first = client.list_pull_time_update_exclusions(maxResults=2)
    rest = client.list_pull_time_update_exclusions(nextToken=first["nextToken"])
    assert first["pullTimeUpdateExclusions"] + rest["pullTimeUpdateExclusions"] == arns
    assert client.get_account_setting(name="BLOB_MOUNTING")["value"] == "DISABLED"
    ecr.set_account_setting("BLOB_MOUNTING", "ENABLED")
    assert client.get_account_setting(name="BLOB_MOUNTING")["value"] == "ENABLED"
    assert refused(client.get_account_setting, name="NONSENSE")[0] == "ValidationException"
    with pytest.raises(ValueError, match="not an account setting"):
        ecr.set_account_setting("NONSENSE", "ENABLED")


@pytest.mark.parametrize("arn", [None, "arn:aws:iam::123456789012:user/team&co"])
def test_sts_says_who_the_caller_is(arn: str | None) -> None:
    with LocalEcr(["app"], caller_arn=arn) as ecr:
        sts = boto3.client("sts", config=ONCE, **ecr.client_arguments())
        told = sts.get_caller_identity()
        assert (told["Account"], told["Arn"]) == ("123456789012", ecr.caller_arn)
        assert ecr.caller_arn == (arn or "arn:aws:sts::123456789012:assumed-role/local-ecr/session")
        assert (ecr.calls[0].service, ecr.calls[0].operation) == ("sts", "GetCallerIdentity")


def test_counters_and_calls_tell_operations_and_digests(ecr: LocalEcr, client: Any) -> None:
    client.list_images(repositoryName="app")
    client.batch_get_image(
        repositoryName="app", imageIds=[*ids(digest_of(ONE), ABSENT), {"imageTag": "both"}]
    )
    client.batch_check_layer_availability(repositoryName="app", layerDigests=[ABSENT])
    counters = ecr.counters
    assert (counters.calls, counters.answered, counters.digests, counters.manifests) == (3, 3, 1, 2)
    assert {name: calls for name, calls in counters.operations.items() if calls} == {
        "BatchCheckLayerAvailability": 1,
        "BatchGetImage": 1,
        "ListImages": 1,
    }
    assert [(call.operation, call.repository_name, call.digests) for call in ecr.calls] == [
        ("ListImages", "app", []),
        ("BatchGetImage", "app", [digest_of(ONE), ABSENT, "both"]),
        ("BatchCheckLayerAvailability", "app", [ABSENT]),
    ]
