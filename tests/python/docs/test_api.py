"""The page on the API is what the docstrings say."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import griffe
import pytest

import layercheck
import layercheck.shard
import layercheck.testing
from docs.pages import ROOT


@pytest.fixture(scope="module")
def api() -> ModuleType:
    spec = importlib.util.spec_from_file_location("api", ROOT / "docs" / "api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_on_the_api_is_fresh(api: ModuleType) -> None:
    assert api.PAGE.read_text() == api.page(), "write it again: make api"


def test_every_public_name_is_on_the_page(api: ModuleType) -> None:
    lines = api.PAGE.read_text().replace("\\", "").splitlines()
    headings = {line.split()[-1] for line in lines if line.startswith("### ")}
    assert {*layercheck.__all__, *layercheck.shard.__all__, *layercheck.testing.__all__} <= headings


def test_several_classes_before_one_colon_are_all_named(api: ModuleType) -> None:
    text = "Ask.\n\nRaises:\n    LookupError, ValueError,\n    OSError: It cannot.\n"
    source = griffe.Function("ask", docstring=griffe.Docstring(text))
    assert "* `LookupError, ValueError, OSError`: It cannot." in list(api.described(source, None, "ask"))


def test_an_example_keeps_its_directives(api: ModuleType) -> None:
    text = "Ask.\n\nExamples:\n    >>> ask()  # doctest: +SKIP\n"
    source = griffe.Function("ask", docstring=griffe.Docstring(text))
    assert "```python\n>>> ask()  # doctest: +SKIP\n```" in list(api.described(source, None, "ask"))
