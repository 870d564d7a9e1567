"""The numbers of the plots of a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import layercheck as lc


def changes(tmp_path: Path) -> lc.Changes:
    days = {
        "monday": ["available"] * 6 + ["unavailable"] * 2 + ["unanswered"],
        "tuesday": ["available"] * 2 + ["unavailable"] * 3 + ["archived"] + ["available"] * 3,
    }
    for day, words in days.items():
        lines = [f"sha256:{number:064x},{word}" for number, word in enumerate(words)]
        (tmp_path / f"{day}.csv").write_text("\n".join(["digest,verdict", *lines]) + "\n")
    return lc.diff(tmp_path / "monday.csv", tmp_path / "tuesday.csv")


def test_the_bar_has_every_digest_once_and_transitions_have_those_with_another_verdict(
    tmp_path: Path,
) -> None:
    made = changes(tmp_path)
    bar, transitions = made.plot.tables()
    assert {row[0]: row[1] for row in bar.rows} == {word: n for word, n in made.counts.items() if n}
    assert bar.summary.startswith("3 of 9 digests vanished (33.3 %), 2 the same; ")
    assert [row[:2] for row in transitions.rows] == [
        ("available → unavailable", 3),
        ("unavailable → available", 2),
        ("available → archived", 1),
        ("unanswered → available", 1),
    ]
    assert transitions.summary.startswith("7 digests with another verdict; most often available, then una")


def test_a_view_has_the_bar_and_a_chart_is_drawn(tmp_path: Path) -> None:
    made = changes(tmp_path)
    assert 'role="img" aria-label="2 same, 3 vanished, 2 appeared, 1 archived' in made._repr_html_()
    drawn: Any = made.plot.changes()
    assert "vanished" in drawn._repr_mimebundle_()["image/svg+xml"]


def test_two_empty_checks_have_no_plots(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("digest,verdict\n")
    assert lc.diff(tmp_path / "none.csv", tmp_path / "none.csv").plot.tables() == ()
