"""Writes a table into the page that publishes the measurements, between the two marks of that table."""

from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "speed.md"


def insert_table(page: str, table: str, *, begin: str, end: str) -> str:
    """Return the page with the table between its two marks.

    Raises:
        ValueError: If a mark is missing.
    """
    before, found, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        raise ValueError(f"the page has no lines {begin!r} and {end!r}")
    return f"{before}{begin}\n{table}\n{end}{after}"
