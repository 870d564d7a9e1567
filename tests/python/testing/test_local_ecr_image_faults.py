"""Each fault of LocalEcr in the answers of images, through botocore."""

from __future__ import annotations

import itertools
import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from layercheck.testing import Fault, ImageRule, LocalEcr, Throttle
from made_manifests import DOCKER_MANIFEST, OCI_MANIFEST, digest_of, image

ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})
RULE = ImageRule(20, layers=2)


def serving(*faults: Fault, **options: Any) -> LocalEcr:
    return LocalEcr({"app": RULE}, faults=faults, **options)


def get(ecr: LocalEcr, count: int = 20) -> Any:
    ids = [{"imageDigest": digest} for digest in ecr.images("app")[:count]]
    return ecr.client(config=ONCE).batch_get_image(repositoryName="app", imageIds=ids)


def describe(ecr: LocalEcr, **arguments: Any) -> Any:
    return ecr.client(config=ONCE).describe_images(repositoryName="app", **arguments)


def listed(ecr: LocalEcr, **arguments: Any) -> Any:
    return ecr.client(config=ONCE).list_images(repositoryName="app", **arguments)


def digests(entries: list[Any]) -> list[str]:
    return [entry["imageDigest"] for entry in entries]


def read(answer: Any) -> list[str]:
    return [found["imageId"]["imageDigest"] for found in answer["images"]]


def fits(found: Any) -> bool:
    return bool(digest_of(found["imageManifest"]) == found["imageId"]["imageDigest"])


def test_a_fault_for_an_operation_leaves_the_others_alone_and_counts_its_own_calls() -> None:
    fault = Fault("throttle", operations=("ListImages", "DescribeImages"), calls=(2, 3))
    with serving(fault) as ecr:
        outcomes = []
        for call in (get, listed, get, get, describe, get, listed, listed):
            try:
                call(ecr)
                outcomes.append("answered")
            except ClientError as error:
                outcomes.append(error.response["Error"]["Code"])
        assert outcomes == [
            *["answered"] * 4,
            *["ThrottlingException", "answered", "ThrottlingException", "answered"],
        ]
        assert [call.outcome for call in ecr.calls] == outcomes
    with pytest.raises(TypeError, match="tuple of operations"):
        Fault("throttle", operations="ListImages")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown operation"):
        serving(Fault("throttle", operations=("Nonsense",)))  # type: ignore[arg-type]


def test_each_operation_has_a_bucket_of_its_own() -> None:
    with serving(throttle=(0, 1)) as ecr:
        for call in (get, listed, describe):
            call(ecr)
            with pytest.raises(ClientError, match="ThrottlingException"):
                call(ecr)
        ecr.set_throttle(None)
        ecr.set_throttle(Throttle(0, 1, code="TooManyRequestsException"), ["BatchGetImage"])
        for _ in range(3):
            listed(ecr)
        get(ecr)
        with pytest.raises(ClientError, match="TooManyRequestsException"):
            get(ecr)


def test_a_page_repeats_the_end_of_the_one_before_and_the_listing_ends() -> None:
    with serving(Fault("page_repeat", share=0.4)) as ecr:
        pages = (
            ecr.client()
            .get_paginator("describe_images")
            .paginate(repositoryName="app", PaginationConfig={"PageSize": 5})
        )
        found = [digests(page["imageDetails"]) for page in pages]
        assert all(before[-2:] == after[:2] for before, after in itertools.pairwise(found))
        assert {digest for page in found for digest in page} == set(ecr.images("app"))
        assert ecr.counters.faults["page_repeat"] == len(found) - 1
        alone = (
            ecr.client()
            .get_paginator("list_images")
            .paginate(repositoryName="app", PaginationConfig={"PageSize": 1})
        )
        assert len(list(alone)) == 20  # a page of one entry has nothing to repeat


@pytest.mark.parametrize("call", [describe, listed])
def test_a_page_has_null_entries(call: Any) -> None:
    with serving(Fault("page_null", share=0.1)) as ecr:
        answer = call(ecr)
        entries = answer.get("imageDetails", answer.get("imageIds"))
        assert digests([entry for entry in entries if entry is not None]) == ecr.images("app")
        # botocore leaves null entries of a list in their places.
        assert len(entries) == 22
        assert ecr.calls[0].faults == ["page_null"]


def test_an_expired_token_is_refused_and_the_first_page_is_not() -> None:
    with serving(Fault("token_expired", operations=("DescribeImages",))) as ecr:
        token = describe(ecr, maxResults=5)["nextToken"]
        with pytest.raises(ClientError, match=r"InvalidParameterException.*'nextToken'") as caught:
            describe(ecr, nextToken=token)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert [call.faults for call in ecr.calls] == [[], ["token_expired"]]
        assert listed(ecr, maxResults=20)["imageIds"]


@pytest.mark.parametrize("size", [5, 1000], ids=["many pages", "one page"])
def test_a_token_leads_to_the_same_page_for_ever(size: int) -> None:
    with serving(Fault("token_loop")) as ecr:
        first = describe(ecr, maxResults=size)
        again = describe(ecr, maxResults=size, nextToken=first["nextToken"])
        third = describe(ecr, maxResults=size, nextToken=again["nextToken"])
        assert first["nextToken"] == again["nextToken"] == third["nextToken"]
        assert digests(again["imageDetails"]) == digests(third["imageDetails"])
        assert ecr.counters.faults["token_loop"] == 3


def test_a_list_never_ends_and_each_token_is_a_new_one() -> None:
    """Behind the last page comes the first again."""
    with serving(Fault("token_endless")) as ecr:
        seen: list[str] = []
        found: list[list[str]] = []
        more: dict[str, str] = {}
        for _ in range(8):
            page = describe(ecr, maxResults=5, **more)
            more = {"nextToken": page["nextToken"]}
            seen.append(page["nextToken"])
            found.append(digests(page["imageDetails"]))
        assert len(set(seen)) == 8
        assert found[:4] == found[4:]
        assert sorted(itertools.chain(*found[:4])) == sorted(ecr.images("app"))
        rules = ecr.client().describe_pull_through_cache_rules()
        assert rules["pullThroughCacheRules"] == []
        assert rules["nextToken"]
        assert ecr.counters.faults["token_endless"] == 9
        assert get(ecr)["images"]


def test_images_are_deleted_before_the_call_is_answered_and_stay_deleted() -> None:
    with serving(Fault("image_deleted", share=0.1, operations=("BatchGetImage",), calls=(1, 1))) as ecr:
        asked = ecr.images("app")
        answer = get(ecr)
        gone = [failure["imageId"]["imageDigest"] for failure in answer["failures"]]
        assert len(gone) == 2
        assert {failure["failureCode"] for failure in answer["failures"]} == {"ImageNotFound"}
        assert ecr.images("app") == [digest for digest in asked if digest not in gone] == read(answer)
        with pytest.raises(ClientError, match="ImageNotFoundException"):
            describe(ecr, imageIds=[{"imageDigest": gone[0]}])


def test_an_image_comes_once_for_each_of_its_tags() -> None:
    with LocalEcr(["app"], faults=[Fault("tag_repeat")]) as ecr:
        tagged = ecr.put_image("app", image("one"), ["v1", "v2", "v3"], force=True)
        plain = ecr.put_image("app", image("two"), force=True)
        details = describe(ecr)["imageDetails"]
        assert sorted((detail["imageDigest"], *detail.get("imageTags", [])) for detail in details) == sorted(
            [(plain,), *((tagged, tag) for tag in ("v1", "v2", "v3"))]
        )
        found = get(ecr)["images"]
        assert all(map(fits, found))
        assert sorted(
            (one["imageId"]["imageDigest"], one["imageId"].get("imageTag", "")) for one in found
        ) == sorted([(plain, ""), *((tagged, tag) for tag in ("v1", "v2", "v3"))])


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("failure_code", share=0.25), "KmsError"),
        (Fault("failure_code", share=0.25, code="UpstreamUnavailable"), "UpstreamUnavailable"),
        (Fault("unknown_failure", share=0.25), "LayerQuarantined"),
    ],
)
def test_images_fail_with_a_code(fault: Fault, code: str) -> None:
    with serving(fault) as ecr:
        answer = get(ecr)
        failed = [failure["imageId"]["imageDigest"] for failure in answer["failures"]]
        assert [failure["failureCode"] for failure in answer["failures"]] == [code] * 5
        assert sorted([*failed, *read(answer)]) == sorted(ecr.images("app"))


def test_failures_do_not_say_of_which_digest_they_are() -> None:
    with serving(Fault("failure_code", share=0.1), Fault("failure_without_digest")) as ecr:
        answer = get(ecr)
        assert [failure["imageId"] for failure in answer["failures"]] == [{"imageTag": "null"}] * 2
        assert ecr.calls[0].faults == ["failure_code", "failure_without_digest"]
    with serving(Fault("failure_without_digest")) as ecr:
        assert get(ecr)["failures"] == []
        assert ecr.counters.faults["failure_without_digest"] == 0


def test_a_wrong_manifest_is_one_of_another_image() -> None:
    with serving(Fault("wrong_manifest", share=0.1)) as ecr:
        found = get(ecr)["images"]
        wrong = [one for one in found if not fits(one)]
        assert len(wrong) == 2
        assert all(json.loads(one["imageManifest"])["layers"] for one in wrong)
        assert read({"images": found}) == ecr.images("app")


def test_a_converted_manifest_has_the_other_type_and_does_not_fit_its_digest() -> None:
    with serving(Fault("converted", share=1.0)) as ecr:
        found = get(ecr)["images"]
        assert {one["imageManifestMediaType"] for one in found} == {DOCKER_MANIFEST}
        assert {json.loads(one["imageManifest"])["mediaType"] for one in found} == {DOCKER_MANIFEST}
        assert not any(map(fits, found))
    docker = image("one", media_type=DOCKER_MANIFEST)
    docker = docker.replace(
        "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"
    )
    with LocalEcr(["app"], faults=[Fault("converted", share=1.0)]) as ecr:
        ecr.put_image("app", docker, force=True)
        assert get(ecr)["images"][0]["imageManifestMediaType"] == OCI_MANIFEST


def test_a_big_answer_is_smaller_for_fewer_images_and_its_manifests_fit() -> None:
    with serving(Fault("big_answer", bytes=100_000)) as ecr:
        assert all(map(fits, get(ecr)["images"]))
        large = ecr.counters.response_bytes
        assert large > 2_000_000
        get(ecr, 10)
        assert 1_000_000 < ecr.counters.response_bytes - large < 1_100_000
    with pytest.raises(ValueError, match="bytes must be at most"):
        serving(Fault("big_answer", bytes=10**9))


@pytest.mark.parametrize(
    ("fault", "count"),
    [
        (Fault("shuffle"), 20),
        (Fault("omit", share=0.25), 15),
        (Fault("repeat", share=0.25), 25),
        (Fault("foreign", share=0.25), 25),
        (Fault("upper_case", share=0.25), 20),
        (Fault("contradict", share=0.25), 20),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_faults_of_layers_change_answers_of_images_too(fault: Fault, count: int) -> None:
    with serving(fault) as ecr:
        answer, truth = get(ecr), ecr.images("app")
        found = read(answer)
        assert len(found) == count
        assert found != truth or answer["failures"]
        assert ecr.calls[0].faults == [fault.kind]
        if fault.kind == "foreign":
            assert len(set(found) - set(truth)) == 5
            assert all(map(fits, answer["images"]))
        elif fault.kind == "upper_case":
            assert [digest.lower() for digest in found] == truth
        elif fault.kind == "contradict":
            assert (
                len({failure["imageId"]["imageDigest"] for failure in answer["failures"]} & set(found)) == 5
            )
        else:
            assert set(found) <= set(truth)
        if fault.kind not in ("foreign", "contradict"):
            assert digests(describe(ecr)["imageDetails"]) != truth
            assert digests(listed(ecr)["imageIds"]) != truth


@pytest.mark.parametrize("kind", ["access_denied", "server_error", "expired_token", "repository_deleted"])
def test_errors_in_place_of_an_answer_are_parsed_with_their_codes(kind: Any) -> None:
    with serving(Fault(kind)) as ecr:
        calls: list[tuple[Any, str]] = [(get, "BatchGetImage"), (describe, "DescribeImages")]
        for call, operation in calls:
            with pytest.raises(ClientError) as caught:
                call(ecr)
            if kind == "access_denied":
                assert f"not authorized to perform: {operation}" in str(caught.value)
            assert caught.value.operation_name == operation


def test_wrong_types_are_those_of_the_operation() -> None:
    with serving(Fault("wrong_types")) as ecr:
        with pytest.raises(AttributeError):  # botocore expects an object for each image
            get(ecr)
        assert ecr.counters.faults["wrong_types"] == 1


@pytest.mark.parametrize("fault", [Fault("access_denied"), Fault("throttle")])
def test_errors_of_sts_are_parsed_with_their_codes(fault: Fault) -> None:
    with serving(fault) as ecr:
        sts = boto3.client("sts", config=ONCE, **ecr.client_arguments())
        with pytest.raises(ClientError, match=r"AccessDeniedException|ThrottlingException") as caught:
            sts.get_caller_identity()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize("kind", ["cut", "reset_body"])
def test_answers_of_images_break_on_the_wire_too(kind: Any) -> None:
    with serving(Fault(kind)) as ecr:
        with pytest.raises(BotoCoreError):
            listed(ecr)
        assert ecr.counters.faults[kind] == 1
