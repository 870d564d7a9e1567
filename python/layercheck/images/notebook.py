"""The view of a check of images in a notebook: the verdicts, and the first broken images."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

from layercheck.display import fragment
from layercheck.images import plot_tables
from layercheck.plots.figure import figure

if TYPE_CHECKING:
    from layercheck.images.image_report import ImageReport
    from layercheck.images.repository_report import Image

_SHOWN = 10


def render(report: ImageReport) -> str:
    """The report as an HTML fragment."""
    names = [each.repository_name for each in report.repositories]
    name = names[0] if len(names) == 1 else f"{len(names):,} repositories"
    state = "complete" if report.complete else "<b>incomplete</b>"
    counts = [(word, report.counts[word]) for word in plot_tables.WORDS if report.counts[word]]
    return fragment.view(
        fragment.title(name, report.target.registry_id, report.target.region_name),
        fragment.line(f"{report.images:,} images, {state}"),
        fragment.bar(dict(counts)),
        fragment.table(
            ("verdict", "images"), [(fragment.word(word), f"{count:,}") for word, count in counts], (1,)
        ),
        figure(plot_tables.missing_layers(report)),
        _broken(report),
        *(fragment.note(fragment.text(note)) for note in report.notes[:_SHOWN]),
    )


def _broken(report: ImageReport) -> str:
    total = report.counts["incomplete"] + report.counts["unreadable"]
    found = islice(chain(report.find("incomplete"), report.find("unreadable")), _SHOWN)
    note = f"{_SHOWN} of the {total:,} broken images" if total > _SHOWN else ""
    return fragment.table(("repository", "image", "why"), map(_row, found)) + fragment.note(note)


def _row(image: Image) -> tuple[str, ...]:
    name = fragment.text(", ".join(image.tags[:3])) if image.tags else fragment.code(image.digest)
    return fragment.text(image.repository), name, fragment.text(image.reason or image.code)
