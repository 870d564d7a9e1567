"""Nothing is called missing that was denied once, or that another operation gives."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import Any, Final

import pytest

import layercheck as lc
from layercheck.images import second_look
from layercheck.testing import Fault, ImageRule, Layer, LocalEcr
from made_images import FOREIGN, REPOSITORY, asked, check, index, manifest, part, put, sha, verdicts

BLOBS: Final = "BatchCheckLayerAvailability"


def client_that_puts(ecr: LocalEcr, names: str, operation: str, call: int) -> Any:
    """A client of the caller, before whose call of an operation the repository gets layers, one a letter."""
    client = ecr.client()
    calls = itertools.count(1)

    def before(**_: Any) -> None:
        if next(calls) == call:
            ecr.put(REPOSITORY, {sha(name): len(name) for name in names})

    client.meta.events.register(f"before-call.ecr.{operation}", before)
    return client


def test_a_layer_that_is_pushed_during_the_check_is_not_missing() -> None:
    """Case 5. Also: a client of the caller's own."""
    with LocalEcr({}) as ecr:
        image = put(ecr, manifest("a", "b"), "v1", lacking=["b"])
        report = check(ecr, client=client_that_puts(ecr, "b", BLOBS, 2))
    assert verdicts(report) == {image: ("complete", None)}


def test_an_image_that_is_deleted_before_the_second_look_is_gone() -> None:
    """Case 4."""
    with LocalEcr({}) as ecr:
        image = put(ecr, manifest("a"), "v1", lacking=["a"])
        ecr.delete_during(REPOSITORY, image, operation="DescribeImages", call=2)
        report = check(ecr)
    assert verdicts(report) == {image: ("gone", None)}


def test_without_an_answer_to_the_second_question_a_part_is_undecided() -> None:
    with LocalEcr({}) as ecr:
        image = put(ecr, manifest("a"), "v1", lacking=["a"])
        ecr.set_faults([Fault("omit", operations=(BLOBS,), share=1.0, calls=(2, None))])
        report = check(ecr)
    assert verdicts(report)[image][0] == "undecided"


def test_a_second_witness_confirms_what_is_missing() -> None:
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a", "b"), "v1", lacking=["a", "b"])
        (line,) = check(ecr).to_arrow().to_pylist()
        assert line["confirmed"] is True
        assert set(asked(ecr, "GetDownloadUrlForLayer")) == {sha("a"), sha("b")}
        ecr.reset()
        (line,) = check(ecr, confirm=False).to_arrow().to_pylist()
        assert (line["verdict"], line["confirmed"]) == ("incomplete", None)
        assert not asked(ecr, "GetDownloadUrlForLayer")


def test_a_second_witness_that_is_denied_confirms_nothing_and_is_asked_once() -> None:
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a", "b"), "v1", lacking=["a", "b"])
        ecr.set_faults([Fault("access_denied", operations=("GetDownloadUrlForLayer",))])
        (line,) = check(ecr).to_arrow().to_pylist()
        assert (line["verdict"], line["confirmed"]) == ("incomplete", None)
        assert ecr.counters.operations["GetDownloadUrlForLayer"] == 1


MANY: Final = "abcdefghi"
"""More layers than are few enough to be asked about while the second look is made."""


def test_layers_that_come_between_second_look_and_witness_leave_the_image_undecided() -> None:
    with LocalEcr({}) as ecr:
        image = put(ecr, manifest(*MANY), "v1", lacking=MANY)
        report = check(ecr, client=client_that_puts(ecr, MANY, "GetDownloadUrlForLayer", 1))
    assert verdicts(report) == {image: ("undecided", "Contradiction")}


@pytest.mark.parametrize("layers", ["a", "ab", MANY])
def test_two_operations_that_contradict_each_other_leave_the_image_undecided(layers: str) -> None:
    denied = Fault("unknown_availability", word="UNAVAILABLE", share=1.0, operations=(BLOBS,))
    with LocalEcr({}, faults=[denied]) as ecr:
        image = put(ecr, manifest(*layers), "v1")
        report = check(ecr)
    assert verdicts(report) == {image: ("undecided", "Contradiction")}


def test_a_layer_that_comes_while_both_are_asked_is_not_missing() -> None:
    """The first witness is asked while the second look is made, and either may come first."""
    with LocalEcr({}) as ecr:
        image = put(ecr, manifest("a"), "v1", lacking=["a"])
        report = check(ecr, client=client_that_puts(ecr, "a", "GetDownloadUrlForLayer", 1))
    assert verdicts(report)[image] in {("complete", None), ("undecided", "Contradiction")}


def test_repositories_that_are_checked_at_once_share_the_calls_of_the_witness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(second_look, "CONFIRMED_AT_MOST", 40)
    rule = ImageRule(30, layers=2, broken=30)
    with LocalEcr({f"team/{name}": rule for name in "abcd"}) as ecr:
        report = check(ecr, "team/*")
        assert report.counts["incomplete"] == 120
        assert ecr.counters.operations["GetDownloadUrlForLayer"] == 40
    assert sum(line["confirmed"] is True for line in report.to_arrow().to_pylist()) == 40


def test_a_pull_through_cache_is_never_asked_for_a_download() -> None:
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a"), "v1", repository="hub/app", lacking=["a"])
        ecr.pull_through("hub")
        report = check(ecr, "hub/app")
        assert report.counts["incomplete"] == 1
        assert not asked(ecr, "GetDownloadUrlForLayer")
        assert ecr.counters.imports == 0


def test_a_repository_where_most_is_missing_says_that_the_question_may_be_wrong() -> None:
    """Section 5, number 3 of the design."""
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a", "b"), "v1", lacking=["a", "b"])
        check(ecr)  # so that it was pulled today
        assert "2 of 3 blobs" in " ".join(check(ecr).notes)
    with LocalEcr({REPOSITORY: ImageRule(20, layers=4, broken=1)}) as ecr:
        check(ecr)
        assert "check the registry id" not in " ".join(check(ecr).notes)


def test_archived_layers_and_children_make_an_active_image_incomplete() -> None:
    """Cases 18 and 19."""
    with LocalEcr({}) as ecr:
        child = put(ecr, manifest("a"))
        whole = put(ecr, index(manifest("a")), "multi")
        ecr.archive(REPOSITORY, child, force=True)
        image = put(ecr, manifest("b"), "v1")
        ecr.put(REPOSITORY, [sha("b")], availability="ARCHIVED")
        assert verdicts(check(ecr)) == {
            child: ("archived", None),
            whole: ("incomplete", "ArchivedParts"),
            image: ("incomplete", "ArchivedParts"),
        }


def test_what_an_image_does_not_need_may_be_absent() -> None:
    """Cases 12, 21, 24 and 26."""
    foreign = part("foreign", FOREIGN, urls=["https://example.com/layer"])
    document = json.loads(manifest("a"))
    windows = json.dumps({**document, "layers": [foreign, *document["layers"]]})
    subject = manifest("b", subject={**part("absent"), "mediaType": document["mediaType"]})
    children = json.loads(index(manifest("c")))
    (only,) = children["manifests"]
    attestation = {
        **part("attestation", document["mediaType"]),
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    }
    whole = json.dumps({**children, "manifests": [only, only, attestation]})
    with LocalEcr({}) as ecr:
        put(ecr, manifest("c"))
        digests = [put(ecr, text, lacking=["foreign"]) for text in (windows, subject, whole)]
        report = check(ecr)
        assert report.counts["complete"] == 4, verdicts(report)
        lines = {line["digest"]: line for line in report.to_arrow().to_pylist()}
    assert lines[digests[0]]["external"] == 1
    assert lines[digests[1]]["subject_listed"] is False
    assert (lines[digests[2]]["children"], lines[digests[2]]["attestations_incomplete"]) == (2, 1)


def test_the_same_layer_missing_in_two_repositories_is_two_lines() -> None:
    """Case 43."""
    with LocalEcr({}) as ecr:
        for name in ("team/a", "team/b"):
            put(ecr, manifest("x"), "v1", repository=name, lacking=["x"])
        report = check(ecr, "team/*")
    lines = report.to_arrow("layers").to_pylist()
    assert [(line["repository"], line["digest"]) for line in lines] == [
        ("team/a", sha("x")),
        ("team/b", sha("x")),
    ]


@pytest.mark.parametrize(
    ("operation", "others"),
    [
        ("BatchGetImage", ("DescribeImages", BLOBS)),
        ("DescribeImages", ("BatchGetImage", BLOBS)),
        (BLOBS, ("BatchGetImage", "DescribeImages")),
    ],
)
def test_throttling_of_one_operation_slows_that_one_alone(operation: str, others: tuple[str, ...]) -> None:
    with LocalEcr({REPOSITORY: ImageRule(2_500, layers=1, broken=1)}, log_calls=10_000) as ecr:
        ecr.set_faults([Fault("throttle", operations=(operation,), calls=(1, 2))])  # type: ignore[arg-type]
        report = check(ecr)
        assert {image.digest for image in report.find("incomplete")} == set(ecr.incomplete_images(REPOSITORY))
        assert report.stats.throttles[operation] == 2
        assert not any(report.stats.throttles.get(other) for other in others)


def test_an_answer_that_leaves_an_image_out_does_not_say_that_it_is_gone() -> None:
    with LocalEcr({}) as ecr:
        image = put(ecr, manifest("a"), "v1", lacking=["a"])
        ecr.set_faults([Fault("omit", share=1.0, operations=("DescribeImages",), calls=(2, None))])
        report = check(ecr)
    assert verdicts(report) == {image: ("incomplete", "MissingLayer")}


def test_a_child_that_could_not_be_asked_for_again_is_not_missing() -> None:
    with LocalEcr({}) as ecr:
        put(ecr, manifest("b"))
        whole = put(ecr, index(manifest("b"), manifest("c")), "multi")
        ecr.set_faults([Fault("server_error", operations=("DescribeImages",), calls=(2, None))])
        report = check(ecr)
    assert verdicts(report)[whole] == ("partial", "ListingIncomplete")
    assert not report.complete
    assert "1 children of indexes are not listed, and could not be asked for again" in " ".join(report.notes)


def test_without_describe_images_the_second_look_lists_once_more() -> None:
    with LocalEcr({}) as ecr:
        put(ecr, manifest("b"))
        whole = put(ecr, index(manifest("b"), manifest("c")), "multi")
        ecr.set_faults([Fault("access_denied", operations=("DescribeImages",))])
        report = check(ecr)
        assert verdicts(report)[whole] == ("incomplete", "MissingChild")
        assert report.complete
        # One pass for each of three states.
        assert ecr.counters.operations["ListImages"] == 6


def test_a_child_of_unknown_type_that_the_listing_left_out_is_not_a_missing_layer() -> None:
    """The layer operation denies an image, whatever its media type in the index."""
    config = "sha256:" + hashlib.sha256(b"config").hexdigest()
    image = json.dumps({"schemaVersion": 2, "config": {"digest": config, "size": 100}, "layers": []})
    child = {"mediaType": "application/vnd.other+json", "size": len(image)}
    child["digest"] = "sha256:" + hashlib.sha256(image.encode()).hexdigest()
    kinds = [f"application/vnd.oci.image.{kind}.v1+json" for kind in ("manifest", "index")]
    document = json.dumps({"schemaVersion": 2, "mediaType": kinds[1], "manifests": [child]})
    seen = set()
    for seed in range(12):
        with LocalEcr(["app"], seed=seed) as ecr:
            ecr.put("app", {config: Layer(size=100)})
            ecr.put_image("app", image, ["a"], media_type=kinds[0], force=True)
            ecr.put_image("app", document, ["b"], media_type=kinds[1], force=True)
            ecr.set_faults([Fault("omit", operations=("DescribeImages",), share=0.5, probability=0.7)])
            report = lc.check_images("app", client=ecr.client())
        assert report.counts["incomplete"] == 0
        seen |= {each.code for each in report.repositories[0].find(lc.ImageVerdict.UNDECIDED)}
    assert "Contradiction" in seen
