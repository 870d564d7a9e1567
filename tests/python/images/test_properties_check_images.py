"""End to end with random repositories, deletions and faults: each listed image has one verdict, a true one.

Nothing is faked: `layercheck` asks a local endpoint over a socket. Without faults, each verdict is that of
the reference judge, which gets what boto3 says of the blobs. With faults, an image is incomplete only if the
reference calls it so for what the endpoint held.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import pytest
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st

import layercheck as lc
from images.reference_judge import Blob, Judged, Listed, Repository, judge
from images.reference_judge import parts as parts_of
from images.repositories import FILTERS, INDEX, MANIFEST, digest_of, manifests, text_of
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy
from layercheck.testing import Fault, Layer, LocalEcr
from made_images import FAST

SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+json"
CONTENTS = [f"blob {number}" for number in range(6)]
NAMES = ["team/app", "team/web", "hub/library/nginx"]
"""The last is in the namespace of a pull-through cache."""

# A thread that the last check left behind may draw a random number while an example is made.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

# No shrinking, because every try is a whole check with its own server, and the order of calls may differ.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
QUICK = Limits(
    retry=RetryPolicy(attempts=8, throttle_attempts=8, back_off_base_s=0.001, back_off_cap_s=0.002),
    tick_s=0.01,
    body_deadline_s=5.0,
)
# One session for all examples, because loading the service model takes longest.
SESSION = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")

LISTS: list[Any] = ["DescribeRepositories", "DescribeImages"]
OPERATIONS: list[Any] = [
    *LISTS,
    "BatchGetImage",
    "BatchCheckLayerAvailability",
    "GetDownloadUrlForLayer",
    "DescribePullThroughCacheRules",
    "ListPullTimeUpdateExclusions",
]
PASSING: list[Any] = ["throttle", "server_error", "disconnect", "reset", "html", "truncate", "cut"]
CHANGING: list[Any] = ["omit", "repeat", "shuffle", "foreign", "wrong_manifest", "failure_code", "page_null"]
FAILURES = ["KmsError", "ImageNotFound", "UpstreamUnavailable", "New"]
SHARED = {"omit", "repeat", "foreign", "wrong_manifest", "failure_code", "page_null"}


@dataclass
class World:
    """Repositories in an endpoint, and what the reference knows of them."""

    known: dict[str, Repository] = field(default_factory=dict)
    platforms: list[str] = field(default_factory=list)
    blobs: dict[str, dict[str, Layer]] = field(default_factory=dict)
    deleted: list[tuple[str, str, Any, int]] = field(default_factory=list)

    def put_into(self, ecr: LocalEcr) -> None:
        """Make the repositories, and learn from boto3 what they hold."""
        ecr.pull_through("hub")
        for name, repository in self.known.items():
            ecr.put(name, self.blobs[name])
            for digest, document in repository.manifests.items():
                kind = INDEX if "manifests" in document else MANIFEST
                kind = SCHEMA_1 if "fsLayers" in document else kind
                put = ecr.put_image(
                    name,
                    text_of(document),
                    repository.listing[digest].tags,
                    media_type=document.get("mediaType", kind),
                    force=True,
                )
                assert put == digest
            for digest, listed in repository.listing.items():
                if listed.status == "ARCHIVED":
                    ecr.archive(name, digest, force=True)
            self._learn(ecr, name, repository)
            # The manifests of archived images are never read.
            for digest, listed in repository.listing.items():
                if listed.status == "ARCHIVED":
                    del repository.manifests[digest]
        for name, digest, operation, call in self.deleted:
            ecr.delete_during(name, digest, operation=operation, call=call)
        ecr.reset()

    def _learn(self, ecr: LocalEcr, name: str, repository: Repository) -> None:
        asked = {
            digest: None
            for document in repository.manifests.values()
            for digest in parts_of(repository, document)[0]
        }
        repository.blobs = {digest: Blob("unavailable", "unavailable") for digest in asked}
        if not asked:
            return
        client: Any = SESSION.client("ecr", endpoint_url=ecr.endpoint_url)
        answer = client.batch_check_layer_availability(repositoryName=name, layerDigests=list(asked))
        for layer in answer["layers"]:
            word = layer["layerAvailability"].lower()
            if word != "unavailable":
                repository.blobs[layer["layerDigest"]] = Blob(word, size=layer.get("layerSize"))

    def may_be(self, name: str) -> dict[str, set[str]]:
        """The verdicts that each image of a repository may have, by what was deleted and read in time."""
        known = self.known[name]
        deleted = {digest for repository, digest, _, _ in self.deleted if repository == name}
        found: dict[str, set[str]] = {digest: set() for digest in known.listing}
        for number in range(len(deleted) + 1):
            for gone in map(set, itertools.combinations(sorted(deleted), number)):
                # Of a child that was never read, nobody knows that it is an artifact, which no pull needs.
                unread = {digest: each for digest, each in known.manifests.items() if digest not in gone}
                for manifests_read in (known.manifests, unread):
                    for digest, seen in judge(replace(known, gone=gone, manifests=manifests_read)).items():
                        found[digest].add(seen.verdict)
        return found


@st.composite
def worlds(draw: st.DrawFn, *, deletions: bool) -> World:
    world = World(platforms=draw(st.sampled_from(FILTERS)))
    for name in NAMES[: draw(st.integers(1, 3))]:
        known = Repository(platforms=world.platforms, pull_through=name.startswith("hub/"))
        children = [digest_of("nowhere")]
        for number in range(draw(st.integers(0, 6))):
            document = draw(manifests(children, CONTENTS))
            digest = digest_of(text_of(document))
            if digest in known.listing:
                continue
            children.append(digest)
            status = "ARCHIVED" if draw(st.integers(0, 9)) == 0 else "ACTIVE"
            tags = [f"v{number}"] if draw(st.booleans()) else []
            type_of_config = (document.get("config") or {}).get("mediaType")
            known.listing[digest] = Listed(status, tags, document.get("artifactType") or type_of_config)
            known.manifests[digest] = document
            if deletions and draw(st.integers(0, 3)) == 0:
                operation = draw(st.sampled_from(["BatchGetImage", "DescribeImages"]))
                world.deleted.append((name, digest, operation, draw(st.integers(1, 4))))
        world.known[name] = known
        held = {}
        for content in CONTENTS:
            fate = draw(st.integers(0, 9))
            if fate > 1:
                word: Any = "ARCHIVED" if fate == 2 else "AVAILABLE"
                held[digest_of(content)] = Layer(availability=word, size=7 if fate == 3 else 100)
        world.blobs[name] = held
    return world


@st.composite
def faults(draw: st.DrawFn, kinds: list[Any], *, lying: bool) -> list[Fault]:
    made = []
    for _ in range(draw(st.integers(1, 4))):
        kind, operation = draw(st.sampled_from(kinds)), draw(st.sampled_from(OPERATIONS))
        if lying and draw(st.booleans()):
            # These come nearest to a finding that is not one.
            kind, operation = "omit", draw(st.sampled_from(OPERATIONS[1:4]))
        calls = draw(st.sampled_from([(1, 1), (1, 3), (2, 3), *([(1, None), (2, None)] if lying else [])]))
        options: dict[str, Any] = {"share": draw(st.sampled_from([0.1, 0.5, 1.0]))} if kind in SHARED else {}
        if kind == "failure_code":
            options["code"] = draw(st.sampled_from(FAILURES))
        probability = draw(st.sampled_from([1.0, 1.0, 0.5]))
        made.append(Fault(kind, operations=(operation,), calls=calls, probability=probability, **options))
    return made


def checked(world: World, made: list[Fault]) -> tuple[lc.ImageReport, str]:
    """Check all repositories; return the report, also that of an error, and the error."""
    with LocalEcr(sorted(world.known)) as ecr:
        world.put_into(ecr)
        ecr.set_faults(made)
        options: dict[str, Any] = {**FAST, "platforms": world.platforms, "_limits": QUICK}
        with lc.ImageChecker(
            sorted(world.known), session=SESSION, endpoint_url=ecr.endpoint_url, **options
        ) as checker:
            try:
                report, error = checker.check(), ""
            except lc.LayercheckError as raised:
                report, error = raised.images, str(raised)  # type: ignore[attr-defined]
        # Only an image that is deleted between its listing and its reading can be imported by reading it.
        assert ecr.counters.imports <= sum(name.startswith("hub/") for name, *_ in world.deleted)
    return report, error


def lines_of(report: lc.ImageReport, name: str) -> dict[str, Judged]:
    """Every listed image of a repository once, with verdict and code."""
    (repository,) = [each for each in report.repositories if each.repository_name == name]
    images = [image for verdict in lc.ImageVerdict for image in repository.find(verdict)]
    found = {image.digest: Judged(image.verdict.label, image.code) for image in images}
    assert len(found) == len(images) == repository.images == sum(repository.counts.values())
    return found


@given(
    worlds(deletions=False),
    st.booleans().flatmap(lambda some: faults(PASSING, lying=False) if some else st.just([])),
)
@settings(max_examples=60, deadline=None, phases=PHASES)
def test_each_image_has_the_verdict_of_the_reference_whatever_passes(world: World, made: list[Fault]) -> None:
    made = [each for each in made if each.operations != ("DescribePullThroughCacheRules",)]
    note(f"{made}")
    report, error = checked(world, made)
    assert error == ""
    for name, known in world.known.items():
        expected = {digest: Judged(*verdict[:2]) for digest, verdict in judge(known).items()}
        note(json.dumps({digest: str(verdict) for digest, verdict in expected.items()}, indent=1))
        assert lines_of(report, name) == expected
    assert sum(report.counts.values()) == report.images


@given(worlds(deletions=True), faults([*PASSING, *CHANGING, "access_denied", "expired_token"], lying=True))
@settings(max_examples=100, deadline=None, phases=PHASES)
def test_no_fault_and_no_deletion_makes_a_finding_of_what_is_there(world: World, made: list[Fault]) -> None:
    note(f"{made} {world.deleted}")
    report, error = checked(world, made)
    note(error)
    deleted = {(name, digest) for name, digest, _, _ in world.deleted}
    wrong_codes = {each.code for each in made if each.kind == "failure_code"}
    for repository in report.repositories:
        name = repository.repository_name
        all_may_be = world.may_be(name)
        for digest, seen in lines_of(report, name).items():
            may_be = all_may_be[digest]
            note(f"{name} {digest}: {seen}, of {may_be}")
            if seen.verdict in ("incomplete", "complete"):
                assert seen.verdict in may_be
            elif seen.verdict == "gone":
                assert (name, digest) in deleted or "ImageNotFound" in wrong_codes
            elif seen.verdict == "archived":
                assert may_be & {"archived", "gone"}
    assert sum(report.counts.values()) == report.images
