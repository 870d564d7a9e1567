"""Compares push plans with what `skopeo copy` really skips, mounts and uploads, blob by blob.

The registry is Debian's `docker-registry` on a free port of 127.0.0.1. A `LocalEcr` holds exactly the blobs,
manifests and tags that the storage of the registry has, and the plan is made against it. Then skopeo pushes
the same source to the registry. Its debug lines and the registry's access log tell what was sent. Each source
is planned and pushed twice: after the first push, nothing is to be uploaded.

The exit code is 1 if a plan and a push differ.

Needs `skopeo`, `umoci` and `docker-registry` in PATH, as Debian's packages of these names have them. The
package `docker-registry` starts a service, so unpack it where none is wanted: `apt-get download
docker-registry` and `dpkg-deb --extract docker-registry_*.deb FOLDER`.

    python bench real.push_plans
    python bench real.push_plans --keep
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import layercheck as lc
from layercheck.testing import LocalEcr
from real import push_sources
from real.docker_registry import DockerRegistry
from real.skopeo import Pushed, copy

RESULT = Path(__file__).parent.parent / "results" / "push_plans.json"
TARGET = "team/app"
TAG = "v1"


@dataclass(frozen=True)
class Source:
    """What is pushed.

    Attributes:
        path: The layout or the archive.
        skopeo: The same, as skopeo names it.
        options: What `push_plan` is told beside it.
        copy_options: What `skopeo copy` is told beside it.
    """

    path: Path
    skopeo: str
    options: dict[str, Any] = field(default_factory=dict)
    copy_options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A source, and what was pushed before.

    Attributes:
        name: What it is.
        source: Makes the source.
        before: Makes what is pushed before: repository and source of each.
        mount_from: Repositories to mount from.
        fails: Whether the push cannot succeed.
    """

    name: str
    source: Callable[[Sources], Source]
    before: Callable[[Sources], tuple[tuple[str, Source], ...]] = lambda _: ()
    mount_from: tuple[str, ...] = ()
    fails: bool = False


class Sources:
    """Makes the sources in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._umoci = push_sources.umoci_layout(folder)
        self._index = push_sources.unpacked_layout(folder)

    def umoci(self, tag: str) -> Source:
        """An image of the layout that umoci made: `base`, or `app` with the layers of `base` and one more."""
        return _of_layout(self._umoci, tag)

    def index(self) -> Source:
        """An index of two platforms."""
        return Source(self._index, f"oci:{self._index}", copy_options=("--all",))

    def platform(self) -> Source:
        """One platform of the index."""
        arm = ("--override-arch", "arm64", "--override-os", "linux")
        return Source(self._index, f"oci:{self._index}", {"platforms": "linux/arm64"}, arm)

    def archive(self, transport: str, name: str) -> Source:
        """An archive of `tests/data/images`."""
        path = push_sources.archive(self._folder, name)
        return Source(path, f"{transport}:{path}")

    def foreign(self) -> Source:
        """An image with a layer that is not to be distributed."""
        return _of_layout(push_sources.with_foreign_layer(self._umoci, self._folder), "base")

    def lacking(self, name: str) -> Source:
        """The image `app` without the file of its first layer."""
        layout, layer = push_sources.changed_copy(self._umoci, self._folder, name)
        layer.unlink()
        return _of_layout(layout, "app")

    def damaged(self) -> Source:
        """The image `app`, of whose first layer one byte is another."""
        layout, layer = push_sources.changed_copy(self._umoci, self._folder, "damaged")
        content = layer.read_bytes()
        layer.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        return _of_layout(layout, "app", verify=True)


def _of_layout(layout: Path, tag: str, **options: Any) -> Source:
    return Source(layout, f"oci:{layout}:{tag}", {"image": tag, **options})


CASES = (
    Case("an image, nothing there", lambda made: made.umoci("app")),
    Case(
        "an image whose base is there",
        lambda made: made.umoci("app"),
        lambda made: ((TARGET, made.umoci("base")),),
    ),
    Case(
        "an image whose base is in another repository",
        lambda made: made.umoci("app"),
        lambda made: (("team/base", made.umoci("base")),),
        mount_from=("team/base",),
    ),
    Case("an index of two platforms, nothing there", lambda made: made.index()),
    Case(
        "an index of which one platform is there",
        lambda made: made.index(),
        lambda made: ((TARGET, made.platform()),),
    ),
    Case("one platform of an index", lambda made: made.platform()),
    Case(
        "an OCI archive of skopeo",
        lambda made: made.archive("oci-archive", "umoci-skopeo-oci-archive.tar.gz"),
    ),
    Case(
        "an OCI archive of buildah with zstd layers",
        lambda made: made.archive("oci-archive", "buildah-zstd-oci-archive.tar.gz"),
    ),
    Case(
        "a docker archive of skopeo",
        lambda made: made.archive("docker-archive", "skopeo-docker-archive.tar.gz"),
    ),
    Case(
        "a docker archive of buildah",
        lambda made: made.archive("docker-archive", "buildah-docker-archive.tar.gz"),
    ),
    Case("a layer that is not to be distributed", lambda made: made.foreign()),
    Case(
        "a layer that only the registry has",
        lambda made: made.lacking("lacking"),
        lambda made: ((TARGET, made.umoci("base")),),
    ),
    Case("a layer that nobody has", lambda made: made.lacking("lacking everywhere"), fails=True),
    Case("a layer with another content, verified", lambda made: made.damaged(), fails=True),
)


def planned(source: Source, registry: DockerRegistry, mount_from: Sequence[str]) -> lc.PushPlan:
    """The plan of a push against a `LocalEcr` that holds what the registry holds."""
    with LocalEcr([TARGET]) as ecr:
        if mount_from:
            ecr.set_account_setting("BLOB_MOUNTING", "ENABLED")
        for name in registry.repositories():
            ecr.put(name, registry.blobs(name))
            tags: dict[str, list[str]] = {}
            for tag, digest in registry.tags(name).items():
                tags.setdefault(digest, []).append(tag)
            # ECR refuses an index before its images.
            documents = sorted(registry.manifests(name).items(), key=lambda each: b'"manifests"' in each[1])
            for digest, content in documents:
                ecr.put_image(name, content, tags.get(digest, ()), digest=digest)
        return lc.push_plan(
            source.path,
            TARGET,
            tag=TAG,
            mount_from=mount_from,
            session=ecr.session(),
            endpoint_url=ecr.endpoint_url,
            **source.options,
        )


def differences(plan: lc.PushPlan, pushed: Pushed) -> Iterator[str]:
    """Where a plan and the push of the same source differ, action by action."""
    yield from pushed.disagreements
    compressed = pushed.uploaded.keys() - _digests(plan, "upload")
    wanted = plan.counts["compress"]
    if not wanted and compressed:
        yield f"uploaded without being planned: {sorted(compressed)}"
    if wanted and len(compressed) != wanted:
        yield f"{wanted} blobs are to be compressed, {len(compressed)} of unknown digest were uploaded"
    for action, really in (
        ("skip", pushed.skipped),
        ("upload", pushed.uploaded.keys() - compressed),
        ("mount", pushed.mounted),
    ):
        digests = _digests(plan, action)
        if digests != really:
            yield f"planned to {action}: {sorted(digests)}, really: {sorted(really)}"
    touched = pushed.skipped | pushed.uploaded.keys() | pushed.mounted
    if touched & _digests(plan, "external"):
        yield "a blob was sent or looked for that a push leaves out by its media type"
    sent = sum(size for digest, size in pushed.uploaded.items() if digest not in compressed)
    if sent != plan.bytes["upload"]:
        yield f"{plan.bytes['upload']:,} bytes are planned, the registry received {sent:,}"
    total = sum(pushed.uploaded.values())
    if not plan.upload_bytes.least <= total <= plan.upload_bytes.most:
        yield f"{plan.upload_bytes} bytes are planned, the registry received {total:,}"


def failure_differences(plan: lc.PushPlan, pushed: Pushed) -> Iterator[str]:
    """Where a plan and a push differ that cannot succeed."""
    lacking = plan.digests("lacking")
    if len(lacking) != 1:
        yield f"lacking in the plan: {lacking}; one was taken away"
    if not pushed.failed:
        yield "skopeo pushed an image of which a layer is lacking"
    if pushed.manifests:
        yield "skopeo put the manifest of an image of which a layer is lacking"
    if pushed.uploaded.keys() & set(lacking):
        yield "skopeo uploaded what is lacking in the plan"


def stored_differences(
    plan: lc.PushPlan, pushed: Pushed, registry: DockerRegistry, before: tuple[set[str], set[str]]
) -> Iterator[str]:
    """Where a plan and the storage of the registry after the push differ."""
    blobs, manifests = registry.blobs(TARGET), registry.manifests(TARGET)
    tagged = registry.tags(TARGET)
    put = {tagged.get(name, name) for name in pushed.manifests}
    new = manifests.keys() - before[1]
    documents = {row.digest: row.action for row in plan.rows if row.is_manifest}
    # Blobs that are compressed anew are sent again, because their digests are not known before.
    if blobs.keys() - before[0] != (pushed.uploaded.keys() | pushed.mounted) - before[0]:
        yield "the storage has other new blobs than those that were uploaded or mounted"
    for digest, size in pushed.uploaded.items():
        if blobs.get(digest) != size:
            yield f"{digest}: {size} bytes were received, {blobs.get(digest)} are stored"
    if None in documents:
        if len(new) > 1:
            yield f"one manifest of unknown digest is planned, new are {sorted(new)}"
        return
    if new != {digest for digest, action in documents.items() if action == "upload"}:
        yield f"new manifests are {sorted(new)}, planned are {documents}"
    if put != documents.keys():
        yield f"manifests were put: {sorted(put)}, planned are {documents}"


def _digests(plan: lc.PushPlan, action: str) -> set[str]:
    return {
        row.digest
        for row in plan.rows
        if row.action == action and not row.is_manifest and row.digest is not None
    }


def compare(case: Case, sources: Sources, folder: Path) -> Iterator[dict[str, Any]]:
    """Plan and push a case, twice, in a registry of its own."""
    with DockerRegistry(folder) as registry:
        memory = folder / "memory"
        memory.mkdir()
        for name, source in case.before(sources):
            done = copy(source.skopeo, registry, name, "base", memory=memory, options=source.copy_options)
            if done.failed:
                raise RuntimeError(f"{case.name}: {done.failed}")
        source = case.source(sources)
        for step in ("before",) if case.fails else ("before", "after"):
            if not case.mount_from:
                # With what it remembers, skopeo mounts and substitutes blobs, which a plan is not told.
                memory = folder / f"memory {step}"
                memory.mkdir()
            stored = set(registry.blobs(TARGET)), set(registry.manifests(TARGET))
            plan = planned(source, registry, case.mount_from)
            pushed = copy(source.skopeo, registry, TARGET, TAG, memory=memory, options=source.copy_options)
            if case.fails:
                wrong = list(failure_differences(plan, pushed))
            else:
                wrong = [f"skopeo failed: {pushed.failed}"] if pushed.failed else []
                wrong += [*differences(plan, pushed), *stored_differences(plan, pushed, registry, stored)]
                if step == "after" and not plan.counts["compress"] and not plan.nothing_to_do:
                    wrong.append("all was pushed, and the plan has something to do")
            yield {
                "case": case.name,
                "step": step,
                "plan": {action: count for action, count in plan.counts.items() if count},
                "plan_manifests": {action: count for action, count in plan.manifest_counts.items() if count},
                "plan_upload_bytes": list(plan.upload_bytes),
                "skipped": len(pushed.skipped),
                "uploaded": len(pushed.uploaded),
                "mounted": len(pushed.mounted),
                "received_bytes": sum(pushed.uploaded.values()),
                "manifests_put": len(pushed.manifests),
                "failed": bool(pushed.failed),
                "differences": wrong,
            }


def versions() -> dict[str, str]:
    """The versions of everything that takes part."""
    tools = {
        name: subprocess.run([name, "--version"], check=True, capture_output=True, text=True).stdout.strip()
        for name in ("skopeo", "umoci", "docker-registry")
    }
    found = {name: said.split()[-1] for name, said in tools.items()}
    return {"layercheck": lc.__version__, "python": platform.python_version(), **found}


def main() -> int:
    """Compare all cases; return 1 if any plan and push differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", action="store_true", help=f"write {RESULT.name} into bench/results")
    chosen = parser.parse_args()
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="layercheck-push-") as name:
        folder = Path(name)
        (folder / "sources").mkdir()
        sources = Sources(folder / "sources")
        for number, case in enumerate(CASES):
            for line in compare(case, sources, folder / str(number)):
                lines.append(line)
                print(f"{line['case']}, {line['step']} the push")
                print(
                    f"  plan    {line['plan']}, {line['plan_upload_bytes']} bytes, {line['plan_manifests']}"
                )
                really = {name: line[name] for name in ("skipped", "uploaded", "mounted", "received_bytes")}
                print(f"  skopeo  {really}, {line['manifests_put']} manifests{', failed' * line['failed']}")
                for wrong in line["differences"]:
                    print(f"  WRONG   {wrong}", file=sys.stderr)
    wrong = sum(len(line["differences"]) for line in lines)
    print(f"{len(lines)} plans, {wrong} differences")
    if chosen.keep:
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        document = {"case": "push plans", "date": today, "versions": versions(), "plans": lines}
        RESULT.write_text(json.dumps(document, indent=2) + "\n")
        print(f"result written to {RESULT.name}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
