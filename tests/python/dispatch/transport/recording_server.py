"""A server that keeps the bytes of each request, and knows every digest as available."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from typing import Self

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


class RecordingServer:
    """`with RecordingServer() as server:` serves on `server.url` until the block ends.

    Attributes:
        requests: Head and body of each request, as they came.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[bytes, bytes]] = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                while head := self._head():
                    found = _LENGTH.search(head)
                    assert found is not None
                    body = self.rfile.read(int(found[1]))
                    outer.requests.append((head, body))
                    entries = [
                        {"layerDigest": each, "layerAvailability": "AVAILABLE"}
                        for each in json.loads(body)["layerDigests"]
                    ]
                    answer = json.dumps({"layers": entries, "failures": []}).encode()
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)

            def _head(self) -> bytes:
                lines = [self.rfile.readline()]
                while lines[-1] not in (b"\r\n", b""):
                    lines.append(self.rfile.readline())
                return b"".join(lines) if lines[-1] else b""

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
