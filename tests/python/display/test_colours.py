"""Colours of words: readable on light and dark, and told apart by people who see fewer colours."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from layercheck.comparison.changes import CHANGES
from layercheck.display.colours import COLOURS, HUE_OF, HUES, SHAPES
from layercheck.push.actions import ACTIONS
from layercheck.verdict import ImageVerdict, Verdict

BACKGROUNDS = {"white": "#ffffff", "near black": "#1e1e1e", "black": "#000000"}
LEAST_CONTRAST = 3.0  # WCAG 2.2, success criterion 1.4.11: graphical objects

# Machado, Oliveira and Fernandes (2009), severity 1, in linear sRGB.
SIGHTS = {
    "all colours": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
LEAST_DISTANCE = {"all colours": 0.08, "protanopia": 0.08, "deuteranopia": 0.08, "tritanopia": 0.065}
"""In OKLab, where 0.02 is a difference that can just be seen between neighbours."""

SETS = {
    "verdicts": [verdict.label for verdict in Verdict],
    "images": [verdict.label for verdict in ImageVerdict],
    "actions": list(ACTIONS),
    "changes": list(CHANGES),
}


def linear(colour: str) -> NDArray[np.float64]:
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    light = sorted(float(linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


def oklab(colour: NDArray[np.float64]) -> NDArray[np.float64]:
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    seen: NDArray[np.float64] = lab @ np.cbrt(np.clip(cones @ np.clip(colour, 0, 1), 0, 1))
    return seen


def test_contrast_is_computed_as_wcag_defines_it() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("hue", HUES)
def test_every_colour_can_be_seen_on_light_and_dark(hue: str) -> None:
    for name, background in BACKGROUNDS.items():
        assert contrast(HUES[hue], background) >= LEAST_CONTRAST, name  # type: ignore[index]


@pytest.mark.parametrize("sight", SIGHTS)
def test_any_two_colours_are_told_apart_with_any_sight(sight: str) -> None:
    seen = {hue: oklab(SIGHTS[sight] @ linear(colour)) for hue, colour in HUES.items()}
    for one, other in combinations(seen, 2):
        distance = float(np.linalg.norm(seen[one] - seen[other]))
        assert distance >= LEAST_DISTANCE[sight], (one, other, round(distance, 3))


@pytest.mark.parametrize("words", SETS.values(), ids=SETS)
def test_every_word_has_a_colour_and_a_shape_that_no_other_word_of_its_plot_has(words: list[str]) -> None:
    assert len({COLOURS[word] for word in words}) == len(words)
    assert len({SHAPES[HUE_OF[word]] for word in words}) == len(words)
