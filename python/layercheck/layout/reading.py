"""`read_layout`: a folder, an archive or a manifest -> a `Layout`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from layercheck.layout.layout import Layout
from layercheck.layout.watched import read_watched

if TYPE_CHECKING:
    from layercheck.inputs.content import BinaryFile


def read_layout(
    source: str | os.PathLike[str] | BinaryFile,
    *,
    blobs: str | os.PathLike[str] | None = None,
    verify: bool | None = None,
) -> Layout:
    """Read what an OCI layout, an archive of images or a manifest holds, and what it lacks, offline.

    The content tells what the source is, never its name:

    * a folder with `index.json` and `blobs`: an OCI image layout
    * the same packed by tar, as `skopeo copy ... oci-archive:FILE`, `docker buildx build -o type=oci` and
      `docker save` of Docker 25 and later write it
    * any other archive of `docker save`, `podman save`, kaniko, Bazel or `crane pull`: `manifest.json`, or
      `repositories` as Docker before 1.10 wrote it
    * one manifest, manifest list or index as JSON

    An archive may be gzip or zstd. It is read once, from front to back, and nothing is unpacked to disk. Its
    blobs are hashed on the way, so that memory does not grow with them; documents up to 4 MiB are kept.

    Args:
        source: The folder, the file, or an open binary file such as `sys.stdin.buffer`.
        blobs: A folder of blobs, `sha256/<hex>` in it, for what the source itself lacks, such as the shared
            blob directory of skopeo; another layout may serve as one.
        verify: True hashes all blobs. False trusts the names of blobs in OCI archives, which saves time.
            None hashes the blobs of archives, which are read anyway, and in folders compares sizes. Manifests
            and indexes are always hashed, and so is every file of an archive without an OCI index. What has
            another size than a descriptor says is damaged, whatever is chosen here.

    Returns:
        What the source holds.

    Raises:
        LayoutError: If it is none of these, or broken, cut short or beyond a limit. The message says where,
            and what the source looks like. It is a `ValueError` too.
        OSError: If it cannot be read. Exceptions of a file object pass through.

    Examples:
        >>> import io, json, layercheck as lc
        >>> layer = {"digest": "sha256:" + "ab" * 32, "size": 3_100_000}
        >>> layout = lc.read_layout(io.BytesIO(json.dumps({"schemaVersion": 2, "layers": [layer]}).encode()))
        >>> layout
        <Layout of a manifest: 1 image, 1 blob, 3 MB>
        >>> layout.blobs[0].state, layout.digests == [layer["digest"]]
        ('unknown', True)
    """
    return read_watched(source, blobs=blobs, verify=verify)
