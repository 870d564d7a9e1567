"""Bounded bodies: no answer may fill the memory or drip for ever.

botocore reads the body of an answer to its end, whatever its length, and its
read timeout starts anew with every byte that arrives. On a client of our own the
HTTP session is therefore wrapped: the same session sends the request and is asked
to leave the body unread, and the body is read here with a cap and a deadline.

The wrapped attribute (`client._endpoint.http_session`) is private to botocore;
where it is missing, the ordinary path remains, and the run's own deadline per call
is what ends it. The documented door, a `before-send` handler, needs the same
private session to send with, and would send even when another handler (moto's
in-process mock, for one) has answered already, because botocore runs them all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

CHUNK_BYTES = 1 << 16


class _HttpSession(Protocol):
    def send(self, request: Any) -> Any: ...
    def close(self) -> None: ...


class ReadBody:
    """What botocore's `AWSResponse` needs of a raw body: `stream`, here over bytes that are already read."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        """The whole body at once."""
        yield self._body


class BoundedSession:
    """botocore's HTTP session with a limit on the bodies it hands back.

    Args:
        inner: The session that really sends; proxies, TLS and pooling stay its own.
        limit_bytes: Longest body; an answer for 100 layers is about 21 kB.
        deadline_s: Longest time the body may take, from the headers on.
    """

    def __init__(self, inner: _HttpSession, *, limit_bytes: int, deadline_s: float) -> None:
        self.inner = inner
        self._limit_bytes = limit_bytes
        self._deadline_s = deadline_s

    def send(self, request: Any) -> Any:
        """Send the request and read its body within bounds.

        Raises:
            botocore.exceptions.HTTPClientError: The body was too long, too slow or cut short, so
                the call counts as a passing failure. The connection is closed.
        """
        from botocore.awsrequest import AWSResponse

        request.stream_output = True  # tells the inner session to leave the body unread
        response = self.inner.send(request)
        try:
            body = self._read(response.raw, response.headers, request.url)
        except BaseException:
            # The rest of the body is of no use, and a connection with unread bytes cannot be reused.
            response.raw.close()
            raise
        finally:
            response.raw.release_conn()
        return AWSResponse(response.url, response.status_code, response.headers, ReadBody(body))

    def close(self) -> None:
        """Close the session's connections."""
        self.inner.close()

    def _read(self, raw: Any, headers: Any, url: str) -> bytes:
        from botocore.exceptions import HTTPClientError, ReadTimeoutError, ResponseStreamingError

        announced = headers.get("content-length", "")
        expected = int(announced) if announced.isascii() and announced.isdigit() else None
        too_long = HTTPClientError(error=f"the body of the answer is longer than {self._limit_bytes:,} bytes")
        if expected is not None and expected > self._limit_bytes:
            raise too_long
        # One network read at a time, so that the clock is looked at between them; a plain `read(n)` loops
        # inside until it has n bytes. urllib3 before 2.2 has no `read1`.
        read = getattr(raw, "read1", None) or raw.read
        deadline = time.monotonic() + self._deadline_s
        parts: list[bytes] = []
        length = 0
        while part := self._read_some(read, url):
            parts.append(part)
            length += len(part)
            if length > self._limit_bytes:
                raise too_long
            if time.monotonic() > deadline:
                raise ReadTimeoutError(endpoint_url=url)
        if expected is not None and length < expected:
            raise ResponseStreamingError(error=f"the body ended after {length:,} of {expected:,} bytes")
        return b"".join(parts)

    @staticmethod
    def _read_some(read: Callable[[int], bytes], url: str) -> bytes:
        from botocore.exceptions import ReadTimeoutError, ResponseStreamingError
        from urllib3.exceptions import HTTPError
        from urllib3.exceptions import ReadTimeoutError as Urllib3ReadTimeoutError

        try:
            return read(CHUNK_BYTES)
        except Urllib3ReadTimeoutError as error:
            raise ReadTimeoutError(endpoint_url=url, error=error) from error
        except (HTTPError, OSError, ValueError) as error:
            raise ResponseStreamingError(error=error) from error


def bound_bodies(client: Any, *, limit_bytes: int, deadline_s: float) -> bool:
    """Put a `BoundedSession` into a client of our own, before any thread uses it.

    Returns:
        False if this botocore has no such session; the client is unchanged then.
    """
    endpoint = getattr(client, "_endpoint", None)
    inner: Any = getattr(endpoint, "http_session", None)
    if endpoint is None or not callable(getattr(inner, "send", None)):
        return False
    endpoint.http_session = BoundedSession(inner, limit_bytes=limit_bytes, deadline_s=deadline_s)
    return True
