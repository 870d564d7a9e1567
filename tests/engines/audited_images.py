"""The images that the engines check, the server that has them, and what a single process says about them."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

import layercheck as lc
from layercheck import shard
from layercheck.testing import ImageRule, LocalEcr

ACCOUNT = "123456789012"
REGION = "us-east-1"
LARGE = {f"team/{number}": ImageRule(40, layers=3, broken=number % 5, seed=number) for number in range(12)}
SMALL = {
    f"small/{number}": ImageRule(3, layers=2, broken=number % 2, seed=100 + number) for number in range(60)
}
REPOSITORIES: dict[str, Any] = {**LARGE, **SMALL, "empty": ()}
NAMES = sorted([*REPOSITORIES, "no/such"])
VOLATILE = ("listed_at", "pulled_at", "calls", "duration_ms", "pull_through")
"""Times, calls, and the rules of pull-through caches, which may be learned after a small repository."""
FAST = {"rate": 2_000, "image_rate": 2_000, "list_rate": 2_000}


class Lines(dict[str, "collections.Counter[str]"]):
    """The lines of each table, however often each is there; as text, only how many there are."""

    def __repr__(self) -> str:
        return str({name: sum(found.values()) for name, found in self.items()})


def image_server(**options: Any) -> LocalEcr:
    """A server that has the images and keeps every call."""
    return LocalEcr(REPOSITORIES, **{"log_calls": 1_000_000, **options})


def rows(names: list[str] = NAMES) -> pa.Table:
    """The repositories as a table."""
    return pa.table(
        {
            "registry_id": pa.array([None] * len(names), pa.string()),
            "region": [REGION] * len(names),
            "repository": names,
        }
    )


def lines_of(tables: Mapping[str, pa.Table]) -> Lines:
    """The lines of the tables, without times and numbers of calls."""
    found = Lines()
    for name in shard.IMAGE_TABLES:
        columns = [each for each in shard.image_table_schema(name).names if each not in VOLATILE]
        found[name] = collections.Counter(
            str([row[column] for column in columns]) for row in tables[name].to_pylist()
        )
    return found


def of_one_process(ecr: LocalEcr, names: list[str] = NAMES) -> Lines:
    """The lines that a single process finds."""
    report = lc.check_images(
        names,
        session=ecr.session(),
        region_name=REGION,
        endpoint_url=ecr.endpoint_url,
        rate="max",
        image_rate="max",
        list_rate="max",
    )
    return lines_of({name: report.to_arrow(name) for name in shard.IMAGE_TABLES})
