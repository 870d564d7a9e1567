"""OCI layouts: folders and archives, whole, partial, odd and hostile."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

import layercheck as lc
from layout.archives import (
    CONFIG,
    INDEX,
    LAYER,
    MANIFEST,
    Json,
    Oci,
    digest_of,
    hex_of,
    named,
    packed_layer,
    path_of,
)

ONE, TWO = packed_layer("one"), packed_layer("two")
GONE = {"mediaType": LAYER, "digest": "sha256:" + "ab" * 32, "size": 9}


def two_platforms(oci: Oci) -> tuple[Json, Json, Json]:
    """An index of two platforms, and its children."""
    amd = oci.image(ONE, TWO, platform={"os": "linux", "architecture": "amd64"})
    arm = oci.image(
        ONE, architecture="arm64", platform={"os": "linux", "architecture": "arm64", "variant": "v8"}
    )
    return oci.list(amd, arm), amd, arm


@pytest.fixture(params=["folder", "archive", "reversed archive"])
def form(request: pytest.FixtureRequest) -> str:
    form: str = request.param
    return form


def read(oci: Oci, form: str, tmp_path: Path, **options: object) -> lc.Layout:
    if form == "folder":
        return lc.read_layout(oci.folder(tmp_path), **options)  # type: ignore[arg-type]
    archive = oci.archive(order="reversed" if form.startswith("reversed") else "given")
    return lc.read_layout(io.BytesIO(archive), **options)  # type: ignore[arg-type]


def test_images_platforms_and_blobs_are_found(form: str, tmp_path: Path) -> None:
    oci = Oci()
    index, _, arm = two_platforms(oci)
    oci.index({**index, **named("v1")}, {**arm, **named("arm")}, {**index, **named("latest")})
    layout = read(oci, form, tmp_path)
    assert [(image.names, image.kind, image.platforms) for image in layout.images] == [
        (("v1", "latest"), "index", 2),
        (("arm",), "image", 1),
    ]
    assert [(each.image, each.architecture, each.variant, each.layers) for each in layout.platforms] == [
        ("v1", "amd64", None, 2),
        ("v1", "arm64", "v8", 1),
        ("arm", "arm64", "v8", 1),
    ]
    shared = next(blob for blob in layout.blobs if blob.digest == digest_of(ONE))
    assert (shared.role, shared.size, shared.media_type, shared.images) == ("layer", len(ONE), LAYER, 2)
    assert [blob.role for blob in layout.blobs] == ["config", "layer", "layer", "config"]
    assert layout.complete
    assert layout.size == sum(blob.size or 0 for blob in layout.blobs)


def test_an_image_without_an_index_has_the_platform_of_its_config(form: str, tmp_path: Path) -> None:
    oci = Oci()
    oci.index(oci.image(ONE, architecture="s390x"))
    layout = read(oci, form, tmp_path)
    assert (layout.platforms[0].os, layout.platforms[0].architecture) == ("linux", "s390x")
    assert layout.platforms[0].image is None


def test_the_name_of_containerd_comes_before_the_tag_alone(form: str, tmp_path: Path) -> None:
    oci = Oci()
    names = {"org.opencontainers.image.ref.name": "v1", "io.containerd.image.name": "registry.example/app:v1"}
    oci.index(oci.image(ONE, annotations=names))
    assert read(oci, form, tmp_path).images[0].names == ("registry.example/app:v1",)


def test_what_a_layout_names_and_lacks_is_missing_and_the_rest_is_read(form: str, tmp_path: Path) -> None:
    oci = Oci()
    index, amd, arm = two_platforms(oci)
    oci.index({**index, **named("v1")})
    oci.without(arm)
    del oci.files[f"blobs/sha256/{hex_of(TWO)}"]
    layout = read(oci, form, tmp_path)
    assert layout.missing == [arm["digest"], digest_of(TWO)]
    assert (layout.complete, layout.images[0].lacking) == (False, 2)
    assert [(each.state, each.lacking) for each in layout.platforms] == [("present", 1), ("lacking", 1)]
    assert [blob.state for blob in layout.blobs] == ["present", "present", "lacking"]
    assert amd["digest"] not in layout.missing


@pytest.mark.parametrize("shape", ["shared", "layout"])
def test_a_shared_folder_of_blobs_holds_what_the_source_lacks(shape: str, form: str, tmp_path: Path) -> None:
    """Edge case 60."""
    oci, blobs = Oci(), tmp_path / "shared"
    index, _, _ = two_platforms(oci)
    oci.index(index)
    for name in [name for name in oci.files if name.startswith("blobs/")]:
        path = blobs / (name if shape == "layout" else name.removeprefix("blobs/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        content = oci.files.pop(name)
        assert isinstance(content, bytes)
        path.write_bytes(content)
    assert not read(oci, form, tmp_path / "a").complete
    assert read(oci, form, tmp_path / "b", blobs=blobs).complete
    (blobs / "sha256").mkdir(parents=True, exist_ok=True)
    with pytest.raises(lc.LayoutError, match="not a folder of blobs"):
        read(oci, form, tmp_path / "c", blobs=tmp_path / "b")


def test_blobs_of_another_size_than_their_descriptor_says_are_damaged(form: str, tmp_path: Path) -> None:
    oci = Oci()
    oci.index(oci.image(ONE, TWO))
    oci.files[f"blobs/sha256/{hex_of(TWO)}"] = TWO[:-1]
    layout = read(oci, form, tmp_path)
    assert [blob.state for blob in layout.blobs] == ["present", "present", "damaged"]
    assert f"blobs/sha256/{hex_of(TWO)}: " in layout.problems[0]
    assert layout.images[0].damaged == 1


def test_a_manifest_of_another_size_than_its_descriptor_says_is_damaged(form: str, tmp_path: Path) -> None:
    oci = Oci()
    image = oci.image(ONE, TWO)
    oci.index({**image, "size": 5})
    layout = read(oci, form, tmp_path)
    assert (layout.images[0].state, layout.platforms[0].state, layout.complete) == ("damaged",) * 2 + (False,)
    assert layout.problems == (
        f"blobs/{image['digest'].replace(':', '/')}: it has {image['size']} bytes, and its descriptor says 5",
    )
    assert [blob.state for blob in layout.blobs] == ["present"] * 3, "its hash says what it names"


@pytest.mark.parametrize("order", [1, -1], ids=["right first", "wrong first"])
@pytest.mark.parametrize("what", ["manifest", "layer"])
def test_one_descriptor_of_another_size_is_enough(what: str, order: int, form: str, tmp_path: Path) -> None:
    oci = Oci()
    if what == "manifest":
        image = oci.image(ONE)
        entries = [image, oci.list({**image, "size": 5})]
    else:
        right = oci.blob(ONE, LAYER)
        kind = {"schemaVersion": 2, "mediaType": MANIFEST, "config": oci.blob(b"{}", CONFIG)}
        entries = [oci.document({**kind, "layers": [each]}) for each in (right, {**right, "size": 5})]
    oci.index(*entries[::order])
    layout = read(oci, form, tmp_path)
    assert len(layout.problems) == 1
    assert layout.problems[0].endswith("bytes, and its descriptor says 5")
    if what == "manifest":
        (leaf,) = {each.state for each in layout.platforms}
        assert leaf == "damaged"
    else:
        assert [blob.state for blob in layout.blobs if blob.digest == digest_of(ONE)] == ["damaged"]


def test_blobs_of_folders_are_hashed_on_request_and_those_of_archives_unless_refused(tmp_path: Path) -> None:
    """Edge case 58."""
    oci = Oci()
    oci.index(oci.image(ONE, TWO))
    oci.files[f"blobs/sha256/{hex_of(TWO)}"] = TWO[:-1] + b"!"
    folder, archive = oci.folder(tmp_path), oci.archive()
    assert lc.read_layout(folder).complete
    assert lc.read_layout(io.BytesIO(archive), verify=False).complete
    for layout in (lc.read_layout(folder, verify=True), lc.read_layout(io.BytesIO(archive))):
        assert layout.blobs[2].state == "damaged"
        assert layout.problems == (f"blobs/sha256/{hex_of(TWO)}: its content does not hash to its name",)


def test_a_document_that_does_not_hash_to_its_name_is_never_used(form: str, tmp_path: Path) -> None:
    oci = Oci()
    image = oci.image(ONE)
    oci.index(image)
    content = oci.files[path_of(image)]
    assert isinstance(content, bytes)
    oci.files[path_of(image)] = content.replace(b"[", b"[ ")
    for verify in (None, False, True):
        layout = read(oci, form, tmp_path, verify=verify)
        assert (layout.platforms[0].state, len(layout.blobs)) == ("damaged", 0)
        assert "does not hash to its name" in layout.problems[0]


def test_attestations_are_no_platforms_of_their_image(form: str, tmp_path: Path) -> None:
    oci = Oci()
    image = oci.image(ONE, platform={"os": "linux", "architecture": "amd64"})
    statement = oci.image(
        TWO,
        media_type="application/vnd.in-toto+json",
        platform={"os": "unknown", "architecture": "unknown"},
        annotations={"vnd.docker.reference.type": "attestation-manifest"},
    )
    oci.index(oci.list(image, statement))
    layout = read(oci, form, tmp_path)
    assert [each.kind for each in layout.platforms] == ["image", "attestation"]
    assert layout.images[0].platforms == 1


def test_layers_listed_directly_in_an_index_are_blobs(form: str, tmp_path: Path) -> None:
    """Edge case 34, as BuildKit's older caches have them."""
    oci = Oci()
    cache = oci.list(oci.blob(ONE, LAYER), oci.blob(b"{}", "application/vnd.buildkit.cacheconfig.v0"))
    oci.index(cache)
    layout = read(oci, form, tmp_path)
    assert layout.digests == [digest_of(ONE), digest_of(b"{}")]
    assert (layout.images[0].kind, layout.images[0].blobs) == ("index", 2)


def test_layers_that_are_not_to_be_distributed_may_be_absent(form: str, tmp_path: Path) -> None:
    """Edge case 64: they are neither missing nor rows."""
    oci = Oci()
    foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": oci.blob(b"{}", CONFIG),
        "layers": [
            {**GONE, "mediaType": foreign, "urls": ["https://example.com/"]},
            oci.blob(ONE, LAYER),
        ],
    }
    oci.index(oci.document(manifest))
    layout = read(oci, form, tmp_path)
    assert (layout.complete, layout.missing) == (True, [])
    assert [blob.foreign for blob in layout.blobs] == [False, True, False]
    assert GONE["digest"] not in layout.digests
    assert lc.plan(layout).rows == 2


def test_a_layer_that_one_image_may_push_and_another_may_not_counts(form: str, tmp_path: Path) -> None:
    oci = Oci()
    foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    oci.index(oci.image(ONE, media_type=foreign), oci.image(ONE, TWO))
    assert [blob.foreign for blob in read(oci, form, tmp_path).blobs] == [False, False, False, False]


def test_parts_with_unusable_digests_have_a_place_and_a_reason_and_the_others_stay(
    form: str, tmp_path: Path
) -> None:
    """Edge cases 30 and 35."""
    oci = Oci()
    bad = {
        "sha512:" + "ab" * 64: "not a sha256",
        "sha256:" + "AB" * 32: "upper-case",
        "sha256:ab": "malformed",
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": oci.blob(b"{}", CONFIG),
        "layers": [*({"mediaType": LAYER, "digest": each, "size": 1} for each in bad), oci.blob(ONE, LAYER)],
    }
    image = oci.document(manifest)
    oci.index({**image, **named("v1")})
    layout = read(oci, form, tmp_path)
    assert [blob.state for blob in layout.blobs] == ["present", "present"]
    assert (layout.complete, layout.images[0].damaged) == (False, 3)
    for problem, (text, reason) in zip(layout.problems, bad.items(), strict=True):
        assert problem.startswith(f"{path_of(image)}, byte ")
        assert reason in problem
        assert text[:80] in problem
    plan = lc.plan(layout)
    assert (plan.rows, plan.invalid) == (5, 3)
    assert [reject.kind for reject in plan.rejects] == [
        "unsupported_algorithm",
        "not_canonical",
        "wrong_length",
    ]
    assert plan.rejects[0].message.startswith("v1, layer 1 (row 1), offset 0: ")


def test_nested_indexes_are_followed_eight_deep(form: str, tmp_path: Path) -> None:
    for levels, state in ((7, "present"), (8, "unreadable")):
        oci = Oci()
        inner = oci.image(ONE)
        for _ in range(levels):
            inner = oci.list(inner)
        oci.index(inner)
        layout = read(oci, form, tmp_path / str(levels))
        assert [each.state for each in layout.platforms] == [state]
    assert "8 deep" in layout.problems[0]


def test_an_index_that_names_itself_or_a_child_twice_ends(form: str, tmp_path: Path) -> None:
    """Edge cases 12 and 13. A document cannot hold its own digest, so only `index.json` may lie."""
    oci = Oci()
    image = oci.image(ONE)
    index = oci.list(image, image)
    oci.index(index, oci.list(index, image, index))
    layout = read(oci, form, tmp_path)
    assert [image.platforms for image in layout.images] == [1, 1]
    content = oci.files["index.json"]
    assert isinstance(content, bytes)
    oci.files[f"blobs/sha256/{hex_of(content)}"] = content
    oci.files["index.json"] = json.dumps(
        {"manifests": [{"mediaType": INDEX, "digest": digest_of(content), "size": len(content)}]}
    ).encode()
    assert read(oci, form, tmp_path / "again").images[0].platforms == 1


@pytest.mark.parametrize("manifests", [[], None], ids=str)
def test_an_empty_index_is_complete(manifests: list[Json] | None, form: str, tmp_path: Path) -> None:
    """Edge case 15."""
    oci = Oci()
    oci.files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()
    layout = read(oci, form, tmp_path)
    assert (layout.images, layout.complete) == ((), True)


def test_schema_1_manifests_are_read_by_their_payload(form: str, tmp_path: Path) -> None:
    """Edge case 31: a signed manifest is stored under the hash of what was signed."""
    from base64 import urlsafe_b64encode

    oci = Oci()
    blob = oci.blob(ONE, LAYER)["digest"]
    payload = json.dumps({"schemaVersion": 1, "fsLayers": [{"blobSum": blob}] * 2}, indent=3).encode()
    kept = payload.removesuffix(b"\n}")
    tail = urlsafe_b64encode(b"\n}").rstrip(b"=").decode()
    header = urlsafe_b64encode(json.dumps({"formatLength": len(kept), "formatTail": tail}).encode())
    signed = kept + b',\n   "signatures": [{"protected": "' + header.rstrip(b"=") + b'"}]\n}'
    oci.files[f"blobs/sha256/{hex_of(payload)}"] = signed
    media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    for size in (len(signed), len(payload)):
        oci.index({"mediaType": media_type, "digest": digest_of(payload), "size": size})
        layout = read(oci, form, tmp_path / str(size))
        assert (layout.complete, layout.problems) == (True, ())
    assert (layout.images[0].kind, layout.images[0].blobs) == ("schema1", 1)
    assert layout.digests == [blob]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{\xff", "not UTF-8"),
        (b"{", "ends early"),
        (b"<html>", "not JSON"),
        (b"{}", "neither a manifest nor an index"),
        (b'{"layers": [], "manifests": []}', "two kinds at once"),
        (b'{"layers": 7}', "another value in place of a list"),
        (b" " * (4 << 20) + b"{}", "4 MiB"),
        (b'{"layers": ' + b"[" * 50 + b"]" * 50 + b"}", "nested too deep"),
        (b'{"layers": [' + b"0," * 100_000 + b"0]}", "more than 100,000 parts"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_documents_that_cannot_be_read_are_unreadable_with_the_reason(
    content: bytes, reason: str, form: str, tmp_path: Path
) -> None:
    oci = Oci()
    oci.index(oci.blob(content, MANIFEST), oci.image(ONE))
    layout = read(oci, form, tmp_path)
    assert [each.state for each in layout.platforms] == ["unreadable", "present"]
    assert reason in layout.problems[0]
    assert layout.digests[1:] == [digest_of(ONE)]


def test_unknown_files_beside_a_layout_do_not_matter(form: str, tmp_path: Path) -> None:
    oci = Oci()
    oci.index(oci.image(ONE))
    oci.files |= {"README": b"hello", "blobs/sha512/ab": b"x", "blobs/sha256/short": b"x", "ingest/y": b"{}"}
    assert read(oci, form, tmp_path).complete


def test_a_manifest_alone_says_what_it_names(tmp_path: Path) -> None:
    oci = Oci()
    index, amd, _ = two_platforms(oci)
    manifest, listing = oci.files[path_of(amd)], oci.files[path_of(index)]
    assert isinstance(manifest, bytes)
    assert isinstance(listing, bytes)
    (tmp_path / "manifest").write_bytes(manifest)
    layout = lc.read_layout(tmp_path / "manifest")
    assert (layout.form, layout.images[0].digest) == ("manifest", amd["digest"])
    assert [blob.state for blob in layout.blobs] == ["unknown"] * 3
    assert (layout.missing, layout.problems) == ([], ())
    assert lc.read_layout(tmp_path / "manifest", blobs=_blobs(oci, tmp_path)).complete
    layout = lc.read_layout(io.BytesIO(listing))
    assert [each.state for each in layout.platforms] == ["unknown", "unknown"]
    assert layout.missing == []


def _blobs(oci: Oci, tmp_path: Path) -> Path:
    return oci.index().folder(tmp_path / "blobs-of-it")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "it has no index.json"),
        ({"manifest.json": b"[]"}, "unpacked archive of docker save; pack it again, with: tar -C"),
        ({"etc/passwd": b"", "usr/x": b"", "bin/sh": b""}, "root file system of a container"),
        ({"index.json": b""}, "index.json: not a manifest or an index: it ends early"),
        ({"index.json": b"[]"}, "index.json: not a manifest or an index: it is not a JSON object"),
        ({"index.json": b" " * ((4 << 20) + 1)}, "index.json: larger than the 4 MiB of a manifest"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_folder_that_is_no_layout_is_an_error_that_says_what_it_looks_like(
    files: dict[str, bytes], message: str, tmp_path: Path
) -> None:
    """Edge case 70."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(lc.LayoutError) as caught:
        lc.read_layout(tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_pipe_or_a_folder_in_the_place_of_a_document_is_not_opened(tmp_path: Path) -> None:
    oci = Oci()
    image, index = oci.image(ONE), oci.image(TWO)
    oci.index(image, index)
    folder = oci.folder(tmp_path)
    (folder / path_of(image)).unlink()
    os.mkfifo(folder / path_of(image))
    (folder / path_of(index)).unlink()
    (folder / path_of(index)).mkdir()
    layout = lc.read_layout(folder)
    assert [each.state for each in layout.platforms] == ["damaged", "damaged"]
    assert all("not a regular file" in problem for problem in layout.problems)
    (folder / "index.json").unlink()
    os.mkfifo(folder / "index.json")
    with pytest.raises(lc.LayoutError, match="not a regular file"):
        lc.read_layout(folder)


def test_a_path_that_does_not_exist_is_an_oserror_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        lc.read_layout(tmp_path / "nowhere")
    assert caught.value.filename == str(tmp_path / "nowhere")
