"""Audits on Spark: `make bench-spark`, or `python bench engines.spark [PART ...] [--keep]`.

Six parts, against `LocalEcr` in a process of its own, on clusters of real executors on this machine:

* `rate`: what the server counts in every second for 1, 2, 4 and 8 askers, with one of them killed on the way.
* `slice`: the same for a slice of four minutes, 4 askers, one of them killed.
* `deaths`: calls made twice if a Python worker, an executor or the driver is killed, for 1 and 8 slices.
* `overhead`: a million digests at 1,000 calls a second, beside one process.
* `sql`: preparation and join, beside Spark's own SQL, with what each shuffles.
* `script`: a client of boto3 for each partition in `mapInArrow`, beside an audit.

It runs in the environment of Spark, and needs the modules of `tests/engines` on the path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyspark

from engines import spark_deaths, spark_peers, spark_rate
from engines.audit_rounds import WHOLE_SLICE, measure

RESULT = Path(__file__).parent.parent / "results" / "spark.json"
PARTS: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
    "rate": spark_rate.rate,
    "slice": partial(spark_rate.rate, **WHOLE_SLICE),
    "deaths": spark_deaths.deaths,
    "overhead": spark_peers.overhead,
    "sql": spark_peers.sql,
    "script": spark_peers.script,
}


if __name__ == "__main__":
    measure("pyspark", pyspark.__version__, RESULT, PARTS)
