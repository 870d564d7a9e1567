"""Reading manifests: what an answer brings, what it leaves out, and what is never asked."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import layercheck as lc
from layercheck.testing import Fault, ImageRule, LocalEcr
from made_images import INDEX, MANIFEST, REPOSITORY, asked, check, index, manifest, part, put, sha, verdicts

RULE = ImageRule(300, layers=2, broken=3)


def broken_by(*faults: Fault) -> tuple[lc.ImageReport, set[str]]:
    with LocalEcr({REPOSITORY: RULE}, faults=faults) as ecr:
        return check(ecr), set(ecr.incomplete_images(REPOSITORY))


def digests(report: lc.ImageReport, verdict: str) -> set[str]:
    return {image.digest for image in report.find(verdict)}


@pytest.mark.parametrize("kind", ["repeat", "foreign", "shuffle", "omit", "wrong_manifest", "image_deleted"])
def test_what_one_answer_does_wrong_is_asked_again(kind: str) -> None:
    """Cases 40 and 41."""
    report, truth = broken_by(Fault(kind, operations=("BatchGetImage",), calls=(1, 1)))  # type: ignore[arg-type]
    gone = digests(report, "gone")
    assert bool(gone) == (kind == "image_deleted")
    assert digests(report, "incomplete") == truth - gone
    assert report.counts["complete"] == 300 - len(truth | gone)


def test_an_image_that_every_answer_leaves_out_is_undecided() -> None:
    """Case 40."""
    report, _ = broken_by(Fault("omit", operations=("BatchGetImage",), share=1.0))
    assert report.counts["undecided"] == 300
    assert {code for _, code in verdicts(report).values()} == {"LeftOutOfAnswer"}


def test_a_failure_without_a_digest_is_an_answer_for_no_image() -> None:
    """Case 40."""
    faults = [
        Fault("failure_code", operations=("BatchGetImage",), share=0.01),
        Fault("failure_without_digest", operations=("BatchGetImage",)),
    ]
    report, _ = broken_by(*faults)
    assert report.counts["undecided"] > 0
    assert report.counts["unreadable"] == 0


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("KmsError", "unreadable"),
        ("ImageInaccessible", "unreadable"),
        ("UpstreamUnavailable", "undecided"),
        ("UpstreamTooManyRequests", "undecided"),
        ("ImageNotFound", "undecided"),  # DescribeImages finds it
        ("SomethingNew", "undecided"),
    ],
)
def test_failures_of_images_are_told_apart(code: str, verdict: str) -> None:
    """Case 39."""
    report, _ = broken_by(Fault("failure_code", code=code, share=1.0, operations=("BatchGetImage",)))
    assert report.counts[verdict] == 300
    assert {found for _, found in verdicts(report).values()} == {code}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "failure_code", "code": "KmsError"},
        {"kind": "failure_code", "code": "ImageInaccessible"},
        {"kind": "wrong_manifest"},
    ],
    ids=["KmsError", "ImageInaccessible", "wrong manifest"],
)
def test_no_image_is_unreadable_by_one_answer(fault: dict[str, Any]) -> None:
    once = Fault(**fault, share=1.0, operations=("BatchGetImage",), calls=(1, 1))
    report, _ = broken_by(once)
    assert report.counts["unreadable"] == report.counts["undecided"] == 0
    assert report.counts["complete"] + report.counts["incomplete"] == 300


def test_a_failure_after_which_the_service_is_silent_leaves_the_image_undecided() -> None:
    kms = Fault("failure_code", code="KmsError", share=1.0, operations=("BatchGetImage",), calls=(1, 1))
    silent = Fault("omit", operations=("BatchGetImage",), share=1.0, calls=(2, None))
    # One batch: of several, one may be asked again before another is asked at all.
    with LocalEcr({REPOSITORY: ImageRule(100, layers=2)}, faults=[kms, silent]) as ecr:
        report = check(ecr)
        assert ecr.counters.operations["BatchGetImage"] > 1
    assert report.counts["undecided"] == 100


def test_a_manifest_with_another_digest_makes_the_image_unreadable() -> None:
    """Case 37."""
    report, _ = broken_by(Fault("wrong_manifest", share=1.0, operations=("BatchGetImage",)))
    assert {code for _, code in verdicts(report).values()} == {"DigestMismatch"}
    assert report.counts["unreadable"] == 300


def test_an_answer_that_is_too_long_is_asked_for_in_halves() -> None:
    big = Fault("big_answer", bytes=200_000, operations=("BatchGetImage",))
    with LocalEcr({REPOSITORY: ImageRule(60, layers=2, broken=1)}, faults=[big]) as ecr:
        report = check(ecr)
        assert digests(report, "incomplete") == set(ecr.incomplete_images(REPOSITORY))
        assert report.counts["complete"] == 59
        assert ecr.counters.operations["BatchGetImage"] == 3


def test_an_answer_of_20_mb_for_each_image_leaves_it_undecided() -> None:
    """Also: the answer is not read to its end, and one of all images is halved, not repeated."""
    faults = [Fault("big_answer", bytes=20_000_000, operations=("BatchGetImage",))]
    with LocalEcr({REPOSITORY: ImageRule(4, layers=1)}, faults=faults) as ecr:
        report = check(ecr)
        assert report.counts["undecided"] == 4
        assert ecr.counters.operations["BatchGetImage"] == 7


def test_a_call_without_any_answer_leaves_its_images_undecided() -> None:
    fault = Fault("poison", operations=("BatchGetImage",), digests=())
    with LocalEcr({REPOSITORY: ImageRule(40, layers=1)}) as ecr:
        poisoned = ecr.images(REPOSITORY)[7]
        ecr.set_faults([Fault("poison", operations=fault.operations, digests=(poisoned,))])
        report = check(ecr)
    assert {digest for digest, found in verdicts(report).items() if found[0] != "complete"} == {poisoned}


def test_what_is_no_manifest_is_unreadable() -> None:
    """Cases 13, 33 and 35."""
    texts = ["{}", "not JSON", '{"layers": 7}', '{"config": {"digest": "sha256:ABC"}, "layers": []}']
    with LocalEcr({}) as ecr:
        for text in texts:
            ecr.put_image(REPOSITORY, text, media_type=MANIFEST, force=True)
        report = check(ecr)
    assert report.counts["unreadable"] == len(texts), verdicts(report)


@pytest.mark.parametrize(
    "media_type",
    ["application/vnd.example.v9+json", "x", "application/vnd.oci.image.manifest.v1+json; charset=utf-8"],
)
@pytest.mark.parametrize("lacking", [(), ("odd",)])
def test_an_image_of_an_unknown_media_type_has_the_verdict_of_its_parts(
    media_type: str, lacking: tuple[str, ...]
) -> None:
    """Case 33. The listing names the type, so that the call can accept it."""
    with LocalEcr({}) as ecr:
        odd = put(ecr, manifest("odd", mediaType=media_type), "odd", lacking=lacking, media_type=media_type)
        other = put(ecr, manifest("a"), "v1")
        report = check(ecr)
        verdict = ("incomplete", "MissingLayer") if lacking else ("complete", None)
        assert verdicts(report) == {odd: verdict, other: ("complete", None)}
        assert report.complete
        assert ecr.counters.operations["BatchGetImage"] == 1
        kinds = {line["digest"]: line["kind"] for line in report.to_arrow().to_pylist()}
        assert kinds == {odd: "unknown", other: "image"}


def test_media_types_that_a_listing_makes_up_are_bounded_and_take_nothing_from_other_images() -> None:
    made_up = ["a" * 256, "a\nb", "\u202e", "ä", *(f"x/{number}" for number in range(500))]
    sent: list[list[str]] = []
    with LocalEcr({REPOSITORY: ImageRule(300, layers=1, broken=2)}) as ecr:
        client = ecr.client()

        def invent(parsed: dict[str, Any], **_: Any) -> None:
            for number, each in enumerate(parsed["imageDetails"]):
                each["imageManifestMediaType"] = made_up[number % len(made_up)]

        def note(params: dict[str, Any], **_: Any) -> None:
            sent.append(json.loads(params["body"])["acceptedMediaTypes"])

        client.meta.events.register("after-call.ecr.DescribeImages", invent)
        client.meta.events.register("before-call.ecr.BatchGetImage", note)
        report = check(ecr, client=client)
        assert digests(report, "incomplete") == set(ecr.incomplete_images(REPOSITORY))
        assert report.counts["complete"] == 298
    assert {len(types) for types in sent} <= set(range(8, 101))
    assert len({len(set(types)) - len(types) for types in sent}) == 1
    assert not {each for types in sent for each in types} & set(made_up[:4])


def test_a_media_type_that_the_service_does_not_take_leaves_its_image_alone_undecided() -> None:
    with LocalEcr({}) as ecr:
        odd = put(ecr, manifest("odd", mediaType="x/odd"), "odd", media_type="x/odd")
        others = [put(ecr, manifest(f"a{number}"), f"v{number}") for number in range(20)]
        client = ecr.client()

        def refuse(params: dict[str, Any], **_: Any) -> Any:
            if "x/odd" not in json.loads(params["body"])["acceptedMediaTypes"]:
                return None
            error = {"Code": "InvalidParameterException", "Message": "Invalid parameter"}
            return SimpleNamespace(status_code=400, headers={}), {
                "Error": error,
                "ResponseMetadata": {"HTTPStatusCode": 400},
            }

        client.meta.events.register("before-call.ecr.BatchGetImage", refuse)
        report = check(ecr, client=client)
        assert verdicts(report) == {
            odd: ("undecided", "LeftOutOfAnswer"),
            **dict.fromkeys(others, ("complete", None)),
        }


def test_an_artifact_that_an_index_lists_need_not_be_there() -> None:
    """Cases 16 and 22: an index of referrers, one of which was deleted."""
    with LocalEcr({}) as ecr:
        put(ecr, manifest("a"))
        whole = json.loads(index(manifest("a")))
        signature = {
            **part("signature", MANIFEST),
            "artifactType": "application/vnd.dev.cosign.artifact.sig.v1+json",
        }
        whole["manifests"].append(signature)
        above = ecr.put_image(REPOSITORY, json.dumps(whole), ["multi"], media_type=INDEX, force=True)
        report = check(ecr)
        assert ecr.incomplete_images(REPOSITORY) == []
        assert verdicts(report)[above] == ("complete", None)
        [line] = [each for each in report.to_arrow().to_pylist() if each["digest"] == above]
        assert line["attestations_incomplete"] == 1


def test_children_that_are_not_listed_are_never_asked_for() -> None:
    """Cases 16 and 17."""
    with LocalEcr({}, log_calls=10_000) as ecr:
        for repository in (REPOSITORY, "hub/library/nginx"):
            put(ecr, manifest("a"), repository=repository)
            put(ecr, index(manifest("a"), manifest("b")), "multi", repository=repository)
        ecr.pull_through("hub")
        report = check(ecr, "*")
        counts = {each.repository_name: each.counts for each in report.repositories}
        assert counts[REPOSITORY]["incomplete"] == 1
        assert counts["hub/library/nginx"]["partial"] == 1
        assert sha(manifest("b")) not in asked(ecr, "BatchGetImage")
        assert ecr.counters.imports == 0


def test_without_the_pull_through_rules_a_child_that_is_not_listed_makes_the_index_partial() -> None:
    denied = Fault("access_denied", operations=("DescribePullThroughCacheRules",))
    with LocalEcr({}, faults=[denied]) as ecr:
        whole = put(ecr, index(manifest("a")), "multi")
        assert verdicts(check(ecr)) == {whole: ("partial", "PullThroughUnknown")}


@pytest.mark.parametrize("broken", ["child", "layer", ""])
def test_rules_that_are_denied_are_told_once_if_a_verdict_depends_on_them(broken: str) -> None:
    denied = Fault("access_denied", operations=("DescribePullThroughCacheRules",))
    with LocalEcr({}, faults=[denied]) as ecr:
        for repository in ("team/a", "team/b"):
            lacking = ["a"] if broken == "layer" else []
            put(ecr, manifest("a"), repository=repository, lacking=lacking)
            children = [manifest("a"), manifest("b")] if broken == "child" else [manifest("a")]
            put(ecr, index(*children), "multi", repository=repository)
        report = check(ecr, "*")
        assert ecr.counters.operations["GetDownloadUrlForLayer"] == 0
    told = [note for note in report.notes if "pull-through" in note]
    assert len(told) == (1 if broken else 0)
    for note in told:
        assert note.startswith(
            "DescribePullThroughCacheRules is denied, so it is not known which repositories"
        )
        assert note.endswith("; allow ecr:DescribePullThroughCacheRules")


def test_a_denied_batch_get_image_names_the_action() -> None:
    denied = Fault("access_denied", operations=("BatchGetImage",))
    with (
        LocalEcr({REPOSITORY: RULE}, faults=[denied]) as ecr,
        pytest.raises(lc.AccessDeniedError, match="allow is ecr:BatchGetImage") as caught,
    ):
        check(ecr)
    assert caught.value.images.counts["not_checked"] == 300  # type: ignore[attr-defined]


def test_no_digest_is_asked_that_no_listing_named() -> None:
    with LocalEcr({REPOSITORY: RULE}, log_calls=10_000) as ecr:
        check(ecr)
        read = asked(ecr, "BatchGetImage")
        assert sorted(read) == sorted(ecr.images(REPOSITORY))
        assert all(call.digests for call in ecr.calls if call.operation == "BatchGetImage")


def test_a_secret_that_the_service_sends_back_as_a_tag_is_shown_nowhere(tmp_path: Path) -> None:
    token = "a-session-token-that-is-long-enough/0123456789+abcdefghijklmnop=="

    def echo(parsed: dict[str, Any], **_: Any) -> None:
        for each in parsed.get("imageDetails", []):
            each["imageTags"] = [f"v1-{token}"]
            each["artifactMediaType"] = token

    with LocalEcr({}) as ecr:
        put(ecr, manifest("a"), "v1", lacking=["a"])
        keys: Any = {"aws_access_key_id": "local-ecr", "aws_secret_access_key": "local-ecr"}
        client = ecr.client(aws_session_token=token, **keys)
        client.meta.events.register("after-call.ecr.DescribeImages", echo)
        report = check(ecr, client=client)
    report.write(tmp_path / "images.csv")
    shown = f"{report.to_arrow().to_pylist()}{(tmp_path / 'images.csv').read_text()}"
    assert report.counts["incomplete"] == 1
    assert token not in shown
    assert "v1-***" in shown


def test_a_secret_inside_a_manifest_is_shown_nowhere(tmp_path: Path) -> None:
    """Media types, platforms, the type of an artifact and a text in place of a digest."""
    token = "a-session-token-that-is-long-enough/0123456789+abcdefghijklmnop=="
    images = [
        manifest("a", artifactType=f"application/{token}"),
        manifest("b", mediaType=MANIFEST, config=part("b-config", f"x/{token}")),
        manifest("c", layers=[part("d", f"y/{token}"), {**part("e"), "digest": f"no digest {token}"}]),
    ]
    whole = json.loads(index(manifest("f"), manifest("g")))
    whole["manifests"][0]["platform"] = {"os": token, "architecture": f"arm-{token}", "variant": token}
    whole["manifests"][1]["platform"]["os.version"] = token
    store = tmp_path / "manifests"
    with LocalEcr({}) as ecr:
        for text in images:
            ecr.put_image(REPOSITORY, text, force=True)
        ecr.put_image(REPOSITORY, json.dumps(whole), ["multi"], media_type=INDEX, force=True)
        keys: Any = {"aws_access_key_id": "local-ecr", "aws_secret_access_key": "local-ecr"}
        client = ecr.client(aws_session_token=token, **keys)
        report = check(ecr, client=client, manifests=store)
    shown = "".join(f"{report.to_arrow(name).to_pylist()}" for name in report.tables)
    report.write(tmp_path / "platforms.csv", table="platforms")
    shown += (tmp_path / "platforms.csv").read_text()
    assert report.counts["incomplete"] == 3, verdicts(report)
    assert report.counts["unreadable"] == 1
    assert token not in shown
    for words in ("application/***", "arm-***", "x/***", "no digest ***"):
        assert words in shown
    assert token.encode() not in store.read_bytes()


@pytest.mark.parametrize("kind", ["html", "truncate", "empty", "wrong_types"])
def test_an_answer_that_is_not_json_is_asked_for_again_like_another_passing_error(kind: Any) -> None:
    """Three times: more often than an answer that leaves images out."""
    with LocalEcr({REPOSITORY: ImageRule(20, layers=1, broken=2)}) as ecr:
        ecr.set_faults([Fault(kind, operations=("BatchGetImage",), calls=(1, 3))])
        report = check(ecr)
        assert digests(report, "incomplete") == set(ecr.incomplete_images(REPOSITORY))
        assert report.complete
        assert ecr.counters.operations["BatchGetImage"] == 4


def test_answers_that_are_never_json_leave_their_images_undecided() -> None:
    fault = Fault("html", operations=("BatchGetImage",))
    with LocalEcr({REPOSITORY: ImageRule(20, layers=1)}, faults=[fault]) as ecr:
        report = check(ecr)
        assert set(verdicts(report).values()) == {("undecided", "UnreadableAnswer")}
        assert ecr.counters.operations["BatchGetImage"] == 7
