"""A small ECR endpoint with answers scripted in Python, independent of `LocalEcr`.

It speaks AWS JSON 1.1 over the standard library's threaded HTTP server, knows one repository, and a test
decides the reply to each request.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TARGETS = (
    "AmazonEC2ContainerRegistry_V20150921.BatchCheckLayerAvailability",
    "SpencerFrontendService.BatchCheckLayerAvailability",
)


@dataclass(frozen=True)
class Asked:
    """One request, as the server received it."""

    number: int
    digests: tuple[str, ...]
    repository: str
    registry: str | None
    headers: dict[str, str]
    at: float
    client: str = ""
    body: bytes = b""


@dataclass
class Reply:
    """What the server sends; `body` may be an endless iterator of blocks."""

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    reset: bool = False


Script = Callable[[Asked], Reply]


def answer(layers: list[dict[str, Any]], failures: list[dict[str, Any]] | None = None) -> Reply:
    """An answer with these entries."""
    return Reply(body=json.dumps({"layers": layers, "failures": failures or []}).encode())


def fault(code: str, message: str = "", status: int = 400) -> Reply:
    """An error response in the form of the service."""
    return Reply(status, json.dumps({"__type": code, "message": message}).encode())


def held(digests: tuple[str, ...] | list[str]) -> Reply:
    """An answer in which a digest is available if its last hex digit is even."""
    return answer([layer(each) for each in digests])


def is_held(digest: str) -> bool:
    return int(digest[-1], 16) % 2 == 0


def layer(digest: str) -> dict[str, Any]:
    if is_held(digest):
        return {
            "layerDigest": digest,
            "layerAvailability": "AVAILABLE",
            "layerSize": 4096,
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
        }
    return {"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}


def good(asked: Asked) -> Reply:
    return held(asked.digests)


class ScriptedServer:
    """`with ScriptedServer(script) as server:` serves on `server.url` until the block ends.

    `clock_s` is how many seconds the server's clock, which the header `Date` shows, is ahead.
    """

    def __init__(self, script: Script = good, *, any_target: bool = False) -> None:
        self.script = script
        self.any_target = any_target
        self.asked: list[Asked] = []
        self.times: Counter[str] = Counter()
        self.most_at_once = 0
        self.stopping = threading.Event()
        self.clock_s = 0.0
        self._at_once = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                outer._serve(self)

            def date_time_string(self, timestamp: float | None = None) -> str:
                now = time.time() + outer.clock_s if timestamp is None else timestamp
                return formatdate(now, usegmt=True)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                pass  # some tests end the client in the middle of a reply

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def digests_asked(self) -> set[str]:
        return set(self.times)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        payload = json.loads(body)
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            asked = Asked(
                len(self.asked),
                tuple(payload.get("layerDigests", ())),
                payload.get("repositoryName", ""),
                payload.get("registryId"),
                {key.lower(): value for key, value in handler.headers.items()},
                time.monotonic(),
                "{}:{}".format(*handler.client_address),
                body,
            )
            self.asked.append(asked)
            self.times.update(asked.digests)
        try:
            if not self.any_target and asked.headers.get("x-amz-target") not in TARGETS:
                reply = fault("UnknownOperationException")
            else:
                reply = self.script(asked)
        finally:
            with self._lock:
                self._at_once -= 1
        self._send(handler, reply)

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.reset:
            linger = struct.pack("ii", 1, 0)  # close with RST and not with FIN
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.close_connection = True
            handler.connection.close()
            return
        handler.send_response(reply.status)
        handler.send_header("Content-Type", "application/x-amz-json-1.1")
        handler.send_header("x-amzn-RequestId", "00000000-0000-0000-0000-000000000000")
        for key, value in reply.headers.items():
            handler.send_header(key, value)
        if isinstance(reply.body, bytes):
            length = len(reply.body) if reply.length is None else reply.length
            handler.send_header("Content-Length", str(length))
            handler.end_headers()
            handler.wfile.write(reply.body)
            handler.close_connection = handler.close_connection or length != len(reply.body)
            return
        if reply.length is not None:
            handler.send_header("Content-Length", str(reply.length))
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        for block in reply.body:
            if self.stopping.is_set():
                return
            handler.wfile.write(block)
            handler.wfile.flush()
