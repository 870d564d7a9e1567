"""Invented credentials, and digests to ask for."""

import hashlib

SECRET = "MARKER/secret+key=" + "s" * 22
TOKEN = "MARKER-session-token-" + "t" * 40


def digests(count: int) -> list[str]:
    """`count` different digests."""
    return ["sha256:" + hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)]
