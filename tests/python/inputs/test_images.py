"""Images as inputs of plan and check: layouts, archives and manifests, told by their content."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest

import layercheck as lc
from layercheck.testing import LocalEcr
from layout.archives import (
    Oci,
    config,
    digest_of,
    docker_1_10,
    kaniko,
    named,
    pack,
    packed_layer,
    path_of,
    plain_layer,
)

ONE, TWO = packed_layer("one"), packed_layer("two")


def layout() -> Oci:
    oci = Oci()
    return oci.index(oci.image(ONE, TWO, **named("v1")))


def manifest(indent: int | None = None) -> bytes:
    oci = Oci()
    content = oci.files[path_of(oci.image(ONE, TWO))]
    assert isinstance(content, bytes)
    return json.dumps(json.loads(content), indent=indent).encode()


EXPECTED = [digest_of(config(ONE, TWO)), digest_of(ONE), digest_of(TWO)]


def digests(plan: lc.Plan) -> list[str]:
    return [digest for batch in plan for digest in batch]


@pytest.mark.parametrize(
    "name", ["image.tar", "image.tar.gz", "image.tgz", "image", "image.txt", "image.jsonl"]
)
@pytest.mark.parametrize("content", ["archive", "gzip", "manifest", "indented", "kaniko"])
def test_a_path_to_images_is_an_input_whatever_its_name(name: str, content: str, tmp_path: Path) -> None:
    made = {
        "archive": layout().archive(),
        "gzip": gzip.compress(layout().archive()),
        "manifest": manifest(),
        "indented": manifest(indent=3),
        "kaniko": pack(kaniko(ONE, TWO, plain=(plain_layer("one"), plain_layer("two")))),
    }[content]
    path = tmp_path / name
    path.write_bytes(made)
    if content.startswith(("manifest", "indented")) and name.endswith((".tar", ".tgz", ".gz")):
        # The name says archive, and nobody would give it to a manifest.
        return
    plan = lc.plan(path)
    assert digests(plan)[1:] == EXPECTED[1:]
    with path.open("rb") as file:
        assert digests(lc.plan(file)) == digests(plan)
    assert (plan.rows, plan.invalid) == (3, 0)


def test_a_folder_is_an_input(tmp_path: Path) -> None:
    folder = layout().folder(tmp_path)
    assert digests(lc.plan(folder)) == EXPECTED
    assert digests(lc.plan(lc.read(folder))) == EXPECTED
    assert digests(lc.plan(lc.read_layout(folder))) == EXPECTED


def test_an_archive_in_a_pipe_is_an_input() -> None:
    class Pipe(io.RawIOBase):
        """A file that cannot seek, and gives what it has."""

        def __init__(self, content: bytes) -> None:
            self._file = io.BytesIO(content)

        def read(self, size: int = -1, /) -> bytes:
            return self._file.read(min(size, 1_000) if size >= 0 else -1)

    for content in (layout().archive(), gzip.compress(layout().archive()), manifest(indent=2)):
        assert digests(lc.plan(Pipe(content))) == EXPECTED


def test_a_large_archive_of_zstd_is_told_by_its_first_block(tmp_path: Path) -> None:
    import os

    import pyarrow as pa

    oci = Oci()
    oci.index(oci.image(os.urandom(1 << 20), ONE))
    packed = pa.compress(pack({"filler": os.urandom(200_000), **oci.files}), codec="zstd", asbytes=True)
    (tmp_path / "image").write_bytes(packed)
    assert lc.plan(tmp_path / "image").unique == 3


def test_a_column_or_another_format_asks_for_rows_and_not_for_images(tmp_path: Path) -> None:
    path = tmp_path / "layers.jsonl"
    path.write_bytes(json.dumps({"schemaVersion": 2, "layers": [], "digest": "sha256:" + "ab" * 32}).encode())
    assert lc.plan(lc.read(path, column="digest")).unique == 1
    assert lc.plan(lc.read(path, "csv")).unique == 0


def test_zeros_are_a_row_of_text_and_no_archive(tmp_path: Path) -> None:
    (tmp_path / "zeros").write_bytes(bytes(2_000))
    assert lc.plan(tmp_path / "zeros").invalid == 1


def test_json_lines_of_manifests_stay_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "layers.jsonl"
    path.write_bytes(manifest() + b"\n" + manifest())
    plan = lc.plan(path)
    assert plan.invalid == 2
    assert plan.hint == (
        "the rows are the text of an image manifest: give the file itself, with the manifest alone in it"
    )


def test_a_format_that_is_given_must_fit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(layout().archive())
    (tmp_path / "m").write_bytes(manifest())
    (tmp_path / "t").write_bytes(b"sha256:" + b"ab" * 32 + b"\n")
    assert digests(lc.plan(lc.read(tmp_path / "a", "layout"))) == EXPECTED
    assert digests(lc.plan(lc.read(tmp_path / "m", "manifest"))) == EXPECTED
    for name, forced, message in (
        ("a", "manifest", "this is an OCI archive, not a manifest"),
        ("m", "layout", "this is a manifest, not a layout"),
        ("t", "layout", "it looks like text"),
        ("t", "manifest", "it looks like text"),
    ):
        with pytest.raises(ValueError, match=message):
            lc.plan(lc.read(tmp_path / name, forced))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a layout has no columns"):
        lc.read(tmp_path / "a", "layout", column="digest")


def test_an_index_alone_has_no_rows_and_says_where_they_are(tmp_path: Path) -> None:
    oci = Oci()
    index = oci.list(oci.image(ONE), oci.image(TWO))
    content = oci.files[path_of(index)]
    assert isinstance(content, bytes)
    (tmp_path / "index.json").write_bytes(content)
    with pytest.raises(ValueError, match="the index names 2 manifests and no layers: give these manifests"):
        lc.plan(tmp_path / "index.json")
    oci.index(index)
    for name in [name for name in oci.files if name.startswith("blobs/") and name != path_of(index)]:
        del oci.files[name]
    with pytest.raises(ValueError, match="2 manifests are named and not in the layout"):
        lc.plan(io.BytesIO(oci.archive()))


def test_plain_layers_of_a_docker_archive_are_refused(tmp_path: Path) -> None:
    """Edge case 56."""
    (tmp_path / "app.tar").write_bytes(pack(docker_1_10(plain_layer("one"))))
    with pytest.raises(ValueError, match="1 layers are plain tars"):
        lc.plan(tmp_path / "app.tar")


def test_check_takes_images_and_the_rows_join_with_their_table(tmp_path: Path) -> None:
    folder = layout().folder(tmp_path)
    read = lc.read_layout(folder)
    with LocalEcr({"team/app": [EXPECTED[0], EXPECTED[2]]}) as ecr:
        for source in (read, folder):
            report = lc.check(source, "team/app", client=ecr.client())
            assert report.digests("unavailable") == [EXPECTED[1]]
    table = report.to_polars().join(read.to_polars("rows"), on="row")
    missing = table.filter(table["verdict"] == "unavailable").to_dicts()
    assert [(row["image"], row["platform"], row["role"], row["layer"]) for row in missing] == [
        ("v1", "linux/amd64", "layer", 1)
    ]
