"""The browser, and the pages that `make_pages.py` wrote."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pages", type=Path, required=True, help="the folder with the pages")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "page_file" in metafunc.fixturenames:
        files = sorted(metafunc.config.getoption("--pages").resolve().glob("*.html"))
        metafunc.parametrize("page_file", files, ids=[file.stem for file in files])


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.config.getoption("--pages").resolve()
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed, and CHROMIUM names none")
    with sync_playwright() as playwright:
        # Chromium refuses its sandbox to root.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        running = playwright.chromium.launch(executable_path=found, args=arguments)
        yield running
        running.close()
