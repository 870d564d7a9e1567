"""The ways in which web software writes a secret of a request into its answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote

PIECE = 16
"""Letters of a secret in a row that must not be shown, however they are spelled."""


def _percent_all(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def _wrapped(text: str, by: str) -> str:
    return by.join(text[at : at + 20] for at in range(0, len(text), 20))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "percent-encoded": lambda text: quote(text, safe=""),
    "percent-encoded in lower case": lambda text: quote(text, safe="").replace("%2F", "%2f"),
    "percent-encoded twice": lambda text: quote(quote(text, safe=""), safe=""),
    "every byte percent-encoded": _percent_all,
    "JSON": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "JSON, every character escaped": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "HTML": lambda text: text.replace("+", "&plus;").replace("=", "&#61;"),
    "HTML, every character escaped": lambda text: "".join(f"&#x{ord(char):X};" for char in text),
    "HTML with places to break": lambda text: _wrapped(text, "<wbr>"),
    "upper case": str.upper,
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "Base64 behind one byte": lambda text: base64.b64encode(b"?" + text.encode() + b"??").decode(),
    "Base64 behind two bytes": lambda text: base64.b64encode(b"??" + text.encode() + b"?").decode(),
    "Base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "wrapped": lambda text: _wrapped(text, "\r\n  "),
    "wrapped in JSON": lambda text: _wrapped(text, "\\n"),
    "table cells": lambda text: _wrapped(text, '","'),
    "bytes of Python": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "the middle of it": lambda text: text[len(text) // 4 : -len(text) // 4],
}


def shown(secret: str, output: str) -> Iterator[str]:
    """Yield the names of the spellings of `secret` of which a piece is in `output`."""
    for name, spell in SPELLINGS.items():
        spelled = spell(secret)
        # Of a spelling that is longer than the secret, a longer piece. A shorter one may be there by chance.
        length = max(PIECE, -(-PIECE * len(spelled) // len(secret)))
        pieces = [spelled[at : at + length] for at in range(0, len(spelled) - length + 1, length)]
        if any(piece in output for piece in pieces):
            yield name
