"""Colours and shapes of the words that reports use, so that a word looks the same in every view and plot.

All colours have a contrast of at least 3:1 on white and on near black, so one set does for light and dark
pages (WCAG 2.2, success criterion 1.4.11). People with protanopia, deuteranopia or tritanopia can tell any
two of them apart; `test_colours.py` computes both. A colour is never the only sign: a bar has its words
beside it, in the order of its parts, each with its shape.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Hue: TypeAlias = Literal["good", "bad", "warn", "blue", "violet", "pink", "dark", "light", "moss"]

HUES: dict[Hue, str] = {
    "good": "#568d63",
    "bad": "#db1e16",
    "warn": "#b58f13",
    "blue": "#5c89f5",
    "violet": "#6852db",
    "pink": "#c241a0",
    "dark": "#66696c",
    "light": "#96939d",
    "moss": "#337921",
}
"""Hue to its colour. A page sets other colours by the custom properties `--lc-good`, `--lc-bad` and so on."""

SHAPES: dict[Hue, str] = {
    "good": "circle",
    "bad": "cross",
    "warn": "triangle-up",
    "blue": "square",
    "violet": "diamond",
    "pink": "triangle-down",
    "dark": "triangle-right",
    "light": "stroke",
    "moss": "triangle-left",
}
"""Hue to the shape of its symbol in a legend, a name of Vega."""

_WORDS: dict[Hue, str] = {
    "good": "available complete skip same",
    "bad": "unavailable incomplete lacking vanished",
    "warn": "unanswered undecided added",
    "blue": "archived upload",
    "violet": "other partial mount restored",
    "pink": "refused unreadable compress changed",
    "dark": "invalid gone removed",
    "light": "not_checked external unknown",
    "moss": "appeared",
}

HUE_OF: dict[str, Hue] = {word: hue for hue, words in _WORDS.items() for word in words.split()}
"""Word of a verdict, of an action of a push or of a change to its hue."""

COLOURS = {word: HUES[hue] for word, hue in HUE_OF.items()}
"""Word of a verdict, of an action of a push or of a change to its colour in HTML."""


def custom_property(hue: Hue) -> str:
    """The colour of a hue as a value of CSS, which a page can replace.

    Examples:
        >>> custom_property("good")
        'var(--lc-good, #568d63)'
    """
    return f"var(--lc-{hue}, {HUES[hue]})"
