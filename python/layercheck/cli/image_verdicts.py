"""`--fail-on` of `layercheck images`: verdicts of images, and `attestations`, between commas."""

from __future__ import annotations

from typing import Any

import click

from layercheck.cli.options import ParamType
from layercheck.redact import one_line
from layercheck.verdict import ImageVerdict

DEFAULT_FAIL_ON = frozenset({"incomplete", "unreadable"})

ATTESTATIONS = "attestations"
"""The word for an image whose attestations are incomplete, which no verdict says."""

_ALWAYS_INCOMPLETE = ("undecided", "not_checked")


def parse_image_verdicts(text: str) -> frozenset[str]:
    """The words that `--fail-on` names: words between commas, or `none`.

    Raises:
        ValueError: For a word that is neither a verdict nor `attestations`, or that always means exit code 4.

    Examples:
        >>> sorted(parse_image_verdicts("incomplete, partial"))
        ['incomplete', 'partial']
        >>> sorted(parse_image_verdicts("incomplete,attestations"))
        ['attestations', 'incomplete']
    """
    words = [word.strip().lower() for word in text.split(",")]
    if words == ["none"]:
        return frozenset()
    for word in words:
        if word == ATTESTATIONS:
            continue
        try:
            verdict = ImageVerdict.from_label(word)
        except ValueError as error:
            raise ValueError(f"{error}, {ATTESTATIONS}") from None
        if verdict.label in _ALWAYS_INCOMPLETE:
            raise ValueError(f"{word!r} always ends with exit code 4; leave it out")
    return frozenset(words)


class ImageVerdictsType(ParamType):
    """Verdicts of images, and `attestations`, between commas."""

    name = "verdicts"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[str]:
        """The words."""
        if isinstance(value, frozenset):
            return value
        try:
            return parse_image_verdicts(str(value))
        except ValueError as error:
            self.fail(one_line(str(error)), param, ctx)
