"""The page on the API is what the docstrings say."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

import layercheck
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
    headings = {line.split()[-1] for line in api.PAGE.read_text().splitlines() if line.startswith("### ")}
    assert {*layercheck.__all__, *layercheck.testing.__all__} <= headings


def test_no_docstring_is_lost_in_parsing(api: ModuleType) -> None:
    page = api.PAGE.read_text()
    for name in (
        "Ctrl-C",
        "AccessDeniedError, InvalidParameterError",
        "with what each holds",
        "# doctest: +SKIP",
    ):
        assert name in page
