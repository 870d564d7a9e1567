"""What `skopeo copy` skips, mounts and uploads, by its debug lines and by the registry's access log."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from real.docker_registry import DockerRegistry, Request

_SENT = re.compile(r'msg="(?:GET|HEAD|POST|PATCH|PUT) http://')
_SKIPPED = re.compile(r"Skipping blob (sha256:[0-9a-f]{64}) \(already present\)")
_UPLOADED = re.compile(r"Upload of layer (sha256:[0-9a-f]{64}) complete")
_EXISTS = "... already exists"
_INHERITED = ("PATH", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Pushed:
    """What one `skopeo copy` did.

    Attributes:
        skipped: Blobs that the registry said it has, so that nothing of them was sent.
        uploaded: Blobs that were sent: digest to the bytes that the registry received.
        mounted: Blobs that the registry took from another repository.
        manifests: Manifests that were put, by what follows `manifests/` in their path.
        failed: The last line of skopeo if it failed; else empty.
        disagreements: Where skopeo's debug lines and the registry's access log differ.
    """

    skipped: frozenset[str] = frozenset()
    uploaded: dict[str, int] = field(default_factory=dict)
    mounted: frozenset[str] = frozenset()
    manifests: frozenset[str] = frozenset()
    failed: str = ""
    disagreements: tuple[str, ...] = ()


def copy(
    source: str,
    registry: DockerRegistry,
    repository_name: str,
    tag: str,
    *,
    memory: Path,
    options: Sequence[str] = (),
) -> Pushed:
    """Copy an image to the registry, and tell what was sent.

    Args:
        source: The image, as skopeo names it.
        registry: Where it goes.
        repository_name: The repository.
        tag: The tag.
        memory: The folder of skopeo's cache, which remembers where blobs are, so that it can mount them.
        options: More options of `skopeo copy`.
    """
    command = ["skopeo", "--debug", "--insecure-policy", "copy", "--dest-tls-verify=false", *options]
    # skopeo takes a user's cache instead of that of the machine if it believes that it runs as a user.
    env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    env |= {"HOME": str(memory), "XDG_DATA_HOME": str(memory), "_CONTAINERS_ROOTLESS_UID": "1000"}
    done = subprocess.run(
        [*command, source, f"docker://{registry.address}/{repository_name}:{tag}"],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    lines = (done.stdout + done.stderr).splitlines()
    requests = registry.requests(sum(bool(_SENT.search(line)) for line in lines))
    return read(requests, lines, repository_name, failed=done.returncode != 0)


def read(
    requests: Iterable[Request], lines: Sequence[str], repository_name: str, *, failed: bool = False
) -> Pushed:
    """What the requests of one copy and the debug lines of skopeo say."""
    blobs, manifests = f"/v2/{repository_name}/blobs/", f"/v2/{repository_name}/manifests/"
    there: list[str] = []
    uploaded: dict[str, int] = {}
    mounted: set[str] = set()
    put: set[str] = set()
    for request in requests:
        is_upload = request.path.startswith(f"{blobs}uploads/")
        match request.method, request.status:
            case "HEAD", 200 if request.path.startswith(blobs):
                there.append(request.path.removeprefix(blobs))
            case "PUT", 201 if is_upload:
                uploaded[request.query("digest")] = request.received
            case "POST", 201 if is_upload and request.query("mount"):
                mounted.add(request.query("mount"))
            case "PUT", 201 if request.path.startswith(manifests):
                put.add(request.path.removeprefix(manifests))
    # A layer of two platforms is sent for the first, and is there for the second.
    skipped = frozenset(there) - uploaded.keys() - mounted
    return Pushed(
        skipped,
        uploaded,
        frozenset(mounted),
        frozenset(put),
        (lines[-1] if lines else "no output") if failed else "",
        tuple(_disagreements(lines, there, uploaded, mounted)),
    )


def _disagreements(
    lines: Sequence[str], there: Sequence[str], uploaded: Iterable[str], mounted: Iterable[str]
) -> list[str]:
    found = []
    said = {match[1] for line in lines if (match := _UPLOADED.search(line))}
    if said != set(uploaded):
        found.append(f"skopeo says that it uploaded {sorted(said)}, the log has {sorted(uploaded)}")
    reused = {match[1] for line in lines if (match := _SKIPPED.search(line))}
    if not reused <= {*there, *mounted}:
        found.append(f"skopeo skipped {sorted(reused)}, of which the log does not have all")
    exists = sum(_EXISTS in line for line in lines)
    # Before a mount, skopeo looks into the other repository, which the log has under another path.
    if not len(there) <= exists <= len(there) + len(set(mounted)):
        found.append(f'skopeo has {exists} lines "already exists", the log says so {len(there)} times')
    return found
