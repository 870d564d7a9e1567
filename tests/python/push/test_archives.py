"""Archives as sources: cases 56, 57, 59 and 67 of the design, as far as they are about the plan."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import layercheck as lc

from .conftest import Plan
from .layouts import Layout, digest_of, layer
from .registry import Repo


def tar_of(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


PLAIN = [tar_of({f"file{number}": bytes(5000 * (number + 1))}) for number in range(2)]
CONFIG = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": []}}).encode()


def docker_save(layers: list[bytes], suffix: str = "/layer.tar", tag: str = "team/app:v1") -> bytes:
    """An archive of docker save as before version 25, or of kaniko with another suffix."""
    config = hashlib.sha256(CONFIG).hexdigest()
    names = [f"{hashlib.sha256(each).hexdigest()}{suffix}" for each in layers]
    entry = {"Config": f"{config}.json", "RepoTags": [tag], "Layers": names}
    files = {f"{config}.json": CONFIG, **dict(zip(names, layers, strict=True))}
    return tar_of({**files, "manifest.json": json.dumps([entry]).encode()})


def test_plain_layers_are_compressed_under_a_digest_that_nobody_knows(
    plan: Plan, tmp_path: Path, repo: Repo
) -> None:
    """Case 56: the bytes are an upper bound, and the config is known."""
    path = tmp_path / "saved.tar"
    path.write_bytes(docker_save(PLAIN))
    repo.blobs = {digest_of(CONFIG): "AVAILABLE", digest_of(PLAIN[0]): "AVAILABLE"}
    made = plan(source=path, tag="v1")
    assert [row.action for row in made.rows] == ["compress", "compress", "skip", "upload"]
    first = made.rows[0]
    assert (first.digest, first.diff_id, first.size) == (None, digest_of(PLAIN[0]), len(PLAIN[0]))
    assert made.upload_bytes == (0, sum(map(len, PLAIN)))
    assert made.rows[-1].digest is None
    assert made.rows[-1].note == "the client writes it, so its digest is not known before"
    assert any("containerd" in note and "oci" in note for note in made.notes)
    assert made.calls["PutImage"] == (1, 1)


def test_a_taken_tag_cannot_be_compared_where_the_digest_is_not_known(
    plan: Plan, tmp_path: Path, repo: Repo
) -> None:
    """Cases 56 and 62."""
    path = tmp_path / "saved.tar"
    path.write_bytes(docker_save(PLAIN))
    repo.settings = {"imageTagMutability": "IMMUTABLE"}
    other = "sha256:" + "1" * 64
    repo.images[other], repo.tags["v1"] = "ACTIVE", other
    made = plan(source=path, tag="v1")
    assert (made.tag_state, made.blocked) == ("unknown", ())
    assert any("an immutable tag refuses any other image" in note for note in made.notes)


def test_compressed_layers_of_a_docker_archive_have_their_digests(
    plan: Plan, tmp_path: Path, repo: Repo
) -> None:
    """Case 57: kaniko and crane write gzipped layers, and names are not trusted."""
    path = tmp_path / "kaniko.tar"
    layers = [gzip.compress(each, mtime=0) for each in PLAIN]
    path.write_bytes(docker_save(layers, ".tar.gz"))
    repo.blobs[digest_of(layers[0])] = "AVAILABLE"
    made = plan(source=path)
    assert [(row.action, row.digest) for row in made.rows] == [
        ("skip", digest_of(layers[0])),
        ("upload", digest_of(layers[1])),
        ("upload", digest_of(CONFIG)),
        ("upload", None),
    ]
    assert [image.name for image in made.images] == ["team/app:v1"]


def test_an_index_over_plain_layers_is_written_anew(layout: Layout, plan: Plan) -> None:
    """Case 56: Docker 25 saves OCI documents beside plain layers; their digests are not those of the push."""
    media_type = "application/vnd.oci.image.layer.v1.tar"
    image = layout.image([layout.add(each, media_type) for each in PLAIN])
    index = layout.images([image], "v1")
    paths = [f"blobs/sha256/{digest_of(each)[7:]}" for each in PLAIN]
    config = layout.document(image["digest"])["config"]["digest"]
    entry = {"Config": f"blobs/sha256/{config[7:]}", "RepoTags": ["team/app:v1"], "Layers": paths}
    files = {
        str(path.relative_to(layout.folder)): path.read_bytes()
        for path in layout.folder.rglob("*")
        if path.is_file()
    }
    archive = tar_of({**files, "manifest.json": json.dumps([entry]).encode()})
    made = plan(source=io.BytesIO(archive))
    assert [row.action for row in made.rows] == ["compress", "compress", "upload", "upload", "upload"]
    assert made.rows[-1].role == "index"
    assert not {image["digest"], index["digest"]} & {row.digest for row in made.rows}
    exact = plan()
    assert [row.action for row in exact.rows] == ["upload"] * 5, "an OCI layout is pushed as it is"


@pytest.mark.parametrize("packed", [False, True], ids=["tar", "gz"])
def test_an_open_file_is_read_once_from_front_to_back(layout: Layout, plan: Plan, packed: bool) -> None:
    """Case 67."""
    layout.image([layer("base"), layer("app")], name="v1")
    files = {
        str(path.relative_to(layout.folder)): path.read_bytes()
        for path in sorted(layout.folder.rglob("*"))
        if path.is_file()
    }
    content = tar_of(files)
    made = plan(source=io.BytesIO(gzip.compress(content) if packed else content))
    assert [row.digest for row in made.rows] == [row.digest for row in plan().rows]
    assert made.source == "an open file"


def test_a_layout_that_was_read_is_planned_again_and_again(
    layout: Layout, plan: Plan, tmp_path: Path
) -> None:
    layout.image([layer("base"), layer("app")], name="v1")
    read = lc.read_layout(layout.folder)
    for made in (plan(source=read), plan(source=read)):
        assert (made.rows, made.source) == (plan().rows, str(layout.folder))
    for options in ({"blobs": tmp_path}, {"verify": True}, {"verify": False}):
        said = f"{next(iter(options))} is given with a layout that was read already; pass it to read_layout"
        with pytest.raises(lc.InvalidParameterError, match=said):
            plan(source=read, **options)


def test_what_is_no_image_is_an_error_of_one_line(plan: Plan, tmp_path: Path) -> None:
    """Case 70."""
    path = tmp_path / "digests.txt"
    path.write_text("sha256:" + "a" * 64)
    with pytest.raises(lc.LayoutError, match=r"digests\.txt") as caught:
        plan(source=path)
    assert "\n" not in str(caught.value)


def test_a_manifest_file_is_planned_as_if_its_blobs_were_there(
    layout: Layout, plan: Plan, repo: Repo
) -> None:
    image = layout.image([layer("base"), layer("app")], name="v1")
    repo.blobs[digest_of(layer("base"))] = "AVAILABLE"
    made = plan(source=layout.path(image["digest"]))
    assert [row.action for row in made.rows] == ["skip", "upload", "upload", "upload"]
    assert isinstance(made, lc.PushPlan)


def test_a_blob_of_another_size_counts_as_lacking(layout: Layout, plan: Plan) -> None:
    layout.image([layer("base"), layer("app")], name="v1")
    layout.path(digest_of(layer("app"))).write_bytes(b"cut")
    made = plan()
    (row,) = (row for row in made.rows if row.action == "lacking")
    assert row.digest == digest_of(layer("app"))
    assert row.note.startswith("damaged in the source")


def test_a_blob_of_another_content_counts_as_lacking_where_blobs_are_hashed(
    layout: Layout, plan: Plan, repo: Repo
) -> None:
    """Case 58: folders are hashed on request, and archives unless that is refused."""
    app = layer("app")
    layout.image([layer("base"), app], name="v1")
    layout.path(digest_of(app)).write_bytes(app[:-1] + b"!")
    archive = tar_of(
        {
            str(path.relative_to(layout.folder)): path.read_bytes()
            for path in layout.folder.rglob("*")
            if path.is_file()
        }
    )
    trusted = plan(), plan(verify=False), plan(source=io.BytesIO(archive), verify=False)
    assert [made.counts["lacking"] for made in trusted] == [0, 0, 0]
    for made in (plan(verify=True), plan(source=io.BytesIO(archive))):
        (row,) = (row for row in made.rows if row.action == "lacking")
        assert (row.digest, row.in_source) == (digest_of(app), False)
        assert row.note.startswith("damaged in the source")
        assert f"{digest_of(app)[7:]}: its content does not hash to its name" in " ".join(made.notes)
        assert (made.complete_source, made.bytes["upload"]) == (False, plan().bytes["upload"] - len(app))
    repo.blobs[digest_of(app)] = "AVAILABLE"
    assert plan(verify=True).complete_source, "what the target has is not sent"


def test_a_manifest_of_another_size_is_not_planned_as_an_upload(layout: Layout, plan: Plan) -> None:
    layout.list({**layout.image([layer("app")]), "size": 5}, "v1")
    made = plan()
    assert [row.action for row in made.rows if row.is_manifest] == ["lacking"]
    assert "and its descriptor says 5" in " ".join(made.notes)
