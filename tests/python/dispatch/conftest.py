"""Fixtures of the tests of dispatch."""

from collections.abc import Iterator

import pytest

from dispatch.gate import Gate


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A script that answers seven calls and holds the others back until the test ends."""
    gate = Gate(free=7)
    yield gate
    gate.opened.set()
