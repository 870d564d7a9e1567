"""Decodes a body that a gateway compressed although nobody asked for it.

layercheck asks for `identity`, and so does botocore. Some gateways compress nevertheless, and botocore does
not decode.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

_MOST_ENCODINGS = 3
"""A body may be encoded several times; no gateway does so more than once."""


def content_encoding(headers: Iterable[tuple[str, str]]) -> str:
    """The value of `Content-Encoding`, joined with commas if it comes several times; empty without one."""
    return ",".join(value for name, value in headers if name.lower() == "content-encoding")


def decoded(body: bytes, encoding: str, *, limit_bytes: int) -> bytes:
    """The body without its encodings: gzip, deflate, and any number of `identity`.

    Args:
        body: The body as it came.
        encoding: The value of `Content-Encoding`.
        limit_bytes: Longest result, so that a short body does not fill the memory.

    Raises:
        botocore.exceptions.HTTPClientError: The result is too long, or cannot be decoded. The call then
            counts as a transient failure.
    """
    from botocore.exceptions import HTTPClientError, ResponseStreamingError

    names = [name.strip().lower() for name in encoding.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    # Some gateways decode a body and leave the header, so what is JSON already stays as it is.
    if not names or not body or body.startswith(b'{"'):
        return body
    if len(names) > _MOST_ENCODINGS or not {*names} <= {"gzip", "x-gzip", "deflate"}:
        raise ResponseStreamingError(error="the body has an encoding that was not asked for")
    for name in reversed(names):
        try:
            body = _inflated(body, name, limit_bytes + 1)
        except zlib.error as error:
            raise ResponseStreamingError(error=f"the body is not {name}: {error}") from error
        if len(body) > limit_bytes:
            raise HTTPClientError(error=f"the body of the answer is longer than {limit_bytes:,} bytes")
    return body


def _inflated(body: bytes, name: str, at_most: int) -> bytes:
    """Up to `at_most` bytes of the content.

    Raises:
        zlib.error: The body is not in this format, ends too early, or has bytes behind its end.
    """
    if name == "deflate":
        # By RFC 9110 with the header of zlib, which some servers leave out.
        with_header = body[0] & 0x0F == 8 and (body[0] << 8 | body[1] if len(body) > 1 else 1) % 31 == 0
        window = zlib.MAX_WBITS if with_header else -zlib.MAX_WBITS
    else:
        window = 16 + zlib.MAX_WBITS
    inflating = zlib.decompressobj(window)
    content = inflating.decompress(body, at_most)
    if len(content) < at_most and (not inflating.eof or inflating.unused_data):
        raise zlib.error("it ends too early" if not inflating.eof else "there are bytes behind its end")
    return content
