"""Skips informational answers (1xx) on botocore's connections, so that a call gets its final answer.

`http.client` skips only 100 Continue, any number of times, and takes 103 Early Hints for the answer. The
answer itself then stays on the connection, for the next call to read.
"""

from __future__ import annotations

import functools
import http.client
from typing import Any

MOST = 16
"""Most informational answers before the final one; the core takes as many (`src/http/response.rs`)."""


class FinalResponse(http.client.HTTPResponse):
    """A response that begins at the final status."""

    def _read_status(self) -> tuple[str, int, str]:
        # private to http.client, and overridden by botocore too
        for _ in range(MOST + 1):
            read: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if read[1] == 101:
                raise http.client.HTTPException("the other side switched protocols")
            if not 100 <= read[1] < 200:
                return read
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("too many informational answers")


def skip_informational(client: Any) -> bool:
    """Make the connections of a client that layercheck created skip informational answers.

    Returns:
        False if the installed botocore keeps its classes of connections elsewhere.
    """
    session = getattr(getattr(client, "_endpoint", None), "http_session", None)
    classes = getattr(session, "_pool_classes_by_scheme", None)
    if not isinstance(classes, dict):
        return False
    for scheme, pool in classes.items():
        classes[scheme] = _skipping(pool)
    return True


@functools.cache
def _skipping(pool: type[Any]) -> type[Any]:
    connection = type(pool.ConnectionCls.__name__, (pool.ConnectionCls,), {"response_class": FinalResponse})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})
