"""A layout to push, and a registry to push it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import layercheck as lc

from .layouts import Layout
from .registry import Registry, Repo

Plan = Callable[..., lc.PushPlan]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


@pytest.fixture
def repo() -> Repo:
    """The repository `team/app`."""
    return Repo()


@pytest.fixture
def registry(repo: Repo) -> Iterator[Registry]:
    with Registry(team__app=repo).serve() as serving:
        yield serving


@pytest.fixture
def plan(layout: Layout, registry: Registry) -> Plan:
    """`layercheck.push_plan` of the layout to the repository."""

    def make(repository_name: str = "team/app", **options: Any) -> lc.PushPlan:
        target: dict[str, Any] = {"session": registry.session(), "endpoint_url": registry.url}
        return lc.push_plan(options.pop("source", layout.folder), repository_name, **target | options)

    return make


def actions(made: lc.PushPlan) -> dict[str | None, str]:
    """Digest to action."""
    return {row.digest: row.action for row in made.rows}
