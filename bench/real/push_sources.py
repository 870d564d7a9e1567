"""Layouts and archives to push, made by umoci, skopeo and buildah."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent.parent / "tests" / "data" / "images"
_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def umoci_layout(folder: Path) -> Path:
    """A layout with the images `base` of two layers and `app`, which has these and one more."""
    layout = folder / "umoci"
    _run("umoci", "init", "--layout", layout)
    _run("umoci", "new", "--image", f"{layout}:base")
    for name, size, tag in (
        ("system", 3_000_000, "base"),
        ("runtime", 700_000, "base"),
        ("app", 90_000, "app"),
    ):
        content = folder / name
        content.mkdir()
        (content / f"{name}.bin").write_bytes(_bytes(name, size))
        _run("umoci", "insert", "--rootless", "--image", f"{layout}:base", "--tag", tag, content, f"/{name}")
    _run("umoci", "gc", "--layout", layout)
    return layout


def unpacked_layout(folder: Path) -> Path:
    """The layout of two platforms that buildah made."""
    layout = folder / "buildah-index"
    with tarfile.open(DATA / "buildah-index-oci-layout.tar.gz") as archive:
        archive.extractall(layout, filter="data")
    return layout


def archive(folder: Path, name: str) -> Path:
    """An archive of `tests/data/images`, without its gzip, which skopeo does not take for all of them."""
    path = folder / name.removesuffix(".gz")
    path.write_bytes(gzip.decompress((DATA / name).read_bytes()))
    return path


def with_foreign_layer(layout: Path, folder: Path) -> Path:
    """The image `base` of a layout as another layout, whose first layer is not to be distributed."""
    manifest = json.loads(blob_path(layout, descriptor(layout, "base")["digest"]).read_text())
    manifest["layers"][0] |= {"mediaType": _FOREIGN, "urls": ["https://layers.example/system.tar.gz"]}
    made = folder / "foreign"
    (made / "blobs" / "sha256").mkdir(parents=True)
    (made / "oci-layout").write_text((layout / "oci-layout").read_text())
    for part in (manifest["config"], manifest["layers"][1]):
        blob_path(made, part["digest"]).write_bytes(blob_path(layout, part["digest"]).read_bytes())
    content = json.dumps({"mediaType": _MANIFEST, **manifest}).encode()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    blob_path(made, digest).write_bytes(content)
    named = {"org.opencontainers.image.ref.name": "base"}
    entry = {"mediaType": _MANIFEST, "digest": digest, "size": len(content), "annotations": named}
    (made / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return made


def changed_copy(layout: Path, folder: Path, name: str) -> tuple[Path, Path]:
    """A copy of a layout, and the file of the first layer of its image `app`, to be changed."""
    made = folder / name
    _run("cp", "-R", layout, made)
    manifest = json.loads(blob_path(made, descriptor(made, "app")["digest"]).read_text())
    return made, blob_path(made, manifest["layers"][0]["digest"])


def descriptor(layout: Path, tag: str) -> dict[str, Any]:
    """The entry of a tag in index.json."""
    entries: list[dict[str, Any]] = json.loads((layout / "index.json").read_text())["manifests"]
    (found,) = (
        entry for entry in entries if entry["annotations"]["org.opencontainers.image.ref.name"] == tag
    )
    return found


def blob_path(layout: Path, digest: str) -> Path:
    """The path of a blob in a layout."""
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _bytes(seed: str, size: int) -> bytes:
    """Bytes that no compression shortens, always the same."""
    return hashlib.shake_128(seed.encode()).digest(size)


def _run(*command: str | Path) -> None:
    """Run a command; raise an error that shows its standard error if it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed with {done.returncode}: {done.stderr.strip()}")
