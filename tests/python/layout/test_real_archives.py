"""Archives and layouts that umoci, skopeo and buildah wrote (`tests/data/images/README.md`)."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

import layercheck as lc

FOLDER = Path(__file__).parents[2] / "data" / "images"
OCI = ["umoci-skopeo-oci-archive", "buildah-index-oci-layout", "buildah-zstd-oci-archive"]
DOCKER = ["skopeo-docker-archive", "buildah-docker-archive"]


def path(name: str) -> Path:
    return FOLDER / f"{name}.tar.gz"


def files_of(name: str) -> dict[str, bytes]:
    """What Python's tarfile finds in an archive, links followed."""
    with tarfile.open(path(name)) as tar:
        return {
            member.name.removeprefix("./"): file.read()
            for member in tar
            if (file := tar.extractfile(member)) is not None
        }


@pytest.mark.parametrize("name", OCI)
def test_every_blob_of_an_oci_archive_is_one_that_its_manifests_name(name: str) -> None:
    files = files_of(name)
    stored = {
        "sha256:" + name.removeprefix("blobs/sha256/")
        for name in files
        if name.startswith("blobs/sha256/") and len(name) > 13
    }
    layout = lc.read_layout(path(name))
    assert (layout.form, layout.complete, layout.problems, layout.notes) == ("oci-archive", True, (), ())
    documents = {image.digest for image in layout.images} | {each.digest for each in layout.platforms}
    assert {*layout.digests} | documents == stored
    for blob in layout.blobs:
        content = files["blobs/" + blob.digest.replace(":", "/")]
        assert blob.size == len(content)
        assert blob.digest == "sha256:" + hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", OCI)
def test_an_unpacked_layout_reads_as_its_archive(name: str, tmp_path: Path) -> None:
    with tarfile.open(path(name)) as tar:
        tar.extractall(tmp_path, filter="data")
    archive, folder = lc.read_layout(path(name)), lc.read_layout(tmp_path, verify=True)
    assert (folder.images, folder.platforms, folder.blobs) == (
        archive.images,
        archive.platforms,
        archive.blobs,
    )


def test_the_index_of_buildah_has_two_platforms() -> None:
    layout = lc.read_layout(path("buildah-index-oci-layout"))
    assert [(each.os, each.architecture) for each in layout.platforms] == [
        ("linux", "amd64"),
        ("linux", "arm64"),
    ]
    assert layout.images[0].names == ("latest",)


def test_layers_of_zstd_have_their_type() -> None:
    layout = lc.read_layout(path("buildah-zstd-oci-archive"))
    assert layout.blobs[1].media_type == "application/vnd.oci.image.layer.v1.tar+zstd"


@pytest.mark.parametrize("name", DOCKER)
def test_the_layers_of_a_docker_archive_are_the_files_that_manifest_json_names(name: str) -> None:
    files = files_of(name)
    entry = json.loads(files["manifest.json"])[0]
    layout = lc.read_layout(path(name))
    assert (layout.form, layout.complete) == ("docker-archive", True)
    assert layout.images[0].names == tuple(entry["RepoTags"])
    expected = [hashlib.sha256(files[name]).hexdigest() for name in (entry["Config"], *entry["Layers"])]
    assert [blob.digest.removeprefix("sha256:") for blob in layout.blobs] == expected
    diff_ids = json.loads(files[entry["Config"]])["rootfs"]["diff_ids"]
    assert [blob.digest for blob in layout.blobs if blob.unpacked] == diff_ids


@pytest.mark.parametrize("name", DOCKER)
def test_the_same_archive_without_manifest_json_reads_as_one_of_old_docker(name: str) -> None:
    """skopeo and buildah still write `repositories` and links for each layer, as Docker before 1.10 did."""
    whole = lc.read_layout(path(name))
    with tarfile.open(path(name)) as tar:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as copy:
            for member in tar:
                if member.name != "manifest.json":
                    copy.addfile(member, tar.extractfile(member) if member.isfile() else None)
    layout = lc.read_layout(io.BytesIO(packed.getvalue()))
    assert layout.form == "docker-archive-v1"
    assert [blob.digest for blob in layout.blobs] == [blob.digest for blob in whole.blobs if blob.unpacked]


@pytest.mark.parametrize("name", OCI)
def test_an_archive_seeds_the_endpoint_and_is_then_found_whole(name: str) -> None:
    from layercheck.testing import LocalEcr

    with LocalEcr() as ecr:
        ecr.put_oci_layout("team/app", path(name))
        report = lc.check(path(name), "team/app", client=ecr.client())
        assert report.rows == report.counts["available"] > 1
        assert report.plan.unique == len(lc.read_layout(path(name)).digests)


@pytest.mark.parametrize("name", DOCKER)
def test_the_endpoint_refuses_layers_whose_digests_a_push_would_change(name: str) -> None:
    from layercheck.testing import LocalEcr

    with (
        LocalEcr() as ecr,
        pytest.raises(ValueError, match="plain tars, which are compressed when they are pushed"),
    ):
        ecr.put_oci_layout("team/app", path(name))


@pytest.mark.parametrize("name", [*OCI, *DOCKER])
def test_every_cut_of_a_real_archive_ends_in_an_error_or_in_something_lacking(name: str) -> None:
    archive = gzip.decompress(path(name).read_bytes())
    whole = lc.read_layout(io.BytesIO(archive))
    used = len(archive.rstrip(b"\0"))
    for end in range(1, used, 211):
        try:
            layout = lc.read_layout(io.BytesIO(archive[:end]))
        except lc.LayoutError:
            continue
        assert layout.notes or layout.blobs != whole.blobs
