"""What a release says of itself: one version, a changelog by categories, a workflow that trusts no tag."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from types import ModuleType

import pytest

import layercheck
from docs.pages import PAGES, ROOT

CARGO = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
WORKFLOW = (ROOT / ".github" / "workflows" / "release.yml").read_text()
CATEGORIES = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def changelog_mistakes(text: str) -> list[str]:
    """Where a changelog has another form than Keep a Changelog."""
    sections = re.findall(r"(?ms)^## (.*?)\n(.*?)(?=^## |\Z)", text)
    found = [] if sections and sections[0][0] == "[Unreleased]" else ["the first section is not [Unreleased]"]
    found += [
        f"{title}: not a version with its date"
        for title, _ in sections[1:]
        if not re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", title)
    ]
    numbers = [tuple(map(int, re.findall(r"\d+", title)[:3])) for title, _ in sections[1:]]
    if numbers != sorted(numbers, reverse=True):
        found.append("versions are not in order, the newest first")
    for title, body in sections:
        names = re.findall(r"(?m)^### (.*)$", body)
        if names != [name for name in CATEGORIES if name in names]:
            found.append(f"{title}: {names} are not the categories {CATEGORIES}, each once and in this order")
        lines = [line for line in body.splitlines() if line and not line.startswith(("### ", "- ", "  "))]
        found += [f"{title}: {line!r} is not in a list" for line in lines]
        empty = re.findall(r"(?m)^### (.*)\n+(?=###|\Z)", body)
        found += [f"{title}: {name} has no line" for name in empty]
    return found


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    assert changelog_mistakes((ROOT / "CHANGELOG.md").read_text()) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("# C\n\n## [0.1.0] - unreleased\n", "the first section", id="no Unreleased"),
        pytest.param("## [Unreleased]\n\n## [0.1.0]\n", "not a version with its date", id="no date"),
        pytest.param(
            "## [Unreleased]\n\n### Improved\n\n- A.\n", "are not the categories", id="another category"
        ),
        pytest.param(
            "## [Unreleased]\n\n### Fixed\n\n- A.\n\n### Added\n\n- B.\n", "in this order", id="order"
        ),
        pytest.param("## [Unreleased]\n\n### Added\n\nA new thing.\n", "is not in a list", id="prose"),
        pytest.param("## [Unreleased]\n\n### Added\n\n### Fixed\n\n- A.\n", "Added has no line", id="empty"),
        pytest.param(
            "## [Unreleased]\n\n## [0.1.0] - 2026-01-02\n\n## [0.2.0] - 2026-01-03\n",
            "newest first",
            id="old first",
        ),
    ],
)
def test_another_form_is_named(text: str, told: str) -> None:
    assert told in "\n".join(changelog_mistakes(text))


def test_every_place_with_the_version_has_that_of_cargo_toml() -> None:
    assert layercheck.__version__ == CARGO["version"]
    assert re.findall(r"(?m)^version: (.*)$", (ROOT / "CITATION.cff").read_text()) == [CARGO["version"]]
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    assert [each["version"] for each in locked if each["name"] == "layercheck"] == [CARGO["version"]]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" not in project
    assert project["dynamic"] == ["version"]
    assert CARGO["version"] not in (ROOT / "docs" / "site" / "conf.py").read_text()


def test_the_pages_and_the_workflow_name_the_rust_version_of_cargo_toml() -> None:
    named = {
        each for page in PAGES for each in re.findall(r"rustup\.rs\), ([\d.]+) or newer", page.read_text())
    }
    assert named == {CARGO["rust-version"]}
    assert f'RUST: "{CARGO["rust-version"]}.' in WORKFLOW


def test_the_workflow_pins_each_action_and_grants_nothing_by_default() -> None:
    used = re.findall(r"uses: (.*)", WORKFLOW)
    assert len(used) > 5
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []
    assert "\npermissions: {}\n" in WORKFLOW
    assert set(re.findall(r"os: \[(.*)\]", WORKFLOW)) == {
        "ubuntu-24.04, ubuntu-24.04-arm, macos-15, macos-15-intel"
    }


def test_the_workflow_runs_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert [name for name in re.findall(r"make ([a-z-]+)", WORKFLOW) if f"\n{name}: " not in makefile] == []


@pytest.fixture
def links() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "absolute_links", ROOT / "docs" / "site" / "absolute_links.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_relative_links_of_the_readme_become_absolute_and_others_stay(links: ModuleType) -> None:
    text = "[a](docs/speed.md) [b](https://rustup.rs) [c](#speed) [d](docs/README.md#examples)"
    assert links.absolute(text, "https://forge.example/o/r/blob/v1/") == (
        "[a](https://forge.example/o/r/blob/v1/docs/speed.md) [b](https://rustup.rs) [c](#speed) "
        "[d](https://forge.example/o/r/blob/v1/docs/README.md#examples)"
    )


def test_no_relative_link_of_the_readme_is_left(links: ModuleType) -> None:
    made = links.absolute((ROOT / "README.md").read_text(), "https://forge.example/o/r/blob/v1")
    assert re.findall(r"\]\((?!https://)([^)]+)\)", made) == []
    assert made.count("](https://forge.example/o/r/blob/v1/docs/") > 5
