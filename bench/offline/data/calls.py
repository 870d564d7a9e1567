"""Many calls to a local endpoint: the input of the contenders, and the answer to compare."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import boto3

from offline.data.answer_bodies import asked

CODES = {"AVAILABLE": 1, "UNAVAILABLE": 2, "ARCHIVED": 3}
REPOSITORY = "app"


@dataclass(frozen=True)
class Calls:
    """The digests to ask for, the endpoint, and the number of calls in flight."""

    digests: list[str]
    endpoint_url: str
    in_flight: int

    @classmethod
    def of(cls, source: dict[str, Any]) -> Calls:
        return cls(asked(source["calls"] * 100), source["endpoint_url"], source["in_flight"])


def session() -> boto3.Session:
    """A session with invented credentials, because the local endpoint does not verify signatures."""
    return boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1")


def answer(codes: bytes) -> dict[str, Any]:
    """The answer from the verdicts, one byte a digest, in order."""
    return {
        "digests": len(codes),
        "there": codes.count(CODES["AVAILABLE"]),
        "verdicts": hashlib.sha256(codes).hexdigest(),
    }
