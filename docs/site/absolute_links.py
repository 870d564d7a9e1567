"""Makes the README's relative links absolute, because PyPI shows the README without the files beside it.

The release workflow runs it before the wheels are built; a clone keeps its relative links.

usage: python docs/site/absolute_links.py BASE      such as https://forge.example/owner/layercheck/blob/v0.1.0
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def absolute(text: str, base: str) -> str:
    """The text with each link to a file of the repository below `base`; others stay."""
    return re.sub(r"\]\((?!https?://|#)([^)\s]+)\)", rf"]({base.rstrip('/')}/\1)", text)


if __name__ == "__main__":
    README.write_text(absolute(README.read_text(), sys.argv[1]))
