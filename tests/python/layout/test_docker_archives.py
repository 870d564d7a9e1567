"""Archives of `docker save` in every form there was, and of programs that write alike."""

from __future__ import annotations

import gzip
import io
import json

import pytest

import layercheck as lc
from layout.archives import (
    DOCKER_PLAIN,
    Files,
    Link,
    config,
    digest_of,
    docker_1_9,
    docker_1_10,
    docker_25,
    hex_of,
    kaniko,
    pack,
    packed_layer,
    plain_layer,
)

ONE, TWO = plain_layer("one"), plain_layer("two")


def read(files: Files, **how: object) -> lc.Layout:
    return lc.read_layout(io.BytesIO(pack(files, **how)))  # type: ignore[arg-type]


def layers(layout: lc.Layout) -> list[str]:
    """The digests of the layers as the rows of the layout have them."""
    return [line["digest"] for line in layout.table("rows").lines(0, 100) if line["role"] == "layer"]


def test_an_archive_of_before_docker_1_10_is_read_from_the_first_layer_to_the_last() -> None:
    layout = read(docker_1_9(ONE, TWO))
    assert (layout.form, layout.images[0].names) == ("docker-archive-v1", ("team/app:v1",))
    assert layers(layout) == [digest_of(ONE), digest_of(TWO)]
    # Such images have no config.
    assert {blob.role for blob in layout.blobs} == {"layer"}
    assert layout.images[0].digest is None


def test_tags_of_one_old_image_are_names_of_one_image() -> None:
    layout = read(docker_1_9(ONE, TWO, tags={"v1": f"{2:064x}", "base": f"{1:064x}", "latest": f"{2:064x}"}))
    assert [image.names for image in layout.images] == [
        ("team/app:base",),
        ("team/app:latest", "team/app:v1"),
    ]


def test_parents_in_a_circle_end() -> None:
    files = docker_1_9(ONE)
    files[f"{1:064x}/json"] = json.dumps({"parent": f"{1:064x}"}).encode()
    layout = read(files)
    assert layers(layout) == [digest_of(ONE)]
    assert "circle" in layout.problems[0]


def test_an_archive_of_docker_1_10_names_config_and_layers() -> None:
    layout = read(docker_1_10(ONE, TWO))
    assert (layout.form, layout.images[0].names) == ("docker-archive", ("team/app:v1",))
    assert [blob.role for blob in layout.blobs] == ["config", "layer", "layer"]
    assert layout.blobs[0].digest == digest_of(config(ONE, TWO))
    assert (layout.platforms[0].os, layout.platforms[0].architecture) == ("linux", "amd64")
    assert layout.complete


def test_a_layer_may_be_a_link_to_that_of_another_layer() -> None:
    """Edge case 68: the links of docker save are followed within the archive."""
    files = docker_1_10(ONE, ONE)
    assert Link(f"../{1:064x}/layer.tar") in files.values()
    layout = read(files)
    assert layers(layout) == [digest_of(ONE)] * 2
    files[f"{2:064x}/layer.tar"] = Link(f"{1:064x}/layer.tar", hard=True)
    assert layers(read(files)) == [digest_of(ONE)] * 2


def test_links_are_followed_eight_deep_and_never_out_of_the_archive() -> None:
    """Edge case 68."""
    last = f"{2:064x}/layer.tar"

    def chain(length: int) -> Files:
        links: Files = {f"link{number}": Link(f"link{number + 1}") for number in range(1, length)}
        return {**docker_1_10(ONE, TWO), last: Link("../link1"), **links, f"link{length}": TWO}

    assert layers(read(chain(7)))[1] == digest_of(TWO)
    deep = read(chain(9))
    # What cannot be found is lacking, and the config still tells its digest.
    assert [blob.state for blob in deep.blobs] == ["present", "present", "lacking"]
    for target in ("../../../etc/passwd", "/etc/passwd", "../" * 40 + "etc/passwd", last[65:]):
        outside = read({**docker_1_10(ONE, TWO), last: Link(target)})
        assert outside.blobs[2].state == "lacking", target
        assert not outside.complete


@pytest.mark.parametrize("tags", [["team/app:v1"], ["team/app:v1", "team/app:latest"]], ids=len)
def test_an_archive_of_docker_25_is_an_oci_layout_with_the_names_of_its_manifest_json(
    tags: list[str],
) -> None:
    layout = read(docker_25(ONE, TWO, tags=tags))
    assert layout.form == "oci-archive"
    assert len(layout.images) == 1
    assert set(layout.images[0].names) >= set(tags)
    assert layout.images[0].digest is not None
    assert [blob.unpacked for blob in layout.blobs] == [False, True, True]
    assert layout.complete


def test_a_null_list_counts_as_none_and_then_manifest_json_counts() -> None:
    """Edge cases 15 and 69: Docker 25 writes "manifests": null for an image without a tag."""
    layout = read(docker_25(ONE, TWO))
    assert [image.names for image in layout.images] == [()]
    assert layers(layout) == [digest_of(ONE), digest_of(TWO)]
    assert layout.complete


def test_the_layers_that_docker_25_0_0_left_out_of_its_manifest_are_found() -> None:
    """moby/moby#47065: OCI manifests without layers beside a whole manifest.json."""
    layout = read(docker_25(ONE, TWO, tags=["team/app:v1"], with_layers=False))
    assert layers(layout) == [digest_of(ONE), digest_of(TWO)]
    assert "manifest.json counts" in layout.notes[0]


def test_compressed_layers_in_a_docker_archive_have_the_digests_of_a_registry() -> None:
    """Edge case 57."""
    packed = packed_layer("one")
    layout = read(kaniko(packed, plain=(ONE,)))
    assert [(blob.digest, blob.role, blob.unpacked) for blob in layout.blobs] == [
        (digest_of(config(ONE)), "config", False),
        (digest_of(packed), "layer", False),
    ]
    assert layout.blobs[1].media_type == DOCKER_PLAIN
    assert lc.plan(layout).unique == 2


def test_plain_layers_have_other_digests_in_a_registry_so_they_are_no_rows() -> None:
    """Edge case 56: docker push compresses them, and nobody knows with which result."""
    layout = read(docker_1_10(ONE, TWO))
    assert [blob.unpacked for blob in layout.blobs] == [False, True, True]
    with pytest.raises(
        ValueError, match="2 layers are plain tars, which are compressed when they are pushed"
    ):
        lc.plan(layout)
    # With a manifest, the digests are those that a push of the manifest needs.
    assert lc.plan(read(docker_25(ONE, TWO, tags=["v1"]))).unique == 3


@pytest.mark.parametrize("name", ["sha256:{}", "{}.json"])
def test_a_config_that_does_not_hash_to_its_name_is_damaged(name: str) -> None:
    """Edge case 58: in a docker archive everything is hashed, and names are not trusted."""
    files = docker_1_10(ONE)
    entry = json.loads(files["manifest.json"])  # type: ignore[arg-type]
    wrong = name.format("ab" * 32)
    files[wrong] = files.pop(entry[0]["Config"])
    files["manifest.json"] = json.dumps([{**entry[0], "Config": wrong}]).encode()
    layout = read(files)
    assert not layout.complete
    assert layout.blobs[0].state == "damaged"
    assert any(wrong in problem and "does not hash to its name" in problem for problem in layout.problems)


def test_a_plain_layer_that_the_config_does_not_know_is_damaged() -> None:
    """Edge case 58."""
    files = docker_1_10(ONE, TWO)
    files[f"{2:064x}/layer.tar"] = plain_layer("three")
    layout = read(files)
    assert [blob.state for blob in layout.blobs] == ["present", "present", "damaged"]
    assert f"hash to {digest_of(TWO)}, as the config says" in layout.problems[0]


def test_files_that_an_archive_names_and_does_not_have_are_lacking() -> None:
    files = docker_1_10(ONE, TWO)
    del files[f"{2:064x}/layer.tar"]
    layout = read(files)
    assert (layout.images[0].lacking, layout.missing) == (1, [digest_of(TWO)])
    files = kaniko(packed_layer("one"))
    del files[f"{hex_of(packed_layer('one'))}.tar.gz"]
    assert read(files).missing == [digest_of(packed_layer("one"))]


def test_several_images_in_one_archive_are_all_there_and_share_their_layers() -> None:
    """Edge case 59."""
    first, second = docker_1_10(ONE, TWO), docker_1_10(ONE, tags=["team/other:v2"])
    both = [*json.loads(first["manifest.json"]), *json.loads(second["manifest.json"])]  # type: ignore[arg-type]
    layout = read({**second, **first, "manifest.json": json.dumps(both).encode()})
    assert [image.names for image in layout.images] == [("team/app:v1",), ("team/other:v2",)]
    shared = next(blob for blob in layout.blobs if blob.digest == digest_of(ONE))
    assert shared.images == 2


def test_manifest_json_may_come_first_or_last_and_names_may_start_with_a_dot() -> None:
    """Edge cases 67 and 68."""
    files = docker_1_10(ONE, ONE, TWO)
    expected = read(files).blobs
    for prefix in ("", "./", "././/"):
        for order in ("given", "reversed"):
            assert read(files, prefix=prefix, order=order).blobs == expected, (prefix, order)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (b"null", "manifest.json: it names no image"),
        (b"[]", "manifest.json: it names no image"),
        (b"[null]", "manifest.json: it names no image"),
        (b'{"a": 1}', "not the list of images of a docker archive"),
        (b"[" * 100_000, "not the list of images of a docker archive"),
        (b"[7]", "not the list of images of a docker archive"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_manifest_json_without_images_is_an_error(manifest: bytes, message: str) -> None:
    with pytest.raises(lc.LayoutError, match=message):
        read({**docker_1_10(ONE), "manifest.json": manifest})


def test_members_that_are_null_or_missing_are_problems_and_not_errors() -> None:
    for entry in ({}, {"Config": None, "RepoTags": None, "Layers": None}):
        layout = read({"manifest.json": json.dumps([entry]).encode()})
        assert (layout.complete, layout.images[0].names) == (False, ())


def test_a_compressed_archive_is_told_by_its_content() -> None:
    archive = pack(docker_1_10(ONE))
    expected = lc.read_layout(io.BytesIO(archive)).blobs
    assert lc.read_layout(io.BytesIO(gzip.compress(archive))).blobs == expected
