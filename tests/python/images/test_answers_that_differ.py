"""One answer alone makes no finding, also of what is archived, of another size, or not found when read."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
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


def test_a_size_that_only_the_second_answer_gives_is_no_mismatch_of_another_image() -> None:
    """Two images share a layer. One gives a wrong size, so that the layer is asked for again."""

    def change(answer: dict[str, Any]) -> None:
        for layer in answer["layers"]:
            layer["layerSize"] = 7_000

    with LocalEcr({}) as ecr:
        good = put(ecr, manifest("a"), "v1")
        document = json.loads(manifest("a"))
        document["layers"][0]["size"] = 5
        bad = ecr.put_image(REPOSITORY, json.dumps(document), ["v2"], force=True)
        report = check(ecr, client=client_that_changes(ecr, BLOBS, change, call=2))
    assert verdicts(report) == {good: ("complete", None), bad: ("incomplete", "SizeMismatch")}


@pytest.mark.parametrize("fault", [Fault("omit", share=1.0), Fault("access_denied")], ids=["omit", "denied"])
def test_a_child_that_only_the_listing_calls_archived_leaves_its_index_undecided(fault: Fault) -> None:
    with LocalEcr({}) as ecr:
        child = put(ecr, manifest("a"), "v1")
        whole = put(ecr, index(manifest("a")), "multi")
        ecr.archive(REPOSITORY, child, force=True)
        ecr.set_faults([replace(fault, operations=("DescribeImages",), calls=(2, None))])
        report = check(ecr)
    assert verdicts(report) == {child: ("archived", None), whole: ("undecided", "ChildFoundLater")}


def test_a_child_that_an_index_calls_an_artifact_and_that_cannot_be_read_is_no_artifact_for_sure() -> None:
    """The listing says of it that it is an image."""
    with LocalEcr({}) as ecr:
        child = put(ecr, manifest("a"), lacking=["a"])
        document = json.loads(index(manifest("a")))
        document["manifests"][0]["artifactType"] = "application/vnd.example"
        whole = ecr.put_image(REPOSITORY, json.dumps(document), ["multi"], force=True)

        def change(answer: dict[str, Any]) -> None:
            answer["images"] = [each for each in answer["images"] if each["imageId"]["imageDigest"] != child]

        client = ecr.client()
        client.meta.events.register("after-call.ecr.BatchGetImage", lambda parsed, **_: change(parsed))
        report = check(ecr, client=client)
    assert verdicts(report)[whole] == ("undecided", "UndecidedChild")


@pytest.mark.parametrize("fate", ["deleted", "archived"])
def test_a_child_that_may_be_an_artifact_and_is_not_there_leaves_its_index_undecided(fate: str) -> None:
    """Case: its index called it an SBOM, its listing gave it the type of images, and nobody could read it."""
    with LocalEcr({}) as ecr:
        child = put(ecr, manifest("a"))
        document = json.loads(index(manifest("a")))
        document["manifests"][0]["artifactType"] = "application/vnd.example.sbom"
        whole = ecr.put_image(REPOSITORY, json.dumps(document), ["multi"], force=True)
        if fate == "archived":
            ecr.archive(REPOSITORY, child, force=True)
        else:
            ecr.delete_during(REPOSITORY, child, operation="BatchGetImage", call=1)
        report = check(ecr)
    assert verdicts(report)[whole] == ("undecided", "UndecidedChild")
    assert verdicts(report)[child][0] in ("gone", "archived")


@pytest.mark.parametrize("first", [0, 1])
def test_a_child_that_an_index_lists_as_an_artifact_and_as_an_image_is_missing(first: int) -> None:
    with LocalEcr({}) as ecr:
        child = put(ecr, manifest("a"))
        document = json.loads(index(manifest("a")))
        (image,) = document["manifests"]
        document["manifests"] = [image, image | {"artifactType": "application/vnd.example.sbom"}]
        document["manifests"] = document["manifests"][::-1] if first else document["manifests"]
        whole = ecr.put_image(REPOSITORY, json.dumps(document), ["multi"], force=True)
        ecr.delete_during(REPOSITORY, child, operation="BatchGetImage", call=1)
        report = check(ecr)
    assert verdicts(report)[whole] == ("incomplete", "MissingChild")
    (image_report,) = report.repositories[0].find("incomplete")
    assert [str(each) for each in image_report.missing] == [child]


def test_a_child_without_an_answer_hides_no_child_that_is_missing() -> None:
    with LocalEcr({}) as ecr:
        for number in range(6):
            put(ecr, index(manifest(f"absent {number}")), f"v{number}")
        unanswered = sha(manifest("absent 0"))
        client = ecr.client()

        def after(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
            if unanswered in parsed.get("Error", {}).get("Message", ""):
                parsed.clear()
                parsed["imageDetails"] = []
                http_response.status_code = 200

        client.meta.events.register("after-call.ecr.DescribeImages", after)
        report = check(ecr, client=client)
    assert (report.counts["incomplete"], report.counts["partial"]) == (5, 1)
    assert not report.complete


def test_a_listing_that_leaves_an_image_out_does_not_say_that_it_is_gone() -> None:
    """Where DescribeImages is denied, the repository is listed once more for the children of indexes."""
    with LocalEcr({}) as ecr:
        image = put(ecr, manifest("b"), "v1", lacking=["b"])
        put(ecr, index(manifest("b"), manifest("absent")), "multi")
        faults = [
            Fault("access_denied", operations=("DescribeImages",)),
            Fault("omit", share=1.0, operations=("ListImages",), calls=(4, 4)),
        ]
        ecr.set_faults(faults)
        report = check(ecr)
    assert verdicts(report)[image] == ("incomplete", "MissingLayer")
    assert report.counts["gone"] == 0


def test_a_named_image_for_which_there_is_no_answer_is_not_left_out_in_silence() -> None:
    with LocalEcr({}) as ecr:
        there = put(ecr, manifest("a"), "v1")
        put(ecr, manifest("b"), "v2", lacking=["b"])

        def change(answer: dict[str, Any]) -> None:
            answer["imageDetails"] = [
                each for each in answer["imageDetails"] if "v2" not in each.get("imageTags", ())
            ]

        client = ecr.client()
        client.meta.events.register("after-call.ecr.DescribeImages", lambda parsed, **_: change(parsed))
        report = check(ecr, [f"{REPOSITORY}:v1", f"{REPOSITORY}:v2"], client=client)
    assert verdicts(report) == {there: ("complete", None)}
    (error,) = report.errors
    assert (error.state, error.code) == ("failed", "LeftOutOfAnswer")
    assert "v2" in error.reason
    assert not report.complete


def test_an_image_that_nobody_named_is_not_checked_because_an_answer_brings_it() -> None:
    with LocalEcr({}) as ecr:
        there = put(ecr, manifest("a"), "v1")
        other = put(ecr, manifest("b"), "v2", lacking=["b"])
        ids = [{"imageDigest": other}]
        more = ecr.client().describe_images(repositoryName=REPOSITORY, imageIds=ids)["imageDetails"]
        client = client_that_changes(
            ecr, "DescribeImages", lambda answer: answer["imageDetails"].extend(more)
        )
        report = check(ecr, f"{REPOSITORY}:v1", client=client)
    assert verdicts(report) == {there: ("complete", None)}


def test_indexes_of_any_depth_are_judged_alike_by_name_by_tag_and_in_a_whole_repository() -> None:
    with LocalEcr({}) as ecr:
        text = manifest("a")
        put(ecr, text, "v0")
        for depth in range(1, 11):
            text = index(text, annotations={"depth": str(depth)})
            put(ecr, text, f"v{depth}")
        whole = verdicts(check(ecr))
        assert verdicts(check(ecr, f"{REPOSITORY}:v10")) == whole
        assert verdicts(check(ecr, tags=["v10"])) == whole


@pytest.mark.parametrize("kind", ["expired_token", "access_denied"])
def test_images_keep_their_verdicts_when_the_layer_check_is_refused_on_the_way(kind: Any) -> None:
    with LocalEcr({}) as ecr:
        for number in range(150):
            put(ecr, manifest(f"layer {number}"), f"v{number}")
        ecr.set_faults([Fault(kind, operations=(BLOBS,), calls=(3, None))])
        with pytest.raises(lc.LayercheckError) as caught:
            check(ecr, max_in_flight=1)
    report = caught.value.__dict__["images"]
    assert report.counts["complete"] == 100
    assert not report.complete
