"""Images of LocalEcr that are pulled, archived, lost or made up, and the truth about them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from layercheck.testing import ImageRule, LocalEcr, OciLayout
from made_manifests import FOREIGN_LAYER, OCI_INDEX, OCI_MANIFEST, blob, blobs_of, digest_of, image, index

ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})
ONE, TWO = image("base", "one"), image("base", "two")
BOTH = index(ONE, TWO)
ABSENT = digest_of("absent")
LAYERS = {"base": digest_of("base"), "one": digest_of("one")}


def get(ecr: LocalEcr, *digests: str, name: str = "app") -> Any:
    ids = [{"imageDigest": digest} for digest in digests]
    return ecr.client(config=ONCE).batch_get_image(repositoryName=name, imageIds=ids)


def listed(ecr: LocalEcr, status: str | None = "ANY", name: str = "app", size: int = 1000) -> list[Any]:
    filters = {} if status is None else {"filter": {"imageStatus": status}}
    pages = (
        ecr.client()
        .get_paginator("describe_images")
        .paginate(repositoryName=name, PaginationConfig={"PageSize": size}, **filters)
    )
    return [detail for page in pages for detail in page["imageDetails"]]


def available(ecr: LocalEcr, digests: list[str], name: str = "app") -> dict[str, str]:
    """What the layer check says of digests."""
    client, found = ecr.client(), {}
    for start in range(0, len(digests), 100):
        answer = client.batch_check_layer_availability(
            repositoryName=name, layerDigests=digests[start : start + 100]
        )
        found.update({layer["layerDigest"]: layer["layerAvailability"] for layer in answer["layers"]})
    return found


@pytest.fixture
def ecr() -> Iterator[LocalEcr]:
    with LocalEcr({"app": [*blobs_of(ONE), *blobs_of(TWO)]}) as ecr:
        ecr.put_image("app", ONE, ["v1"])
        ecr.put_image("app", TWO)
        ecr.put_image("app", BOTH, ["both"])
        yield ecr


# Pull times.


def test_reading_a_manifest_moves_the_pull_time_and_nothing_else_does(ecr: LocalEcr) -> None:
    first, second = digest_of(ONE), digest_of(TWO)
    client = ecr.client()
    listed(ecr)
    client.list_images(repositoryName="app")
    client.batch_check_layer_availability(repositoryName="app", layerDigests=blobs_of(ONE))
    client.get_download_url_for_layer(repositoryName="app", layerDigest=digest_of("base"))
    assert ecr.pull_time("app", first) is None
    get(ecr, first)
    pulled = ecr.pull_time("app", first)
    assert pulled is not None
    details = {detail["imageDigest"]: detail for detail in listed(ecr)}
    assert details[first]["lastRecordedPullTime"] == pulled
    assert "lastRecordedPullTime" not in details[second]
    assert ecr.pull_time("app", second) is None
    with pytest.raises(LookupError, match="does not hold the image"):
        ecr.pull_time("app", ABSENT)


@pytest.mark.parametrize(
    ("excluded", "moves"),
    [
        (None, False),
        ("arn:aws:iam::123456789012:role/local-ecr", False),
        ("arn:aws:iam::123456789012:role/teams/local-ecr", False),
        ("arn:aws:iam::123456789012:role/other", True),
    ],
)
def test_a_pull_of_an_excluded_caller_does_not_count(
    ecr: LocalEcr, excluded: str | None, moves: bool
) -> None:
    ecr.exclude_pull_time(excluded)
    get(ecr, digest_of(ONE))
    assert (ecr.pull_time("app", digest_of(ONE)) is not None) is moves


# Archives and losses.


def test_archived_images_are_listed_on_request_alone_and_cannot_be_pulled(ecr: LocalEcr) -> None:
    digest = digest_of(BOTH)
    ecr.archive("app", digest)
    assert digest not in {detail["imageDigest"] for detail in listed(ecr, None)}
    assert digest not in {
        entry["imageDigest"] for entry in ecr.client().list_images(repositoryName="app")["imageIds"]
    }
    (archived,) = listed(ecr, "ARCHIVED")
    assert (archived["imageDigest"], archived["imageStatus"]) == (digest, "ARCHIVED")
    assert archived["lastArchivedAt"]
    assert len(listed(ecr, "ANY")) == 3
    answer = get(ecr, digest, digest_of(ONE))
    assert [failure["failureCode"] for failure in answer["failures"]] == ["ImageInaccessible"]
    assert len(answer["images"]) == 1
    ecr.archive("app", digest, status="ACTIVATING")
    assert [detail["imageDigest"] for detail in listed(ecr, "ACTIVATING")] == [digest]
    ecr.archive("app", digest, status="ACTIVE")
    assert next(detail for detail in listed(ecr, "ACTIVE") if detail["imageDigest"] == digest)[
        "lastActivatedAt"
    ]


def test_layers_of_archived_images_alone_are_archived(ecr: LocalEcr) -> None:
    with pytest.raises(
        ValueError, match=f"ImageReferencedByManifestList: {digest_of(ONE)} is needed by the index"
    ):
        ecr.archive("app", digest_of(ONE))
    ecr.archive("app", digest_of(ONE), force=True)
    assert available(ecr, list(LAYERS.values())) == {LAYERS["base"]: "AVAILABLE", LAYERS["one"]: "ARCHIVED"}
    assert ecr.incomplete_images("app") == [digest_of(BOTH)]
    ecr.archive("app", digest_of(ONE), status="ACTIVE")
    assert set(available(ecr, list(LAYERS.values())).values()) == {"AVAILABLE"}
    assert ecr.incomplete_images("app") == []


def test_a_push_restores_an_archived_image(ecr: LocalEcr) -> None:
    ecr.archive("app", digest_of(BOTH))
    ecr.client().put_image(repositoryName="app", imageManifest=BOTH)
    assert {detail["imageStatus"] for detail in listed(ecr)} == {"ACTIVE"}


def test_what_an_image_needs_is_lost_by_force_alone(ecr: LocalEcr) -> None:
    for digest, code in [
        (digest_of(ONE), "ImageReferencedByManifestList"),
        (LAYERS["one"], "LayerReferencedByImage"),
    ]:
        with pytest.raises(ValueError, match=f"^{code}: {digest} is needed by the .*force=True"):
            ecr.drop("app", digest)
    assert ecr.incomplete_images("app") == []
    ecr.drop("app", LAYERS["one"], force=True)
    assert available(ecr, [LAYERS["one"]]) == {LAYERS["one"]: "UNAVAILABLE"}
    assert ecr.incomplete_images("app") == sorted([digest_of(ONE), digest_of(BOTH)])
    ecr.drop("app", digest_of(ONE), force=True)
    assert get(ecr, digest_of(ONE))["failures"][0]["failureCode"] == "ImageNotFound"
    assert ecr.incomplete_images("app") == [digest_of(BOTH)]
    ecr.drop("app", digest_of(BOTH))
    assert ecr.incomplete_images("app") == []
    for name, digest in [("app", ABSENT), ("other", digest_of(TWO))]:
        with pytest.raises(LookupError, match=f"{name}.*does not hold {digest}"):
            ecr.drop(name, digest)


def test_an_image_is_deleted_just_before_the_given_call(ecr: LocalEcr) -> None:
    client = ecr.client(config=ONCE)
    client.list_images(repositoryName="app")
    ecr.delete_during("app", digest_of(BOTH), operation="ListImages", call=2)
    ecr.delete_during("app", digest_of(TWO))
    assert len(client.list_images(repositoryName="app")["imageIds"]) == 3
    assert len(client.list_images(repositoryName="app")["imageIds"]) == 2
    assert [found["imageManifest"] for found in get(ecr, digest_of(ONE), digest_of(TWO))["images"]] == [ONE]
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        client.describe_images(repositoryName="app", imageIds=[{"imageDigest": digest_of(TWO)}])
    with pytest.raises(ValueError, match="calls count from 1"):
        ecr.delete_during("app", digest_of(ONE), call=0)
    with pytest.raises(ValueError, match='unknown operation "Nonsense"; the operations are Batch'):
        ecr.delete_during("app", digest_of(ONE), operation="Nonsense")  # type: ignore[arg-type]


def test_only_what_a_pull_needs_makes_an_image_incomplete() -> None:
    windows = json.loads(image("base"))
    windows["layers"].append(blob("absent", FOREIGN_LAYER))
    attestation = image("absent statement")
    attested = json.loads(index(ONE, attestation))
    attested["manifests"][1]["platform"] = {"os": "unknown", "architecture": "unknown"}
    attested["manifests"][1]["annotations"] = {"vnd.docker.reference.type": "attestation-manifest"}
    about = json.loads(image("base")) | {"subject": blob("absent subject", OCI_MANIFEST)}
    with LocalEcr({"app": [*blobs_of(ONE), *blobs_of(image("base"))]}) as ecr:
        ecr.put_image("app", ONE)
        for complete in (windows, about):
            ecr.put_image("app", complete)
        ecr.put_image("app", attested, force=True)
        assert ecr.incomplete_images("app") == []
        ecr.put_image("app", attestation, force=True)
        outer = ecr.put_image("app", index(index(ONE, image("nowhere"))), force=True)
        assert ecr.incomplete_images("app") == sorted([digest_of(attestation), outer])
    with pytest.raises(LookupError, match="does not exist"):
        ecr.incomplete_images("other")


def test_a_pull_through_cache_may_lack_platforms_and_imports_are_counted() -> None:
    with LocalEcr({"hub/app": blobs_of(ONE), "hubble/app": blobs_of(ONE)}) as ecr:
        ecr.pull_through("hub")
        for name in ("hub/app", "hubble/app"):
            ecr.put_image(name, ONE)
            ecr.put_image(name, BOTH, force=True)
            get(ecr, digest_of(ONE), digest_of(TWO), name=name)
        assert ecr.incomplete_images("hub/app") == []
        assert ecr.incomplete_images("hubble/app") == [digest_of(BOTH)]
        assert ecr.counters.imports == 1
        assert ecr.images("hub/app") == sorted([digest_of(ONE), digest_of(BOTH)])


def test_the_subject_of_an_artifact_is_listed_with_it(ecr: LocalEcr) -> None:
    subject = {"mediaType": OCI_MANIFEST, "digest": digest_of(ONE), "size": len(ONE)}
    artifact = ecr.put_image(
        "app", image("base", subject=subject, artifactType="application/x-sbom"), force=True
    )
    found = next(detail for detail in listed(ecr) if detail["imageDigest"] == artifact)
    assert (found["subjectManifestDigest"], found["artifactMediaType"]) == (
        digest_of(ONE),
        "application/x-sbom",
    )


# Layouts.


def write_layout(folder: Path, *documents: str, top: str, name: str | None = None) -> Path:
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for document in documents:
        (blobs / digest_of(document)[7:]).write_text(document)
    descriptor = {"mediaType": OCI_INDEX, "digest": digest_of(top), "size": len(top)}
    if name is not None:
        descriptor["annotations"] = {"org.opencontainers.image.ref.name": name}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [descriptor]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("v1", ["v1"]),
        ("registry.example:5000/team/app:v2", ["v2"]),
        ("team/app", []),
        ("not a tag", []),
        (None, []),
    ],
)
def test_a_layout_brings_its_manifests_and_tags(tmp_path: Path, name: str | None, tags: list[str]) -> None:
    layout = write_layout(tmp_path / "layout", ONE, TWO, BOTH, top=BOTH, name=name)
    with LocalEcr({"app": layout}) as ecr:
        assert ecr.images("app") == sorted(map(digest_of, (ONE, TWO, BOTH)))
        assert [
            found["imageManifest"] for found in get(ecr, *map(digest_of, (ONE, TWO, BOTH)))["images"]
        ] == [
            ONE,
            TWO,
            BOTH,
        ]
        found = {detail["imageDigest"]: detail.get("imageTags", []) for detail in listed(ecr)}
        assert found == {digest_of(ONE): [], digest_of(TWO): [], digest_of(BOTH): tags}
        assert ecr.incomplete_images("app") == []


def test_a_layout_of_one_platform_makes_an_incomplete_index(tmp_path: Path) -> None:
    layout = write_layout(tmp_path / "layout", ONE, BOTH, top=BOTH)
    for content in ("config of base one", "base", "one"):
        (layout / "blobs/sha256" / digest_of(content)[7:]).write_text(content)
    with LocalEcr({"app": OciLayout(layout, existing_only=True)}) as ecr:
        assert ecr.images("app") == sorted([digest_of(ONE), digest_of(BOTH)])
        assert ecr.incomplete_images("app") == [digest_of(BOTH)]


# Made-up images.


@pytest.mark.parametrize("indexes", [0, 30])
@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_made_up_images_are_as_broken_as_the_server_says(shared: float, indexes: int) -> None:
    rule = ImageRule(300, layers=4, shared=shared, broken=13, indexes=indexes, seed=5)
    with LocalEcr({"app": rule}) as ecr:
        digests = [detail["imageDigest"] for detail in listed(ecr, size=77)]
        assert digests == ecr.images("app")
        assert len(set(digests)) == 300
        documents, sizes = {}, {}
        for start in range(0, 300, 100):
            for found in get(ecr, *digests[start : start + 100])["images"]:
                text = found["imageManifest"].encode()
                digest = "sha256:" + hashlib.sha256(text).hexdigest()
                assert found["imageId"]["imageDigest"] == digest
                documents[digest], sizes[digest] = json.loads(text), len(text)
                assert documents[digest]["mediaType"] == found["imageManifestMediaType"]
        assert len(documents) == 300
        manifests = {digest: one for digest, one in documents.items() if "layers" in one}
        assert len(manifests) == 300 - indexes
        assert {len(one["layers"]) for one in manifests.values()} == {4}
        needs = {digest: blobs_of(json.dumps(one)) for digest, one in manifests.items()}
        said = available(ecr, sorted({part for parts in needs.values() for part in parts}))
        broken = {
            digest for digest, parts in needs.items() if any(said[part] != "AVAILABLE" for part in parts)
        }
        assert len(broken) == 13
        for digest in set(documents) - set(manifests):
            children = [child["digest"] for child in documents[digest]["manifests"]]
            assert [child["size"] for child in documents[digest]["manifests"]] == [
                sizes[child] for child in children
            ]
            if broken & set(children):
                broken.add(digest)
        assert ecr.incomplete_images("app") == sorted(broken)
        # 100 images share their first layers, so the others are of one image each.
        layers = [layer["digest"] for one in manifests.values() for layer in one["layers"]]
        bases = -(-(300 - indexes) // 100)
        assert len(set(layers)) == 4 * shared * bases + 4 * (1 - shared) * (300 - indexes)
        answer = ecr.client().batch_check_layer_availability(repositoryName="app", layerDigests=layers[:50])
        told = {layer["digest"]: layer["size"] for one in manifests.values() for layer in one["layers"]}
        assert all(layer.get("layerSize") in (None, told[layer["layerDigest"]]) for layer in answer["layers"])


def test_a_rule_makes_the_same_images_again_and_another_seed_others() -> None:
    rules = {"one": ImageRule(50), "same": ImageRule(50), "other": ImageRule(50, seed=1)}
    with LocalEcr(rules) as ecr:
        assert ecr.images("one") == ecr.images("same")
        assert not set(ecr.images("one")) & set(ecr.images("other"))
        tags = [detail["imageTags"] for detail in listed(ecr, name="one")]
        assert tags == [[f"v{number}"] for number in range(50)]
        answer = ecr.client().batch_get_image(repositoryName="one", imageIds=[{"imageTag": "v7"}])
        assert digest_of(answer["images"][0]["imageManifest"]) == ecr.images("one")[7]


def test_made_up_images_are_put_dropped_archived_and_pulled_like_others() -> None:
    with LocalEcr({"app": ImageRule(9, layers=2, indexes=3)}) as ecr:
        digests = ecr.images("app")
        child, plain, top = digests[0], digests[5], digests[6]
        with pytest.raises(ValueError, match="ImageReferencedByManifestList"):
            ecr.drop("app", child)
        ecr.drop("app", child, force=True)
        assert ecr.incomplete_images("app") == [top]
        assert child not in {detail["imageDigest"] for detail in listed(ecr)}
        ecr.drop("app", top)
        assert ecr.incomplete_images("app") == []
        get(ecr, plain)
        assert ecr.pull_time("app", plain) is not None
        assert ecr.pull_time("app", digests[7]) is None
        ecr.archive("app", digests[7])
        assert [detail["imageDigest"] for detail in listed(ecr, "ARCHIVED")] == [digests[7]]
        put = ecr.put_image("app", ONE, ["v8"], force=True)
        assert {detail["imageDigest"]: detail.get("imageTags") for detail in listed(ecr)}[put] == ["v8"]
        assert sum("v8" in detail.get("imageTags", []) for detail in listed(ecr)) == 1
        ecr.set_image_rule("app", None)
        assert ecr.images("app") == [put]


def test_a_lost_layer_breaks_every_made_up_image_that_shares_it() -> None:
    with LocalEcr({"app": ImageRule(150, layers=2)}) as ecr:
        first = json.loads(get(ecr, ecr.images("app")[0])["images"][0]["imageManifest"])
        ecr.drop("app", first["layers"][0]["digest"], force=True)
        assert ecr.incomplete_images("app") == sorted(ecr.images("app")[:100])


def test_a_million_images_are_listed_and_read_without_storage() -> None:
    rule = ImageRule(1_000_000, layers=1, broken=5)
    with LocalEcr({"app": rule}) as ecr:
        client = ecr.client()
        page = client.list_images(repositoryName="app", maxResults=1000)
        assert len(page["imageIds"]) == 1000
        last = page["imageIds"][-1]["imageDigest"]
        assert digest_of(get(ecr, last)["images"][0]["imageManifest"]) == last
        assert len(ecr.incomplete_images("app")) == 5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rule": 0}, "images must be 1 to"),
        ({"rule": -1}, "negative or too large"),
        ({"rule": 10, "layers": 0}, "layers must be 1 to"),
        ({"rule": 10, "shared": 1.5}, "shared must be 0 to 1"),
        ({"rule": 10, "broken": 11}, "broken must be at most the 10 images"),
        ({"rule": 10, "indexes": 4}, "at most a third of the images"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(settings: dict[str, Any], said: str) -> None:
    with LocalEcr(["app"]) as ecr, pytest.raises(ValueError, match=re.escape(said)):
        ecr.set_image_rule("app", **settings)
