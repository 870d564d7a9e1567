"""Makes a real image as an OCI layout from Debian packages, without a registry."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Each becomes one layer; they are small and have real content of several kinds.
PACKAGES = ("base-files", "libc6", "busybox-static", "tzdata", "ca-certificates")


@dataclass(frozen=True)
class Descriptor:
    """The entry of a blob in a manifest."""

    digest: str
    size: int
    media_type: str


@dataclass(frozen=True)
class Image:
    """The folder of the layout, and the parts of its image."""

    folder: Path
    manifest: Descriptor
    config: Descriptor
    layers: list[Descriptor]


def _run(*command: str | Path, folder: Path) -> str:
    """Run a command and return its output; raise an error that shows its standard error if it fails."""
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def build(folder: Path, packages: tuple[str, ...] = PACKAGES) -> Image:
    """Download packages with apt-get, unpack each into a root, and insert each root as a layer."""
    downloads, layout = folder / "packages", folder / "layout"
    downloads.mkdir()
    _run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *packages, folder=downloads)
    _run("umoci", "init", "--layout", layout, folder=folder)
    _run("umoci", "new", "--image", f"{layout}:latest", folder=folder)
    for package in packages:
        (archive,) = downloads.glob(f"{package}_*.deb")
        root = folder / package
        _run("dpkg-deb", "--extract", archive, root, folder=folder)
        _run("umoci", "insert", "--rootless", "--image", f"{layout}:latest", root, "/", folder=folder)
    _run("umoci", "gc", "--layout", layout, folder=folder)  # removes the manifests of the earlier steps
    return read(layout)


def read(layout: Path) -> Image:
    """Read the image of a layout from its files; skopeo must read the same manifest."""
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = json.loads(blob_path(layout, entry["digest"]).read_text())
    seen_by_skopeo = json.loads(_run("skopeo", "inspect", "--raw", f"oci:{layout}:latest", folder=layout))
    if seen_by_skopeo != manifest:
        raise RuntimeError("skopeo reads a different manifest from this layout than its files contain")
    return Image(
        layout,
        _descriptor(entry),
        _descriptor(manifest["config"]),
        [_descriptor(x) for x in manifest["layers"]],
    )


def blob_path(layout: Path, digest: str) -> Path:
    """The path of a blob in a layout."""
    algorithm, _, encoded = digest.partition(":")
    return layout / "blobs" / algorithm / encoded


def _descriptor(entry: dict[str, Any]) -> Descriptor:
    return Descriptor(entry["digest"], entry["size"], entry["mediaType"])
