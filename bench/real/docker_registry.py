"""Debian's `docker-registry` on loopback: its access log says what was sent, its storage what it holds."""

from __future__ import annotations

import base64
import json
import queue
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import parse_qs, urlsplit

_CONFIG = """\
version: 0.1
log:
  accesslog:
    disabled: false
  level: info
storage:
  filesystem:
    rootdirectory: {storage}
http:
  addr: 127.0.0.1:0
validation:
  manifests:
    urls:
      allow: ['^https://layers\\.example/']
"""
_LISTENS = re.compile(r"listening on 127\.0\.0\.1:(\d+)")
_REQUEST = re.compile(r'"([A-Z]+) (\S+) HTTP/[0-9.]+" (\d+) \d+ "[^"]*" "([^"]*)"')
_MAC_BYTES = 32
"""An upload's state is a message authentication code, and then JSON (docker/distribution, `hmac.go`)."""
WAIT_S = 60.0
"""A line of the log that does not come in this time is an error. Nothing is measured by it."""


@dataclass(frozen=True, slots=True)
class Request:
    """A line of the access log."""

    method: str
    url: str
    status: int
    agent: str

    @property
    def path(self) -> str:
        """The URL without its query."""
        return urlsplit(self.url).path

    def query(self, name: str) -> str:
        """A value of the query; empty if there is none."""
        return parse_qs(urlsplit(self.url).query).get(name, [""])[0]

    @property
    def received(self) -> int:
        """The bytes that the registry had received of an upload when this request of it began."""
        state = self.query("_state")
        decoded = base64.urlsafe_b64decode(state + "=" * (-len(state) % 4))
        return int(json.loads(decoded[_MAC_BYTES:])["Offset"])


def parse(line: str) -> Request | None:
    """A request of the access log; None for another line."""
    found = _REQUEST.search(line)
    return None if found is None else Request(found[1], found[2], int(found[3]), found[4])


class DockerRegistry:
    """`with DockerRegistry(folder) as registry:` listens on a free port of 127.0.0.1 until the block ends.

    Attributes:
        address: Host and port.
    """

    def __init__(self, folder: Path) -> None:
        self._storage = folder / "storage"
        self._storage.mkdir(parents=True)
        config = folder / "registry.yml"
        config.write_text(_CONFIG.format(storage=self._storage))
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(
            ["docker-registry", "serve", str(config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        ports: queue.Queue[str | None] = queue.Queue()
        self._readers = [
            threading.Thread(target=_read, args=(self._process.stdout, self._lines), daemon=True),
            threading.Thread(target=_read, args=(self._process.stderr, ports), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        try:
            self.address = f"127.0.0.1:{_port(ports)}"
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()
        for reader in self._readers:
            reader.join()

    def requests(self, count: int) -> list[Request]:
        """The next requests of the access log; waits until so many were written."""
        found: list[Request] = []
        while len(found) < count:
            try:
                line = self._lines.get(timeout=WAIT_S)
            except queue.Empty:
                line = None
            if line is None:
                raise RuntimeError(f"the access log has {len(found)} requests, and the client made {count}")
            request = parse(line)
            if request is not None:
                found.append(request)
        return found

    def repositories(self) -> list[str]:
        """The names of the repositories in the storage."""
        root = self._v2 / "repositories"
        return sorted(str(path.parent.relative_to(root)) for path in root.glob("**/_layers"))

    def blobs(self, repository_name: str) -> dict[str, int]:
        """Configs and layers that the storage has in a repository: digest to bytes."""
        links = self._links(repository_name, "_layers/sha256/*/link")
        return {digest: self.content(digest).stat().st_size for digest in links}

    def manifests(self, repository_name: str) -> dict[str, bytes]:
        """Manifests and indexes that the storage has in a repository."""
        links = self._links(repository_name, "_manifests/revisions/sha256/*/link")
        return {digest: self.content(digest).read_bytes() for digest in links}

    def tags(self, repository_name: str) -> dict[str, str]:
        """Tag to digest, in a repository."""
        folder = self._v2 / "repositories" / repository_name / "_manifests" / "tags"
        return {path.parent.parent.name: path.read_text() for path in folder.glob("*/current/link")}

    def content(self, digest: str) -> Path:
        """The file of a blob or a manifest."""
        encoded = digest.removeprefix("sha256:")
        return self._v2 / "blobs" / "sha256" / encoded[:2] / encoded / "data"

    @property
    def _v2(self) -> Path:
        return self._storage / "docker" / "registry" / "v2"

    def _links(self, repository_name: str, pattern: str) -> Iterator[str]:
        folder = self._v2 / "repositories" / repository_name
        return (path.read_text() for path in sorted(folder.glob(pattern)))


def _read(file: IO[str], lines: queue.Queue[str | None]) -> None:
    for line in file:
        lines.put(line)
    lines.put(None)


def _port(lines: queue.Queue[str | None]) -> int:
    said: list[str] = []
    while (line := lines.get(timeout=WAIT_S)) is not None:
        said.append(line)
        found = _LISTENS.search(line)
        if found:
            return int(found[1])
    raise RuntimeError("docker-registry ended: " + "".join(said[-5:]).strip())
