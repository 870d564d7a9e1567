"""Checks the built site: every link and anchor leads somewhere, and no page loads anything from elsewhere.

usage: python docs/site/links.py FOLDER

Sphinx checks the links between pages. This checks what it did not write too: the theme's own links,
downloads, and the way to the pages of cargo doc. Links to other servers are only counted, because the build
needs no network.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The ids of a page, where it links to, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the attributes that name or lead somewhere."""
        found = {name: value for name, value in attrs if value}
        self.ids.update(value for name, value in found.items() if name in {"id", "name"})
        if tag == "a" and "href" in found:
            self.links.add(found["href"])
        elif tag == "link" and found.get("rel") not in {"canonical", "index", "search", "next", "prev"}:
            self.loads.add(found.get("href", ""))
        elif "src" in found:
            self.loads.add(found["src"])


def mistakes(folder: Path) -> tuple[list[str], int, int]:
    """What is wrong, and how many links lead into the site and out of it."""
    own = [path for path in folder.rglob("*.html") if "rust" not in path.relative_to(folder).parts]
    pages = {path: Page(path) for path in own}
    wrong, inside, outside = [], 0, 0
    for path, page in pages.items():
        where = path.relative_to(folder)
        for link in sorted(page.links | page.loads):
            url = urlsplit(link)
            if url.scheme == "data":
                continue
            if url.scheme or url.netloc:
                outside += 1
                if link in page.loads:
                    wrong.append(f"{where} loads {link}")
                continue
            inside += 1
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not target.is_file():
                wrong.append(f"{where}: {link} leads to a file that is not there")
            elif (
                url.fragment and target in pages and unquote(url.fragment) not in pages[target].ids | {"top"}
            ):
                wrong.append(f"{where}: {link} leads to an anchor that is not there")
    return wrong, inside, outside


def main() -> int:
    """Check the folder named on the command line."""
    wrong, inside, outside = mistakes(Path(sys.argv[1]).resolve())
    print(
        "\n".join([*wrong, f"{inside:,} links inside the site, {outside:,} to other servers (not followed)"])
    )
    return 1 if wrong or not inside else 0


if __name__ == "__main__":
    sys.exit(main())
