"""What gateways add to an answer: informational answers and a compression that nobody asked for."""

from __future__ import annotations

import gzip
import json
import socketserver
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest

import layercheck as lc
from dispatch.scripted_server import Asked, Reply, ScriptedServer, fault, good
from dispatch.transport.conftest import by_transport, checked, table
from layercheck.dispatch.transport.selection import TransportName

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"


class HintingServer:
    """An ECR endpoint that sends bytes in front of each answer, over connections that it keeps."""

    def __init__(self, before: bytes) -> None:
        self.asked = 0
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while self.rfile.readline():
                    length = 0
                    while (line := self.rfile.readline()) not in (b"", b"\r\n"):
                        name, _, value = line.partition(b":")
                        length = int(value) if name.lower() == b"content-length" else length
                    digests = tuple(json.loads(self.rfile.read(length))["layerDigests"])
                    outer.asked += 1
                    body = good(Asked(0, digests, "", None, {}, 0.0)).body
                    assert isinstance(body, bytes)
                    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                    self.wfile.write(before + head + body)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def expected() -> Iterator[list[dict[str, Any]]]:
    with ScriptedServer() as server:
        yield table(checked(server.url, "plain"))


@by_transport
@pytest.mark.parametrize(
    "before",
    [HINTS, CONTINUE, HINTS * 2 + PROCESSING + CONTINUE * 3, HINTS * 16],
    ids=["103", "100", "several", "sixteen"],
)
def test_informational_answers_are_skipped(
    transport: TransportName, before: bytes, expected: list[dict[str, Any]]
) -> None:
    with HintingServer(before) as server:
        report = checked(server.url, transport)
        assert table(report) == expected
        assert (report.stats.retries, server.asked) == (0, 8)


@by_transport
@pytest.mark.parametrize(
    "before", [HINTS * 17, b"HTTP/1.1 101 Switching Protocols\r\n\r\n"], ids=["endless", "switching"]
)
def test_informational_answers_without_end_are_no_answer(transport: TransportName, before: bytes) -> None:
    with HintingServer(before) as server:
        try:
            report: Any = checked(server.url, transport, max_in_flight=1)
        except lc.EndpointError as error:
            report = error.report
    assert report.counts["available"] == report.counts["unavailable"] == 0


def deflated(body: bytes) -> bytes:
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return raw.compress(body) + raw.flush()


ENCODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", deflated),
    "twice": ("deflate, gzip", lambda body: gzip.compress(zlib.compress(body))),
    "identity": ("identity", bytes),
    "undone on the way": ("gzip", bytes),
    "undone on the way, unknown": ("br", bytes),
}


@by_transport
@pytest.mark.parametrize(("name", "encode"), ENCODINGS.values(), ids=ENCODINGS)
def test_a_compression_that_nobody_asked_for_is_undone(
    transport: TransportName,
    name: str,
    encode: Callable[[bytes], bytes],
    expected: list[dict[str, Any]],
) -> None:
    def script(asked: Asked) -> Reply:
        body = good(asked).body
        assert isinstance(body, bytes)
        return Reply(body=encode(body), headers={"Content-Encoding": name})

    with ScriptedServer(script) as server:
        report = checked(server.url, transport)
        assert table(report) == expected
        assert report.stats.retries == 0
        assert all(asked.headers["accept-encoding"] == "identity" for asked in server.asked)


@by_transport
def test_a_compressed_error_is_read_too(transport: TransportName) -> None:
    def script(_: Asked) -> Reply:
        error = fault("RepositoryNotFoundException", "The repository does not exist")
        assert isinstance(error.body, bytes)
        return Reply(error.status, gzip.compress(error.body), {"Content-Encoding": "gzip"})

    with ScriptedServer(script) as server, pytest.raises(lc.RepositoryNotFoundError, match="does not exist"):
        checked(server.url, transport)


BAD: dict[str, tuple[str, bytes]] = {
    "a bomb": ("gzip", gzip.compress(b"[" + b" " * 50_000_000)),
    "a bomb in a bomb": ("gzip, gzip", gzip.compress(gzip.compress(b" " * 50_000_000))),
    "cut short": ("gzip", gzip.compress(b'{"layers": [], "failures": []}')[:-9]),
    "bytes behind it": ("gzip", gzip.compress(b'{"layers": []}') + b"more"),
    "not gzip": ("gzip", b"\x1f\x8bmore"),
    "not deflate": ("deflate", b"\xff"),
    "another encoding": ("br", b"\x0b\x02\x80"),
    "encoded without end": ("gzip," * 500, gzip.compress(b"{}")),
}


@by_transport
@pytest.mark.parametrize(("name", "body"), BAD.values(), ids=BAD)
def test_a_compression_that_cannot_be_undone_is_a_transient_failure(
    transport: TransportName, name: str, body: bytes, expected: list[dict[str, Any]]
) -> None:
    def script(asked: Asked) -> Reply:
        return Reply(body=body, headers={"Content-Encoding": name}) if asked.number == 0 else good(asked)

    with ScriptedServer(script) as server:
        report = checked(server.url, transport, max_in_flight=1)
    assert table(report) == expected
    assert report.stats.retries == 1
