"""One server for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fake_account import digests
from layercheck.shard import opening
from layercheck.testing import Layer, LocalEcr

HELD = digests(40)
"""The server has the digests with an even number, and every fifth of them is archived."""


@pytest.fixture(scope="module")
def ecr() -> Iterator[LocalEcr]:
    layers = {
        digest: Layer(availability="ARCHIVED" if at % 10 == 0 else "AVAILABLE")
        for at, digest in enumerate(HELD)
        if at % 2 == 0
    }
    with LocalEcr({"app": layers}, region_name=None) as server:
        yield server


@pytest.fixture
def new_worker() -> None:
    """Make this process a worker without the session of another test."""
    opening._SESSIONS.forget()
