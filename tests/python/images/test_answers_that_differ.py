"""One answer alone makes no finding, also of what is archived, of another size, or not found when read."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any, Final

import pytest

import layercheck as lc
from layercheck.testing import Fault, ImageRule, LocalEcr
from made_images import FAST, REPOSITORY, check, index, manifest, put, sha, verdicts

BLOBS: Final = "BatchCheckLayerAvailability"


def client_that_changes(
    ecr: LocalEcr, operation: str, change: Callable[[dict[str, Any]], None], call: int = 1
) -> Any:
    """A client of the caller that changes one answer before anybody reads it."""
    client = ecr.client()
    calls = itertools.count(1)

    def after(parsed: dict[str, Any], **_: Any) -> None:
        if next(calls) == call:
            change(parsed)

    client.meta.events.register(f"after-call.ecr.{operation}", after)
    return client


def said_once(word: str) -> list[Fault]:
    """The first answer about blobs says this of each; the second says the truth."""
    return [Fault("unknown_availability", word=word, share=1.0, operations=(BLOBS,), calls=(1, 1))]


def not_found(ecr: LocalEcr, digest: str, call: int = 1) -> Any:
    """A client whose BatchGetImage says that a listed image is not there."""

    def change(answer: dict[str, Any]) -> None:
        answer["images"] = [each for each in answer["images"] if each["imageId"]["imageDigest"] != digest]
        failure = {"imageId": {"imageDigest": digest}, "failureCode": "ImageNotFound", "failureReason": "no"}
        answer.setdefault("failures", []).append(failure)

    return client_that_changes(ecr, "BatchGetImage", change, call)


@pytest.mark.parametrize("word", ["ARCHIVED", "UNAVAILABLE"])
def test_a_layer_of_which_only_the_first_answer_says_that_it_cannot_be_pulled_is_there(word: str) -> None:
    with LocalEcr({}, faults=said_once(word)) as ecr:
        image = put(ecr, manifest("a"), "v1")
        assert verdicts(check(ecr)) == {image: ("complete", None)}


def test_a_layer_that_is_archived_in_both_answers_makes_the_image_incomplete() -> None:
    with LocalEcr({}) as ecr:
        image = put(ecr, manifest("a"), "v1")
        ecr.put(REPOSITORY, [sha("a")], availability="ARCHIVED")
        report = check(ecr)
        assert verdicts(report) == {image: ("incomplete", "ArchivedParts")}
        # The second witness knows only whether a blob is there.
        assert not ecr.counters.operations["GetDownloadUrlForLayer"]


def test_a_layer_that_is_archived_first_and_then_denied_cannot_be_pulled_by_both() -> None:
    with LocalEcr({}, faults=said_once("ARCHIVED")) as ecr:
        image = put(ecr, manifest("a"), "v1", lacking=["a"])
        assert verdicts(check(ecr)) == {image: ("incomplete", "ArchivedParts")}


def test_a_size_that_only_the_first_answer_gives_is_no_mismatch() -> None:
    def change(answer: dict[str, Any]) -> None:
        for layer in answer["layers"]:
            layer["layerSize"] = 7_000

    with LocalEcr({}) as ecr:
        image = put(ecr, manifest("a"), "v1")
        assert verdicts(check(ecr, client=client_that_changes(ecr, BLOBS, change))) == {
            image: ("complete", None)
        }


def test_a_layer_that_was_there_and_is_denied_by_the_second_answer_is_undecided() -> None:
    """The second answer is about its size, and it was never denied before."""

    def change(answer: dict[str, Any]) -> None:
        for layer in answer["layers"]:
            layer["layerSize"] = 7_000

    later = Fault("unknown_availability", word="UNAVAILABLE", share=1.0, operations=(BLOBS,), calls=(2, None))
    with LocalEcr({}, faults=[later]) as ecr:
        image = put(ecr, manifest("a"), "v1")
        report = check(ecr, client=client_that_changes(ecr, BLOBS, change))
        assert verdicts(report) == {image: ("undecided", "UndecidedParts")}
        codes = {line["code"] for line in report.to_arrow("layers").to_pylist()}
    assert codes == {"NoSecondAnswer"}


def test_an_image_that_is_not_found_when_it_is_read_and_is_there_later_is_undecided() -> None:
    """Case 4 is an image that is not there later, either."""
    with LocalEcr({}) as ecr:
        child = put(ecr, manifest("a"))
        whole = put(ecr, index(manifest("a")), "multi")
        report = check(ecr, client=not_found(ecr, child))
    assert verdicts(report) == {child: ("undecided", "ImageNotFound"), whole: ("undecided", "UndecidedChild")}
    assert not report.complete


def test_an_image_that_is_not_found_twice_is_gone_and_its_index_incomplete() -> None:
    with LocalEcr({}) as ecr:
        child = put(ecr, manifest("a"))
        whole = put(ecr, index(manifest("a")), "multi")
        ecr.delete_during(REPOSITORY, child, operation="BatchGetImage", call=1)
        report = check(ecr)
    assert verdicts(report) == {child: ("gone", None), whole: ("incomplete", "MissingChild")}


def test_an_image_that_is_not_found_when_it_is_read_and_has_no_second_answer_is_undecided() -> None:
    with LocalEcr({}) as ecr:
        child = put(ecr, manifest("a"))
        whole = put(ecr, index(manifest("a")), "multi")
        ecr.set_faults([Fault("omit", share=1.0, operations=("DescribeImages",), calls=(2, None))])
        report = check(ecr, client=not_found(ecr, child))
    assert verdicts(report) == {
        child: ("undecided", "NoSecondAnswer"),
        whole: ("undecided", "UndecidedChild"),
    }


def test_a_child_that_is_restored_during_the_check_leaves_its_index_undecided() -> None:
    with LocalEcr({}) as ecr:
        child = put(ecr, manifest("a"))
        whole = put(ecr, index(manifest("a")), "multi")
        ecr.archive(REPOSITORY, child, force=True)
        client = ecr.client()

        def restore(**_: Any) -> None:
            ecr.archive(REPOSITORY, child, status="ACTIVE", force=True)

        client.meta.events.register("before-call.ecr.BatchGetImage", restore)
        report = check(ecr, client=client)
    assert verdicts(report) == {child: ("archived", None), whole: ("undecided", "ChildFoundLater")}


@pytest.mark.parametrize("how", ["hides them", "refuses a filter"])
def test_archived_images_are_found_by_name_whatever_the_service_does_with_a_filter(how: str) -> None:
    """AWS does not document whether they are shown in every state, and whether a filter may be given."""
    with LocalEcr({}) as ecr:
        image = put(ecr, manifest("a"), "old")
        ecr.archive(REPOSITORY, image)
        client = ecr.client()
        filters: list[Any] = []

        def before(params: dict[str, Any], **_: Any) -> None:
            filters.append(params.get("filter"))

        def after(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
            if how == "hides them" and not filters[-1]:
                parsed["imageDetails"] = []
            elif how == "refuses a filter" and filters[-1]:
                http_response.status_code = 400
                parsed["Error"] = {"Code": "InvalidParameterException", "Message": "filter with imageIds"}

        client.meta.events.register("before-parameter-build.ecr.DescribeImages", before)
        client.meta.events.register("after-call.ecr.DescribeImages", after)
        report = check(ecr, f"{REPOSITORY}:old", client=client)
    assert verdicts(report) == {image: ("archived", None)}


def children_for_platforms() -> tuple[list[str], str]:
    """An index for two platforms with an attestation, and the texts of the three children."""
    statement = manifest("statement", artifactType="application/vnd.docker.attestation.manifest.v1+json")
    texts = [manifest("a"), manifest("b"), statement]
    document = json.loads(index(*texts))
    for child, words in zip(
        document["manifests"], ("linux/amd64", "linux/arm64", "unknown/unknown"), strict=True
    ):
        child["platform"] = dict(zip(("os", "architecture"), words.split("/"), strict=True))
    document["manifests"][2]["annotations"] = {"vnd.docker.reference.type": "attestation-manifest"}
    return texts, json.dumps(document)


@pytest.mark.parametrize("how", ["by name", "by tag", "left out of the listing"])
def test_children_that_nobody_asked_for_are_not_called_missing(how: str) -> None:
    """Case 21, and the table of platforms."""
    texts, document = children_for_platforms()
    with LocalEcr({}) as ecr:
        children = [put(ecr, text) for text in texts]
        whole = put(ecr, document, "multi")
        client = ecr.client()
        if how == "left out of the listing":

            def change(answer: dict[str, Any]) -> None:
                kept = [each for each in answer["imageDetails"] if each["imageDigest"] not in children[1:]]
                answer["imageDetails"] = kept

            client = client_that_changes(ecr, "DescribeImages", change)
        targets = f"{REPOSITORY}:multi" if how == "by name" else REPOSITORY
        chosen = {"tags": ["multi"]} if how == "by tag" else {}
        report = check(ecr, targets, client=client, platforms=["linux/amd64"], **chosen)
    (line,) = [each for each in report.to_arrow().to_pylist() if each["digest"] == whole]
    assert (line["verdict"], line["attestations_incomplete"]) == ("complete", 0)
    platforms = report.to_arrow("platforms").to_pylist()
    found = {each["architecture"]: each["verdict"] for each in platforms if each["image"] == whole}
    assert (found["amd64"], found["arm64"]) == ("complete", "not_checked")
    assert found["unknown"] == ("undecided" if how == "left out of the listing" else "complete")


def test_an_attestation_that_is_not_there_counts_after_a_second_answer() -> None:
    texts, document = children_for_platforms()
    with LocalEcr({}) as ecr:
        for text in texts[:2]:
            put(ecr, text)
        whole = put(ecr, document, "multi")
        report = check(ecr)
        (line,) = [each for each in report.to_arrow().to_pylist() if each["digest"] == whole]
        assert (line["verdict"], line["attestations_incomplete"]) == ("complete", 1)
        assert ecr.counters.operations["DescribeImages"] == 2


def test_reports_during_a_check_take_no_finding_from_its_end() -> None:
    """Some of the many reports fall between the first answers about blobs and the judgement of them."""
    rules = {f"team/r{number}": ImageRule(60, layers=3, broken=5) for number in range(6)}
    with LocalEcr(rules) as ecr:
        for _ in range(8):
            with lc.ImageChecker("team/*", client=ecr.client(), **FAST) as checker:
                run = checker.submit()
                while not run.done():
                    run.report()
                report = run.result()
            found = {
                name: {image.digest for image in report.repository(name).find("incomplete")} for name in rules
            }
            assert found == {name: set(ecr.incomplete_images(name)) for name in rules}
