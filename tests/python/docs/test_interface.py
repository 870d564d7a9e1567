"""A change of the public interface needs a line in the changelog."""

from __future__ import annotations

import importlib.util
import json
import sys
from types import ModuleType

import pytest

from docs.pages import ROOT

CHANGELOG = (
    "## [Unreleased]\n\n### Changed\n\n- An old line on `check` and `timeout_s`.\n\n## [0.1.0] - 2026-11-27\n"
)


@pytest.fixture(scope="module")
def rules() -> ModuleType:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        spec = importlib.util.spec_from_file_location("interface", ROOT / "docs" / "interface.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "docs"))
    return module


@pytest.fixture(scope="module")
def now(rules: ModuleType) -> dict[str, str]:
    found: dict[str, str] = rules.interface()
    return found


def test_every_change_of_the_interface_is_in_the_changelog(rules: ModuleType, now: dict[str, str]) -> None:
    kept = json.loads(rules.KEPT.read_text())
    assert rules.unexplained(kept, now, rules.CHANGELOG.read_text()) == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        pytest.param("layercheck.check(timeout_s)", None, "was removed", id="a removed parameter"),
        pytest.param(
            "layercheck.check(timeout_s)",
            "keyword-only: float | None = 60",
            "is no longer the same",
            id="a changed default",
        ),
        pytest.param(
            "layercheck.Report.counts",
            "property: dict[str, int]",
            "is no longer the same",
            id="a changed type",
        ),
        pytest.param(
            "layercheck check --colour", "type=String, names=['--colour']", "was added", id="a new option"
        ),
        pytest.param("layercheck check --fail-on", None, "was removed", id="a removed option"),
        pytest.param("table report: size", "number 3, int32", "is no longer the same", id="a column's type"),
        pytest.param("layercheck.newest", "function -> int", "was added", id="a new function"),
    ],
)
def test_a_change_without_a_new_line_is_named(
    rules: ModuleType, now: dict[str, str], name: str, value: str | None, told: str
) -> None:
    kept = {"changelog": [rules.fingerprint(line) for line in rules.unreleased(CHANGELOG)], "interface": now}
    changed = {**now, name: value} if value else {key: each for key, each in now.items() if key != name}
    (message,) = rules.unexplained(kept, changed, CHANGELOG)
    assert message.startswith(f"{name} {told} (")
    word = message.partition("name `")[2].partition("`")[0]
    explained = CHANGELOG.replace("\n\n## [0.1.0]", f"\n- Something about `{word}`.\n\n## [0.1.0]")
    assert rules.unexplained(kept, changed, explained) == []


def test_the_interface_has_parameters_options_and_columns(now: dict[str, str]) -> None:
    assert now["layercheck.check(timeout_s)"] == "keyword-only: float | None = None"
    assert now["layercheck.Checker.submit"].startswith("function -> ")
    assert "type=Choice" in now["layercheck check --format"]
    assert now["table report: digest"] == "number 1, string"
    assert not [name for name in now if "._" in name.replace("__version__", "")]
