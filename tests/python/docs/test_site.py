"""The site has every page, and the check of the built site finds what is wrong with it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pages import ROOT

SITE = ROOT / "docs" / "site"


def test_every_page_is_in_the_order_of_the_site() -> None:
    entries = re.findall(r"(?m)^(?:root:|\s+- file:) (.*)$", (SITE / "toc.yml").read_text())
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.ipynb")]
    assert sorted(entries) == sorted(str(page.relative_to(ROOT).with_suffix("")) for page in pages)


@pytest.mark.parametrize(
    ("page", "told"),
    [
        pytest.param('<a href="b.html#there">', "", id="a link that leads somewhere"),
        pytest.param('<a href="c.html">', "c.html leads to a file that is not there", id="no such file"),
        pytest.param(
            '<a href="b.html#gone">', "#gone leads to an anchor that is not there", id="no such anchor"
        ),
        pytest.param(
            '<a href="#gone">', "#gone leads to an anchor that is not there", id="no anchor in this page"
        ),
        pytest.param(
            '<script src="https://cdn.example/x.js">', "loads https://cdn.example/x.js", id="a script"
        ),
        pytest.param(
            '<link rel="stylesheet" href="//cdn.example/x.css">', "loads //cdn.example", id="a style"
        ),
        pytest.param(
            '<img src="https://cdn.example/x.png">', "loads https://cdn.example/x.png", id="a picture"
        ),
    ],
)
def test_the_check_of_the_site_names_what_is_wrong(tmp_path: Path, page: str, told: str) -> None:
    (tmp_path / "a.html").write_text(page)
    (tmp_path / "b.html").write_text('<h1 id="there"><a href="a.html">')
    command = [sys.executable, str(SITE / "links.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, told in done.stdout) == (1 if told else 0, True), done.stdout + done.stderr
