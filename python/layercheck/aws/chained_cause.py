"""The exception that a failure is chained to: without secrets, and without megabytes.

Python prints a chained exception with the traceback, and users read its `response`, so both are output too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from layercheck.redact import LOOKED_AT, clean, has_secret, is_secret_name, without_secrets

if TYPE_CHECKING:
    from layercheck._core import KnownSecrets

_TEXT_LIMIT = LOOKED_AT
"""Characters kept of one text of a response."""
_RESPONSE_LIMIT = 8 * LOOKED_AT
"""Characters kept of a whole response. An error of ECR has some 700, the headers included."""
_ITEMS_LIMIT = 200
"""Members kept of one object or list of a response; `http.client` takes 100 headers."""
_DEPTH_LIMIT = 8
"""Levels kept of a response; botocore's have three."""


def safe_cause(error: BaseException, known: KnownSecrets | None = None) -> BaseException:
    """The error itself, or a copy if its texts, its response or its chain hold a secret or are very long.

    The copy has no chain. `http.client` quotes a header that cannot be sent, for example a session token with
    a line end; botocore quotes the endpoint's URL with the password in it; and a decoding error holds the
    whole body.

    Args:
        error: The exception of a failed call.
        known: The secrets of the client.
    """
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    response = getattr(error, "response", None)
    if isinstance(error, ClientError) and isinstance(response, Mapping):
        safe = _Copier(known).copy(response)
        if safe == response and not _is_unsafe(error, known):
            return error
        return ClientError(safe, error.operation_name)
    if not _is_unsafe(error, known):
        return error
    if isinstance(error, BotoCoreError) and type(error).__module__ == BotoCoreError.__module__:
        return type(error)(**{name: clean(value, known=known) for name, value in error.kwargs.items()})
    return HTTPClientError(error=clean(error, known=known))


def _is_unsafe(error: BaseException, known: KnownSecrets | None) -> bool:
    chain: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in chain:
        chain.append(each)
        each = each.__cause__ or each.__context__
    return any(len(text) > LOOKED_AT or has_secret(text, known) for each in chain for text in _texts_of(each))


def _texts_of(error: BaseException) -> Iterator[str]:
    yield str(error)
    for value in (*error.args, *getattr(error, "kwargs", {}).values()):
        if isinstance(value, bytes | bytearray):
            yield value[: LOOKED_AT + 1].decode("latin-1")
        elif isinstance(value, str | BaseException):  # botocore keeps the exception of urllib3
            yield str(value)


class _Copier:
    """Copies a response within limits, without its secrets."""

    def __init__(self, known: KnownSecrets | None) -> None:
        self._known = known
        self._left = _RESPONSE_LIMIT

    def copy(self, value: Any, depth: int = 0) -> Any:
        """Return a copy that is equal to the value if nothing had to be left out."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping) and depth < _DEPTH_LIMIT:
            items = zip(range(_ITEMS_LIMIT), value.items(), strict=False)
            return {self._name(name): self._member(name, each, depth) for _, (name, each) in items}
        if isinstance(value, list | tuple) and depth < _DEPTH_LIMIT:
            return [self.copy(each, depth + 1) for each in value[:_ITEMS_LIMIT]]
        if isinstance(value, bytes | bytearray):
            value = value[: _TEXT_LIMIT + 1].decode("utf-8", "replace")
        return self._text(value if isinstance(value, str) else f"<{type(value).__name__}>")

    def _member(self, name: object, value: Any, depth: int) -> Any:
        if isinstance(value, str) and isinstance(name, str) and is_secret_name(name):
            return "***"
        return self.copy(value, depth + 1)

    def _name(self, name: object) -> object:
        return self._text(name) if isinstance(name, str) else name

    def _text(self, text: str) -> str:
        safe = without_secrets(text, max(0, min(_TEXT_LIMIT, self._left)), self._known)
        self._left -= len(safe)
        return safe
