"""Digests as text by `bytes.hex`, one at a time."""

from __future__ import annotations

from typing import Any

from offline.contenders.hex_binascii import answer

__all__ = ["answer", "hex_encode", "ready_hex_encode"]


def ready_hex_encode(raw: Any) -> list[bytes]:
    return [digest.tobytes() for digest in raw]


def hex_encode(digests: list[bytes]) -> list[str]:
    return [f"sha256:{digest.hex()}" for digest in digests]
