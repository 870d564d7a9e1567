"""A page, read by a parser that follows the HTML standard and takes no error."""

from __future__ import annotations

from typing import Any

from justhtml import JustHTML


def parsed(html: str) -> JustHTML:
    """The document; raises for every error that the HTML standard names."""
    return JustHTML(html, strict=True, sanitize=False)


def elements(document: JustHTML, selector: str = "*") -> list[Any]:
    return list(document.query(selector))


def text(node: Any) -> str:
    """The text of an element, with white space collapsed."""
    return " ".join(node.to_text(separator=" ", strip=True).split())


def texts(document: JustHTML, selector: str) -> list[str]:
    return [text(node) for node in elements(document, selector)]


def one(document: JustHTML, selector: str) -> Any:
    (found,) = elements(document, selector)
    return found


def headline(document: JustHTML) -> str:
    return text(one(document, "h1"))


def facts(document: JustHTML) -> dict[str, str]:
    """The facts at the end of a page."""
    names, values = texts(document, "dt"), texts(document, "dd")
    return dict(zip(names, values, strict=True))


def findings(document: JustHTML) -> list[list[str]]:
    """The cells of the findings, line by line."""
    return [[text(cell) for cell in line.query("td")] for line in document.query("#table tbody tr")]
