"""The HTML fragments that a notebook shows: their style, and the parts that all views share.

They are built from plain strings. Every text from outside is escaped, isolated from the direction of the
text around it, and cut. Text takes its colour from the page, so that it reads in light and dark themes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from layercheck.display.colours import COLOURS
from layercheck.display.wording import percent
from layercheck.redact import visible

if TYPE_CHECKING:
    from layercheck.types import Target

MAX_ROWS = 20
"""The largest number of examples in a view."""

_MAX_TEXT = 120
"""The largest number of characters shown of a text from outside."""

# JupyterLab, VS Code and the classic notebook style `table`, `td` and `tr:nth-child(even)` under a class or
# two of their own. A class named three times weighs more than that, and less than the user's `!important`.
_SCOPE = ".layercheck" * 3
_RULES = {
    "": "font-family:system-ui,sans-serif;font-size:13px;line-height:1.45;color:inherit;max-width:80em;"
    "text-align:left",
    "table": "border-collapse:collapse;border:0;table-layout:auto;width:auto;font:inherit;"
    "margin:.4em 0;color:inherit;background:transparent;text-align:left",
    "tr": "border:0;background:transparent;color:inherit",
    "td,th": "padding:.15em .9em .15em 0;text-align:left;border:0;background:transparent;"
    "vertical-align:baseline;color:inherit;line-height:inherit;max-width:none;white-space:normal",
    "th": "font-weight:600;opacity:.7",
    ".w": "white-space:nowrap",
    "td.n,th.n": "text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap",
    "code": "font-family:ui-monospace,monospace;font-size:12px;background:transparent;color:inherit;"
    "border:0;padding:0;overflow-wrap:anywhere",
    ".bar": "display:flex;gap:1px;height:8px;border-radius:4px;overflow:hidden;margin:.5em 0;"
    "background:rgba(128,128,128,.25)",
    ".dot": "display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.5em",
    ".note": "opacity:.75",
    ".plot": "display:block;margin:.8em 0;max-width:420px",
    ".plot svg": "display:block;width:100%;height:auto;margin-top:.3em",
}


def _selector(names: str) -> str:
    return ",".join(f"{_SCOPE} {name}".rstrip() for name in names.split(","))


STYLE = "<style>" + "".join(f"{_selector(names)}{{{rules}}}" for names, rules in _RULES.items()) + "</style>"


def view(*parts: str) -> str:
    """A whole fragment of these parts, each of which is HTML."""
    return f'{STYLE}<div class="layercheck">{"".join(parts)}</div>'


def text(value: object) -> str:
    """A text from outside as HTML."""
    plain = "" if value is None else str(value)
    shown = visible(plain if len(plain) <= _MAX_TEXT else plain[: _MAX_TEXT - 1] + "…")
    return f"<bdi>{escape(shown)}</bdi>" if shown else ""


def title(name: object, *places: object) -> str:
    """The first line: a name, and beside it where it is."""
    place = " · ".join(text(part) for part in places if part)
    return f'<div><b>{text(name)}</b> <span class="note">{place}</span></div>'


def target(place: Target) -> str:
    """The first line of what was checked somewhere."""
    public = "ECR Public" if place.public else None
    return title(place.repository_name, place.registry_id, place.region_name, public)


def line(words: str) -> str:
    """A line of HTML."""
    return f"<div>{words}</div>"


def note(words: str) -> str:
    """A line of HTML that matters less; nothing for no words."""
    return f'<div class="note">{words}</div>' if words else ""


def hint(words: str | None) -> str:
    """A line that says what is probably wrong, in words of this package and so uncut; nothing for None."""
    return line(f"<b>Note:</b> {escape(words)}") if words else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """A table of cells that are HTML; the columns at `numbers` hold numbers. Nothing for no rows."""
    right = set(numbers)

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f'<{tag} class="n">{cell}</{tag}>' if at in right else f"<{tag}>{cell}</{tag}>"
            for at, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><tr>{cells('th', head)}</tr>{body}</table>" if body else ""


def code(value: object) -> str:
    """A digest or a row, in a fixed-width font."""
    return f"<code>{text(value)}</code>"


def word(of: str) -> str:
    """A verdict, an action of a push or a change, with a dot of its colour."""
    colour = COLOURS.get(of, COLOURS["invalid"])
    return f'<span class="w"><span class="dot" style="background:{colour}"></span>{of}</span>'


def bar(counts: Mapping[str, int]) -> str:
    """The shares of words as a bar, in which the smallest part can be seen. The words stand beside it."""
    found = {word: count for word, count in counts.items() if count}
    parts = (
        f'<span title="{word}: {count:,}" style="flex:{count} 1 0;min-width:3px;background:{COLOURS[word]}">'
        "</span>"
        for word, count in found.items()
    )
    label = ", ".join(f"{count:,} {word}" for word, count in found.items())
    return f'<div class="bar" role="img" aria-label="{label}">{"".join(parts)}</div>' if found else ""


def verdicts(rows: Mapping[str, int], digests: Mapping[str, int]) -> str:
    """The table of verdicts: rows, digests, and the share of the rows."""
    total = sum(rows.values())
    found = (
        (word(verdict), f"{count:,}", f"{digests[verdict]:,}", escape(percent(count, total)))
        for verdict, count in rows.items()
        if count
    )
    return table(("verdict", "rows", "digests", "share"), found, numbers=(1, 2, 3))
