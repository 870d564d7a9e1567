"""Digests as text by the standard library: one `hexlify` of all digests, then slices."""

from __future__ import annotations

import binascii
import hashlib
from typing import Any


def hex_encode(raw: Any) -> list[str]:
    whole = binascii.hexlify(raw).decode()
    return ["sha256:" + whole[place : place + 64] for place in range(0, len(whole), 64)]


def answer(texts: list[str]) -> str:
    return hashlib.sha256("".join(texts).encode()).hexdigest()
