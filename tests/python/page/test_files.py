"""A page as a file: its name, its policy, its links, its size, and what a failure leaves behind."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import layercheck as lc
import made_images
from layercheck.page import render
from layercheck.page.content import MOST_BYTES, MOST_LINES, bounded
from layercheck.page.link import links
from layercheck.testing import LocalEcr
from page import reports
from page.parsed import elements, findings, one, parsed
from peak_memory import PEAK_MB

KINDS: list[Callable[[], Any]] = [reports.report, reports.images, reports.push, reports.changes]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_report_is_written_as_a_page_that_is_whole(
    kind: Callable[[], Any], tmp_path: Path
) -> None:
    made = kind()
    made.write(tmp_path / "a.html")
    made.write(tmp_path / "a.txt", format="html")
    made.write(tmp_path / "a.HTM")
    document = parsed((tmp_path / "a.html").read_text())
    assert elements(parsed((tmp_path / "a.txt").read_text()), "h1")
    assert one(document, "html").attrs["lang"] == "en"
    assert [len(elements(document, name)) for name in ("header", "main", "footer", "nav", "h1")] == [1] * 5
    levels = [int(node.name[1]) for node in elements(document, "h1, h2, h3, h4")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for table in elements(document, "table"):
        assert len(table.query("caption")) == 1
        assert all("scope" in cell.attrs for cell in table.query("th"))
    names = [node.attrs["id"] for node in elements(document, "[id]")]
    assert len(names) == len(set(names))
    for node in elements(document, "[aria-labelledby]"):
        assert node.attrs["aria-labelledby"] in names


@pytest.mark.parametrize("kind", KINDS)
def test_the_policy_allows_the_style_and_the_script_of_the_page_and_nothing_else(
    kind: Callable[[], Any], tmp_path: Path
) -> None:
    kind().write(tmp_path / "a.html", full=tmp_path / "a.parquet")
    document = parsed((tmp_path / "a.html").read_text())
    policy = one(document, "meta[http-equiv]").attrs["content"].split("; ")
    assert policy[0] == "default-src 'none'"
    for at, name in ((1, "style"), (2, "script")):
        content = one(document, name).children[0].data
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy[at] == f"{name}-src 'sha256-{digest}'"
    for node in elements(document):
        assert "src" not in node.attrs
        assert "style" not in node.attrs
        assert node.attrs.get("href", "#").startswith(("#", "./"))


def test_a_page_links_to_the_files_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "of a page"
    folder.mkdir()
    full = [tmp_path / "all rows.parquet", folder / "javascript:alert(1).csv", folder / "a#b?c.jsonl"]
    reports.report().write(folder / "a.html", full=full)
    document = parsed((folder / "a.html").read_text())
    addresses = [node.attrs["href"] for node in elements(document, "a.file")]
    assert addresses == ["../all%20rows.parquet", "./javascript%3Aalert%281%29.csv", "./a%23b%3Fc.jsonl"]


def test_the_address_of_a_file_is_whole_whatever_the_name(tmp_path: Path) -> None:
    full = [tmp_path / "password=rows.csv", tmp_path / ("é" * 60) / ("é" * 60) / ("é" * 60) / "rows.csv"]
    reports.report().write(tmp_path / "a.html", full=full)
    document = parsed((tmp_path / "a.html").read_text())
    addresses = [node.attrs["href"] for node in elements(document, "a.file")]
    assert [unquote(each) for each in addresses] == [f"./{path.relative_to(tmp_path)}" for path in full]


def test_a_file_name_that_is_not_utf8_is_a_link_too() -> None:
    assert links("a.html", os.fsdecode(b"caf\xe9.csv"))[0][0] == "./caf%E9.csv"


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_not_compressed(kind: Callable[[], Any], tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"only csv and jsonl are compressed|cannot tell a format|compressed"
    ):
        kind().write(tmp_path / "a.html.gz")
    with pytest.raises(ValueError, match="browsers open no compressed page"):
        kind().write(tmp_path / "a.gz", format="html")
    assert list(tmp_path.iterdir()) == []


def test_a_layout_has_no_page(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(made_images.manifest("a"))
    with pytest.raises(ValueError, match=r"end it in \.parquet.*\.feather, or give"):
        lc.read_layout(tmp_path / "manifest.json").write(tmp_path / "a.html")


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_that_fails_leaves_the_old_file_and_nothing_else(
    kind: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.html").write_text("old")
    made = kind()

    def full_disk(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space left"):
        made.write(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.html"]  # noqa: PTH208


def test_findings_are_bounded_in_lines_and_bytes() -> None:
    assert len(bounded([("a",)] * (MOST_LINES + 1))) == MOST_LINES
    hostile = [("\U0010ffff" * 500, "&" * 500, "\u202e" * 500)] * MOST_LINES
    lines = bounded(hostile)
    assert 0 < len(lines) < MOST_LINES
    assert len(lines) * 3 * 50 < MOST_BYTES


def test_a_page_of_a_million_rows_is_small_and_made_without_a_million_objects(tmp_path: Path) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
{PEAK_MB}
import layercheck as lc
from page import reports
import numpy as np

plan = lc.plan(np.random.default_rng(7).integers(0, 256, (1_000_000, 32), dtype=np.uint8))
verdicts = [lc.Verdict.UNAVAILABLE, lc.Verdict.AVAILABLE] * 500_000
report = reports.report_on(plan, verdicts)
report.rows, report.counts
before = peak_mb()
report.write({str(tmp_path / "a.html")!r})
print(int(peak_mb() - before))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    page = (tmp_path / "a.html").read_text()
    assert len(page.encode()) < 2_000_000
    assert "The first 2,000 of 500,000 rows with a verdict other than available" in page
    assert len(findings(parsed(page))) == MOST_LINES
    # A million rows as Python objects take hundreds of megabytes.
    assert int(done.stdout) < 100


def test_hostile_rows_do_not_make_a_page_large(tmp_path: Path) -> None:
    rows = [str(number) + "\U0010ffff\u202e&<" * 600 for number in range(3_000)]
    with LocalEcr({"team/app": []}) as ecr:
        report = lc.check(rows, "team/app", client=ecr.client())
    report.write(tmp_path / "a.html")
    assert (tmp_path / "a.html").stat().st_size < 2_000_000


def test_the_template_the_style_and_the_script_are_part_of_the_package() -> None:
    render.load()
    folder = Path(render.__file__).parent
    assert {"page.html", "style.css", "script.js"} <= {path.name for path in folder.iterdir()}


def test_a_page_of_chosen_lines_does_not_call_a_file_of_them_everything(tmp_path: Path) -> None:
    made = reports.report()
    made.write(tmp_path / "all.html", full=tmp_path / "a.csv.gz")
    made.write(tmp_path / "some.html", full=tmp_path / "a.csv.gz", only="unavailable")
    assert "Everything: <a" in (tmp_path / "all.html").read_text()
    some = (tmp_path / "some.html").read_text()
    assert "The chosen rows: <a" in some
    assert "Everything" not in some
