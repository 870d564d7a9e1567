"""No text from outside becomes a part of a page, whatever it is and wherever it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layercheck.page import render
from layercheck.page.content import Bar, Column, Findings, Page, Part
from layercheck.page.render import html
from layercheck.plots.table import PlotTable
from page.parsed import elements, parsed, text, texts

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "<!--",
    "]]>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp;amp;",
    "javascript:alert(1)",
    "\u202egnp.exe\u202c",
    "a\u200bb\ufeffc\u2060d",
    "\x00\x1b[2J\x7f\x85\u2028",
    "\ud800 lone",
    "x" * 300,
    "\U0010ffff" * 2_048,
    "e\u0301" * 200,
    "\U0002ebe1" * 200,
    "0000\x1f\x1f\U0001cf000\U0002ebe1",
    "https://me:hunter2secret@host/ x-amz-security-token: hunter2secret",
]
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=()), max_size=40))


def page(outside: str) -> Page:
    """A page with a text from outside wherever a page can have one."""
    return Page(
        kind="Layer check",
        name=outside,
        headline=outside,
        mood="bad",
        warnings=(outside,),
        facts=(("What was checked", (("repository", outside),)),),
        bar=Bar("Verdicts", "verdict", "rows", (Part("available", 3, "in the repository"),)),
        findings=Findings(
            "Findings",
            "rows",
            (Column("verdict", "word"), Column("digest", "code"), Column("why")),
            (("unavailable", outside, outside),),
            2,
            "none",
            (("./a.parquet", outside),),
            outside,
        ),
        problems=(("Failed calls", (outside,)),),
        figures=(
            PlotTable("ranked", "r", "Ranked", outside, ("name", "n"), ("", "images"), ((outside, 3),), 2),
        ),
        notes=(outside,),
        written=datetime(2026, 11, 27, 9, 30, tzinfo=UTC),
    )


def skeleton(of: Page) -> list[tuple[str, tuple[str, ...]]]:
    """Every element with the names of its attributes, without those inside of drawings."""
    found = elements(parsed(html(of)))
    drawn = {id(node) for figure in found if figure.name == "svg" for node in figure.query("*")}
    return [(each.name, tuple(each.attrs)) for each in found if id(each) not in drawn]


@given(outside=TEXTS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_leaves_the_elements_and_attributes_of_a_page_as_they_are(outside: str) -> None:
    expected = "plain" if outside.strip() else outside
    if not outside:
        return
    assert skeleton(page(outside)) == skeleton(page(expected or "plain"))


@pytest.mark.parametrize("outside", HOSTILE, ids=range(len(HOSTILE)))
def test_a_page_is_printable_and_holds_no_secret_and_no_script_but_its_own(outside: str) -> None:
    made = html(page(outside))
    assert made.replace("\n", "").isprintable()
    assert "hunter2secret" not in made
    document = parsed(made)
    assert len(elements(document, "script")) == len(elements(document, "style")) == 1
    assert not elements(document, "img, iframe, object, embed, form, link, base")
    for node in elements(document):
        assert not [name for name in node.attrs if name.startswith("on") or name == "style"], node.name


def test_the_reader_sees_the_text_itself() -> None:
    shown = "</script><b>bold</b> & \u202e"
    document = parsed(html(page(shown)))
    visible = "</script><b>bold</b> & \\u202e"
    assert text(elements(document, "h1")[0]) == visible
    assert visible in texts(document, "bdi")


def test_a_long_text_is_cut_in_cells_and_sentences() -> None:
    document = parsed(html(page("x" * 5_000)))
    assert max(map(len, texts(document, "td"))) == 200
    assert max(map(len, texts(document, "li"))) == 1_000


def test_a_figure_is_drawn_whatever_its_labels_are() -> None:
    pytest.importorskip("vl_convert")
    for outside in HOSTILE:
        assert len(elements(parsed(html(page(outside))), ".drawing svg")) == 1, outside


def test_a_figure_that_cannot_be_drawn_leaves_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: PlotTable) -> str:
        raise ValueError("cannot draw")

    monkeypatch.setattr(render, "svg", fail)
    document = parsed(html(page("plain")))
    assert not elements(document, ".drawing")
    assert "plain" in texts(document, "#figures tbody th")


def test_without_the_extra_a_page_has_the_numbers_and_says_how_to_get_plots(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(render, "available", lambda: False)
    document = parsed(html(page("plain")))
    assert not elements(document, ".drawing, details")
    assert "plain" in texts(document, "#figures tbody th")
    assert "pip install 'layercheck[plots]'" in texts(document, "#figures .note")[0]


def test_a_page_without_lines_figures_and_warnings_is_whole() -> None:
    empty = replace(page("x"), warnings=(), problems=(), figures=(), notes=())
    empty = replace(empty, findings=replace(empty.findings, lines=(), total=0, files=()))
    document = parsed(html(empty))
    assert not elements(document, "#table")
    assert "none" in texts(document, "#findings p")
