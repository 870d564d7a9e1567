"""Answers of 100 MB: bounded in memory, asked for in parts where that helps, and never a finding."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

import layercheck as lc
from layercheck.testing import Fault, ImageRule, LocalEcr
from made_images import REPOSITORY, check, manifest, put, verdicts
from peak_memory import PEAK_MB

RULE = ImageRule(40, layers=2, broken=2)
MOST_MB = 60
"""Most memory above that of a check with ordinary answers. A page of 100 MB alone would be beyond it."""

CHILD = (
    PEAK_MB
    + """
import json, sys
import layercheck as lc

healthy, big, target = sys.argv[1:]
fast = {"rate": "max", "image_rate": "max", "list_rate": "max", "region_name": "us-east-1"}
lc.check_images("team/app", endpoint_url=healthy, **fast)
before, said, counts = peak_mb(), "", {}
try:
    report = lc.check_images(target, endpoint_url=big, **fast)
    counts = report.counts
    said = " ".join(sorted({image.reason or "" for image in report.find("undecided")}))
except lc.LayercheckError as error:
    said, counts = f"{type(error).__name__}: {error}", error.images.counts
print(json.dumps({"mb": peak_mb() - before, "said": said, "counts": counts}))
"""
)

BIG: dict[str, Any] = {"an announced length": "padding", "no end": "endless"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs the module resource")
@pytest.mark.parametrize("kind", BIG.values(), ids=BIG)
@pytest.mark.parametrize(
    "operation", ["DescribeRepositories", "DescribeImages", "ListImages", "BatchGetImage"]
)
def test_an_answer_of_100_mb_is_not_held_in_memory(operation: Any, kind: Any) -> None:
    faults = [Fault(kind, operations=(operation,))]
    if operation == "ListImages":
        faults.append(Fault("access_denied", operations=("DescribeImages",)))
    with LocalEcr({REPOSITORY: RULE}) as healthy, LocalEcr({REPOSITORY: RULE}, faults=faults) as big:
        target = "*" if operation == "DescribeRepositories" else REPOSITORY
        command = [sys.executable, "-c", CHILD, healthy.endpoint_url, big.endpoint_url, target]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["mb"] < MOST_MB
    assert told["counts"]["incomplete"] == 0
    if operation == "BatchGetImage":
        assert told["counts"]["undecided"] == RULE.images
        assert "the body of the answer is longer than 9,437,184 bytes" in told["said"]
    elif operation == "ListImages":
        assert "AccessDenied" in told["said"]
    else:
        assert "the body of the answer is longer than 9,437,184 bytes" in told["said"]


def test_a_page_of_many_tags_is_asked_for_in_parts() -> None:
    """Case 10. Forty images with 1,000 tags of 300 letters have a page of 12 MB."""
    with LocalEcr({}) as ecr:
        for image in range(40):
            tags = [f"{image:03}-{number:04}-".ljust(300, "x") for number in range(1_000)]
            put(ecr, manifest(f"layer {image}"), *tags, lacking=["layer 7"])
        report = check(ecr)
        assert ecr.counters.operations["DescribeImages"] == 7
    assert report.complete
    assert (report.counts["complete"], report.counts["incomplete"]) == (39, 1)
    assert [len(image.tags) for image in report.find("incomplete")] == [1_000]


def test_pages_are_long_again_behind_one_that_was_too_long() -> None:
    with LocalEcr({REPOSITORY: ImageRule(5_000, layers=1)}) as ecr:
        ecr.set_faults([Fault("padding", operations=("DescribeImages",), calls=(1, 2))])
        assert check(ecr).counts["complete"] == 5_000
        # 2 that are too long, 10 pages of 10 images, 10 of 100, and 4 of 1,000.
        assert ecr.counters.operations["DescribeImages"] == 26


def test_pages_stay_short_if_a_token_does_not_hold_for_longer_ones() -> None:
    with LocalEcr({REPOSITORY: ImageRule(300, layers=1)}) as ecr:
        too_long = Fault("padding", operations=("DescribeImages",), calls=(1, 2))
        refused = Fault("token_expired", operations=("DescribeImages",), calls=(13, 13))
        ecr.set_faults([too_long, refused])
        report = check(ecr)
        # 2 that are too long, 10 pages of 10 images, one that is refused, and 20 pages of 10.
        assert ecr.counters.operations["DescribeImages"] == 33
    assert (report.complete, report.counts["complete"]) == (True, 300)


def test_the_padding_of_an_answer_is_shared_by_its_images() -> None:
    """Of 100 MB for each image, the local endpoint would make 800 MB for these eight."""
    with LocalEcr({REPOSITORY: ImageRule(8, layers=1)}) as ecr:
        ecr.set_faults([Fault("big_answer", operations=("BatchGetImage",))])
        client = ecr.client()
        ids: Any = [{"imageDigest": each} for each in ecr.images(REPOSITORY)]
        lengths = []
        client.meta.events.register(
            "before-parse.ecr.BatchGetImage",
            lambda response_dict, **_: lengths.append(len(response_dict["body"])),
        )
        client.batch_get_image(repositoryName=REPOSITORY, imageIds=ids)
        assert 100_000_000 < lengths[0] < 101_000_000
        report = check(ecr)
        assert report.counts["undecided"] == 8
        assert {code for _, code in verdicts(report).values()} == {"HTTPClientError"}
        assert isinstance(report, lc.ImageReport)
