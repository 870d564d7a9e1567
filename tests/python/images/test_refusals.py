"""Calls that the service refuses, because of an image, of a repository, or of what concerns all of them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, Final

import pytest

import layercheck as lc
from layercheck.testing import Fault, ImageRule, LocalEcr
from made_images import MANIFEST, REPOSITORY, check, index, manifest, put

BLOBS: Final = "BatchCheckLayerAvailability"
READING: Final = "BatchGetImage"
CODES = ["InvalidParameterException", "ValidationException"]


def refusing(ecr: LocalEcr, operation: str, code: str, repository: str, first: int = 1) -> Any:
    """A client for which the service refuses the calls about one repository, from the first that is named."""
    client = ecr.client()
    calls = iter(range(1, 1_000_000))

    def answer(params: dict[str, Any], **_: Any) -> Any:
        if json.loads(params["body"]).get("repositoryName") != repository or next(calls) < first:
            return None
        error = {"Code": code, "Message": "Invalid parameter"}
        return SimpleNamespace(status_code=400, headers={}), {
            "Error": error,
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }

    client.meta.events.register(f"before-call.ecr.{operation}", answer)
    return client


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("operation", ["DescribeImages", READING, BLOBS])
def test_a_repository_whose_calls_are_refused_takes_nothing_from_the_others(
    operation: str, code: str
) -> None:
    rules = {name: ImageRule(30, layers=2, broken=2) for name in ("team/a", "team/b", "team/c")}
    with LocalEcr(rules) as ecr:
        report = check(ecr, "team/*", client=refusing(ecr, operation, code, "team/b"))
        assert {each.repository_name: each.state for each in report.repositories} == {
            "team/a": "done",
            "team/b": "failed",
            "team/c": "done",
        }
        assert (report.counts["complete"], report.counts["incomplete"]) == (56, 4)
        assert report.counts["unreadable"] == 0
        assert not report.complete
        [error] = report.errors
        assert error.repository == "team/b"
        assert code in f"{error.code}: {error.reason}"


@pytest.mark.parametrize("operation", ["DescribeImages", READING, BLOBS])
def test_refused_calls_about_the_only_repository_are_an_error(operation: str) -> None:
    with LocalEcr({REPOSITORY: ImageRule(30, layers=2)}) as ecr:
        client = refusing(ecr, operation, "InvalidParameterException", REPOSITORY)
        with pytest.raises(lc.InvalidParameterError, match=rf'"{REPOSITORY}".*InvalidParameterException'):
            check(ecr, client=client)


@pytest.mark.parametrize("operation", [READING, BLOBS])
def test_credentials_that_are_refused_end_the_check_of_all_repositories(operation: str) -> None:
    rules = {name: ImageRule(30, layers=2) for name in ("team/a", "team/b", "team/c")}
    with LocalEcr(rules) as ecr:
        client = refusing(ecr, operation, "UnrecognizedClientException", "team/b")
        with pytest.raises(lc.CredentialsError):
            check(ecr, "team/*", client=client)


def test_images_that_need_no_layer_check_keep_their_verdicts_when_it_is_refused() -> None:
    with LocalEcr({"team/b": ImageRule(3)}) as ecr:
        put(ecr, manifest("a"), "v1")
        archived = put(ecr, manifest("b"), "old")
        ecr.archive(REPOSITORY, archived)
        unreadable = ecr.put_image(REPOSITORY, "{}", media_type=MANIFEST, force=True)
        empty = put(ecr, index(), "empty")
        client = refusing(ecr, BLOBS, "InvalidParameterException", REPOSITORY)
        report = check(ecr, "team/*", client=client)
        of_repository = report.repository(REPOSITORY)
        assert of_repository.state == "failed"
        found = {word: {image.digest for image in of_repository.find(word)} for word in of_repository.counts}
        assert found["archived"] == {archived}
        assert found["unreadable"] == {unreadable}
        assert found["complete"] == {empty}
        assert found["incomplete"] == set()
        assert len(found["undecided"] | found["not_checked"]) == 1


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(("images", "calls"), [(40, 15), (1_000, 200)])
def test_a_few_calls_show_that_no_image_is_at_fault(code: str, images: int, calls: int) -> None:
    refused = Fault("error", operations=(READING,), code=code, message="Invalid parameter")
    with LocalEcr({REPOSITORY: ImageRule(images, layers=1)}, faults=[refused]) as ecr:
        with pytest.raises(
            lc.InvalidParameterError, match=rf"{READING}: {code}: Invalid parameter"
        ) as caught:
            check(ecr)
        counts = caught.value.images.counts  # type: ignore[attr-defined]
        assert counts["unreadable"] == 0
        assert counts["undecided"] + counts["not_checked"] == images
        assert ecr.counters.operations[READING] <= calls


def test_the_only_image_of_a_repository_is_undecided_if_its_call_is_refused() -> None:
    refused = Fault(
        "error", operations=(READING,), code="InvalidParameterException", message="Invalid parameter"
    )
    with LocalEcr({REPOSITORY: ImageRule(1, layers=1)}, faults=[refused]) as ecr:
        report = check(ecr)
        assert report.counts["undecided"] == 1
        assert ecr.counters.operations[READING] == 1


def test_an_image_that_is_refused_alone_is_undecided_and_the_others_have_their_verdicts() -> None:
    with LocalEcr({REPOSITORY: ImageRule(100, layers=1)}) as ecr:
        client = ecr.client()
        first = set(ecr.images(REPOSITORY)[:2])

        def refuse(params: dict[str, Any], **_: Any) -> Any:
            asked = {each["imageDigest"] for each in json.loads(params["body"])["imageIds"]}
            if not asked & first:
                return None
            error = {"Code": "InvalidParameterException", "Message": "Invalid parameter"}
            return SimpleNamespace(status_code=400, headers={}), {
                "Error": error,
                "ResponseMetadata": {"HTTPStatusCode": 400},
            }

        client.meta.events.register(f"before-call.ecr.{READING}", refuse)
        report = check(ecr, client=client)
        assert {image.digest for image in report.find("undecided")} == first
        assert report.counts["complete"] == 98


def test_refusals_without_an_end_after_an_answer_leave_the_other_images_undecided() -> None:
    """Each image alone would cost 10,000 calls and more."""
    refused = Fault(
        "error",
        operations=(READING,),
        code="InvalidParameterException",
        message="Invalid parameter",
        calls=(2, None),
    )
    with LocalEcr({REPOSITORY: ImageRule(5_000, layers=1)}, faults=[refused]) as ecr:
        report = check(ecr)
        assert report.counts["complete"] == 100
        assert report.counts["undecided"] == 4_900
        assert ecr.counters.operations[READING] < 1_000
