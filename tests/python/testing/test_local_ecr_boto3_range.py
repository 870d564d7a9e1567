"""Images of LocalEcr with every supported boto3: `make boto3-range` runs this with the oldest too."""

from __future__ import annotations

from layercheck.testing import ImageRule, LocalEcr
from made_manifests import blobs_of, digest_of, image, index

ONE, TWO = image("base", "one"), image("base", "two")
BOTH = index(ONE, TWO)


def test_an_older_model_lists_reads_and_pushes_and_sees_no_archived_image() -> None:
    with LocalEcr({"app": [*blobs_of(ONE), *blobs_of(TWO)]}) as ecr:
        client = ecr.client()
        for manifest, tag in [(ONE, {"imageTag": "v1"}), (TWO, {}), (BOTH, {"imageTag": "both"})]:
            client.put_image(repositoryName="app", imageManifest=manifest, **tag)
        ecr.archive("app", digest_of(BOTH))
        listed = client.list_images(repositoryName="app")["imageIds"]
        details = client.describe_images(repositoryName="app")["imageDetails"]
        expected = sorted(map(digest_of, (ONE, TWO)))
        assert [entry["imageDigest"] for entry in listed] == expected
        assert [detail["imageDigest"] for detail in details] == expected
        knows_status = "imageStatus" in client.meta.service_model.shape_for("DescribeImagesFilter").members
        assert [detail.get("imageStatus") for detail in details] == ["ACTIVE" if knows_status else None] * 2
        answer = client.batch_get_image(
            repositoryName="app", imageIds=[{"imageDigest": digest_of(one)} for one in (ONE, BOTH)]
        )
        assert [found["imageManifest"] for found in answer["images"]] == [ONE]
        assert [failure["imageId"] for failure in answer["failures"]] == [{"imageDigest": digest_of(BOTH)}]


def test_an_older_model_pages_through_made_up_images() -> None:
    with LocalEcr({"app": ImageRule(250, broken=2)}) as ecr:
        pages = (
            ecr.client()
            .get_paginator("describe_images")
            .paginate(repositoryName="app", PaginationConfig={"PageSize": 100})
        )
        found = [detail["imageDigest"] for page in pages for detail in page["imageDetails"]]
        assert found == ecr.images("app")
