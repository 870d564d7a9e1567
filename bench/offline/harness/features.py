"""Features that some cases need and some builds of layercheck lack."""

from __future__ import annotations

import functools


@functools.cache
def arrow_columns() -> str:
    """Why this build cannot plan an Arrow column; empty if it can."""
    import pyarrow as pa

    import layercheck as lc

    taken = lc.plan(pa.array(["sha256:" + "ab" * 32])).unique == 1
    return "" if taken else "this build of layercheck does not read Arrow columns"
