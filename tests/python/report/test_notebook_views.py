"""What a notebook shows of a report, a plan, a journal and the changes between two audits."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

import layercheck as lc
from layercheck.display import fragment
from layercheck.testing import LocalEcr

HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e\u2028"
A, B, C = ("sha256:" + byte * 32 for byte in ("0a", "0b", "0c"))
ROWS = [A, B, C, HOSTILE, A]


@pytest.fixture
def journals(tmp_path: Path) -> tuple[Path, Path]:
    """Two journals of the same rows: B vanishes, C stays unavailable."""
    paths = tmp_path / "monday.journal", tmp_path / "tuesday.journal"
    with LocalEcr({"team/app": [A, B]}) as ecr:
        lc.check(ROWS, "team/app", client=ecr.client(), journal=paths[0])
    with LocalEcr({"team/app": [A]}) as ecr:
        lc.check(ROWS, "team/app", client=ecr.client(), journal=paths[1])
    return paths


def report(journals: tuple[Path, Path]) -> str:
    with lc.Journal(journals[1]) as journal:
        return journal.report()._repr_html_()


def plan(journals: tuple[Path, Path]) -> str:
    return lc.plan(ROWS)._repr_html_()


def journal(journals: tuple[Path, Path]) -> str:
    with lc.Journal(journals[1]) as opened:
        return opened._repr_html_() or ""


def changes(journals: tuple[Path, Path]) -> str:
    return lc.diff(*journals)._repr_html_()


VIEWS = [report, plan, journal, changes]


class Tags(HTMLParser):
    """Checks that every tag that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def words(html: str) -> str:
    """The text of a fragment, without its style."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html.partition("</style>")[2]))


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_whole_html_without_a_character_or_tag_from_outside(
    view: Callable[[tuple[Path, Path]], str], journals: tuple[Path, Path]
) -> None:
    html = view(journals)
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    assert html.isprintable()
    assert "<script" not in html


def test_hostile_text_is_shown_escaped_and_isolated(journals: tuple[Path, Path]) -> None:
    for html in (report(journals), plan(journals)):
        assert r"<bdi>&lt;script&gt;alert(1)&lt;/script&gt;\x1b[2J\u202e\u2028</bdi>" in html


def test_a_plan_shows_its_numbers_spellings_and_rejected_rows(journals: tuple[Path, Path]) -> None:
    shown = words(plan(journals))
    assert "Plan 5 rows · 1 calls of up to 100" in shown
    assert "rows digests duplicates invalid 5 3 1 1" in shown
    assert "canonical 4" in shown
    assert "not_hexadecimal 1" in shown


def test_a_journal_shows_its_verdicts_and_its_runs(journals: tuple[Path, Path]) -> None:
    shown = words(journal(journals))
    assert "team/app us-east-1" in shown.replace(" · ", " ")
    assert "5 rows, 3 digests, complete" in shown
    assert "available 2 1 40.0 %" in shown
    assert re.search(r"run of calls took ended [\d-]+ [\d:]+ UTC 1 .* done", shown)
    assert "tuesday.journal" in shown


def test_a_closed_journal_has_no_view_and_raises_nothing(journals: tuple[Path, Path]) -> None:
    with lc.Journal(journals[0]) as opened:
        pass
    assert opened._repr_html_() is None


def test_changes_show_counts_and_the_first_digests(journals: tuple[Path, Path]) -> None:
    shown = words(changes(journals))
    assert "vanished 1" in shown
    assert "same 2" in shown
    assert f"{B} vanished available unavailable" in shown


def test_views_of_many_rows_are_short() -> None:
    made = lc.plan([f"junk {number}" for number in range(5_000)])
    html = made._repr_html_()
    assert html.count("<tr>") < 30
    assert "20 of the 5,000 invalid rows" in html


def test_reprs_are_one_short_line(journals: tuple[Path, Path]) -> None:
    with lc.Journal(journals[1]) as opened:
        texts = [repr(opened), repr(opened.status()), repr(opened.report())]
    texts += [repr(lc.plan(ROWS)), repr(lc.diff(*journals)), repr(lc.plan(ROWS).rejects)]
    assert texts[4] == "Changes(vanished=1, same=2)"
    assert texts[1].endswith("rows=5, unique=3, complete, runs=1)")
    for text in texts:
        assert "\n" not in text
        assert len(text.replace(str(journals[0].parent), "")) < 120


def test_every_rule_of_the_style_weighs_more_than_those_of_notebooks() -> None:
    # JupyterLab: `.jp-RenderedHTMLCommon:not(.jp-RenderedMarkdown) tr:nth-child(even)`: three classes.
    selectors = re.findall(r"([^{}<>]+)\{", fragment.STYLE.removeprefix("<style>"))
    for selector in (each for group in selectors for each in group.split(",")):
        assert selector.startswith(".layercheck.layercheck.layercheck")
