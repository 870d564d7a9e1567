"""Pages in a real browser: what they load, what runs, how they look, and who can use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

WIDTHS = (400, 1_200)


@dataclass
class Opened:
    """A page that is open, and what the browser said and asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


Open = Callable[..., Opened]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    contexts = []

    def open_(file: Path, width: int = 1_200, **settings: Any) -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        contexts.append(context)
        made = Opened(context.new_page())
        made.page.on("console", lambda message: made.said.append(message.text))
        made.page.on("pageerror", lambda error: made.said.append(str(error)))
        made.page.on("request", lambda request: made.asked.append(request.url))
        made.page.add_init_script(
            "window.violations = [];"
            "document.addEventListener('securitypolicyviolation',"
            " event => window.violations.push(event.violatedDirective))"
        )
        made.page.goto(file.as_uri())
        return made

    yield open_
    for context in contexts:
        context.close()


def test_a_page_asks_for_nothing_and_keeps_its_own_policy(page_file: Path, opened: Open) -> None:
    shown = opened(page_file)
    shown.page.mouse.wheel(0, 5_000)
    assert shown.asked == [page_file.as_uri()]
    assert shown.said == []
    assert shown.page.evaluate("window.violations") == []
    assert page_file.stat().st_size < 2_000_000


def test_the_policy_is_in_force(folder: Path, opened: Open) -> None:
    shown = opened(folder / "small.html")
    shown.page.evaluate(
        "() => { const s = document.createElement('img'); s.src = 'https://example.com/x.png';"
        "document.body.append(s); }"
    )
    shown.page.wait_for_function("window.violations.length > 0")
    assert shown.page.evaluate("window.violations") == ["img-src"]


def test_hostile_text_runs_nothing_and_hides_nothing(folder: Path, opened: Open) -> None:
    shown = opened(folder / "hostile.html")
    assert shown.page.title() != "run"
    assert shown.page.locator("script").count() == 1
    assert shown.page.locator("h1").is_visible()
    assert "<script>document.title='run'</script>" in shown.page.locator("#table").inner_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_is_never_wider_than_the_window(page_file: Path, opened: Open, width: int) -> None:
    shown = opened(page_file, width)
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing(page_file: Path, opened: Open, width: int, scheme: str) -> None:
    if page_file.stem == "million" and (width, scheme) != (1_200, "light"):
        pytest.skip("its lines are looked at once, because that takes a minute")
    shown = opened(page_file, width, color_scheme=scheme, bypass_csp=True)
    found = Axe().run(shown.page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []


def test_the_script_filters_and_sorts(folder: Path, opened: Open) -> None:
    page = opened(folder / "small.html").page
    rows = page.locator("#table tbody tr:visible")
    assert rows.count() == 4
    page.get_by_label("Lines with this text").fill("INVALIDLAYER")
    assert rows.count() == 1
    assert page.get_by_role("status").inner_text() == "1 of 4 lines shown"
    page.get_by_label("Lines with this text").fill("")
    page.get_by_label("Only this verdict").select_option("invalid")
    assert rows.count() == 1
    page.get_by_label("Only this verdict").select_option("")
    head = page.get_by_role("button", name="row")
    head.focus()
    page.keyboard.press("Enter")
    cells = page.locator("#table tbody td.c-number")
    assert cells.all_inner_texts() == ["1", "3", "4", "5"]
    page.keyboard.press("Enter")
    assert cells.all_inner_texts() == ["5", "4", "3", "1"]
    assert page.locator("th[aria-sort=descending]").inner_text() == "row"


def test_everything_can_be_read_without_script(page_file: Path, opened: Open) -> None:
    page = opened(page_file, java_script_enabled=False).page
    assert page.locator("h1").is_visible()
    assert page.locator("#controls").count() == 0 or page.locator("#controls").is_hidden()
    assert page.locator("#table tbody tr:visible").count() == page.locator("#table tbody tr").count()


def test_the_keyboard_reaches_the_findings_first(folder: Path, opened: Open) -> None:
    page = opened(folder / "images.html").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the findings"
    assert page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "findings"


def test_on_paper_the_lines_are_bounded_and_the_controls_are_gone(folder: Path, opened: Open) -> None:
    page = opened(folder / "million.html").page
    assert page.locator("#table tbody tr:visible").count() == 2_000
    page.emulate_media(media="print")
    assert page.locator("#table tbody tr:visible").count() == 200
    assert page.locator("#controls").is_hidden()
    assert page.locator(".paper").is_visible()
    assert page.pdf().startswith(b"%PDF")


def test_paper_is_white_in_the_dark_too(folder: Path, opened: Open) -> None:
    page = opened(folder / "small.html", color_scheme="dark").page
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_nothing_moves_for_people_who_asked_for_that(folder: Path, opened: Open) -> None:
    page = opened(folder / "small.html", reduced_motion="reduce").page
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
