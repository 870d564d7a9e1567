"""The benchmarks write the tables of docs/speed.md and of the README, each between two marks of its own."""


def into(page: str, table: str, *, begin: str, end: str) -> str:
    """The page with the table between its two marks.

    Raises:
        ValueError: If the marks are not there.
    """
    before, found, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        raise ValueError(f"the page has no lines {begin!r} and {end!r}")
    return f"{before}{begin}\n{table}\n{end}{after}"
