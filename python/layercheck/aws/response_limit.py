"""Limits the length and the time of a response body, so that no answer fills the memory or never ends.

botocore reads the body of an answer to its end, whatever its length, and its read timeout starts again with
every byte that arrives. layercheck therefore wraps the HTTP session of a client that it creates. The same
session sends the request, but leaves the body unread, and the wrapper reads the body with a length limit and
a deadline.

The wrapped attribute (`client._endpoint.http_session`) is private to botocore. If it is missing, botocore
reads the body, and the run's deadline per call ends an endless one. The documented way, a `before-send`
handler, needs the same private session to send with. It would also send when another handler, such as moto's
in-process mock, has answered already, because botocore runs all handlers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from layercheck.aws.content_encoding import decoded

CHUNK_BYTES = 1 << 16

IMAGE_OPERATIONS = (".BatchGetImage", ".DescribeImages", ".DescribeRepositories", ".ListImages")
"""How the header `X-Amz-Target` of operations ends whose answers may be large."""

TOO_LONG = "the body of the answer is longer than"
"""Stands in the error of an answer that was too long."""


class _HttpSession(Protocol):
    def send(self, request: Any) -> Any: ...
    def close(self) -> None: ...


class ReadBody:
    """A raw body for botocore's `AWSResponse`, whose `stream` returns bytes that were already read."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        """The whole body at once."""
        yield self._body


class BoundedSession:
    """botocore's HTTP session with a limit on the bodies that it returns.

    Args:
        inner: The session that sends; it keeps its proxies, TLS settings and pool.
        limit_bytes: Longest body accepted; an answer for 100 layers is about 21 kB.
        image_limit_bytes: The same for operations that list or read images.
        deadline_s: Longest time for the body, counted from the headers.
    """

    def __init__(
        self, inner: _HttpSession, *, limit_bytes: int, image_limit_bytes: int, deadline_s: float
    ) -> None:
        self.inner = inner
        self._limit_bytes = limit_bytes
        self._image_limit_bytes = image_limit_bytes
        self._deadline_s = deadline_s

    def send(self, request: Any) -> Any:
        """Sends the request and reads its body within the limits.

        Raises:
            botocore.exceptions.HTTPClientError: The body was too long, too slow or cut short. The call then
                counts as a transient failure, and the connection is closed.
        """
        from botocore.awsrequest import AWSResponse

        limit_bytes = self._image_limit_bytes if _is_about_images(request) else self._limit_bytes
        request.stream_output = True  # tells the inner session to leave the body unread
        response = self.inner.send(request)
        try:
            body = self._read(response.raw, response.headers, request.url, limit_bytes)
        except BaseException:
            # A connection with unread bytes cannot be reused.
            response.raw.close()
            raise
        finally:
            response.raw.release_conn()
        body = decoded(body, response.headers.get("content-encoding", ""), limit_bytes=limit_bytes)
        return AWSResponse(response.url, response.status_code, response.headers, ReadBody(body))

    def close(self) -> None:
        """Close the session's connections."""
        self.inner.close()

    def _read(self, raw: Any, headers: Any, url: str, limit_bytes: int) -> bytes:
        from botocore.exceptions import HTTPClientError, ReadTimeoutError, ResponseStreamingError

        announced = headers.get("content-length", "")
        expected = int(announced) if announced.isascii() and announced.isdigit() else None
        too_long = HTTPClientError(error=f"{TOO_LONG} {limit_bytes:,} bytes")
        if expected is not None and expected > limit_bytes:
            raise too_long
        # One network read at a time, so that the deadline is checked between reads, because `read(n)` loops
        # until it has n bytes. urllib3 before 2.2 has no `read1`.
        read = getattr(raw, "read1", None) or raw.read
        deadline = time.monotonic() + self._deadline_s
        parts: list[bytes] = []
        length = 0
        while part := self._read_some(read, url):
            parts.append(part)
            length += len(part)
            if length > limit_bytes:
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


def _is_about_images(request: Any) -> bool:
    """Whether a request is of an operation that lists or reads images, by the header that names it."""
    operation = request.headers.get("X-Amz-Target", "")
    text = operation.decode("latin-1") if isinstance(operation, bytes) else str(operation)
    return text.endswith(IMAGE_OPERATIONS)


def bound_bodies(client: Any, *, limit_bytes: int, image_limit_bytes: int, deadline_s: float) -> bool:
    """Wraps the session of a client that layercheck created, before any thread uses the client.

    Returns:
        False if the installed botocore has no such session; then the client is unchanged.
    """
    endpoint = getattr(client, "_endpoint", None)
    inner: Any = getattr(endpoint, "http_session", None)
    if endpoint is None or not callable(getattr(inner, "send", None)):
        return False
    endpoint.http_session = BoundedSession(
        inner, limit_bytes=limit_bytes, image_limit_bytes=image_limit_bytes, deadline_s=deadline_s
    )
    return True
