"""`python -m layercheck`, and where the `layercheck` command begins."""

from __future__ import annotations

import sys


def main() -> int:
    """The command; Ctrl-C while it is still being loaded ends it without a word, as later with one."""
    try:
        from layercheck.cli import main as command
    except KeyboardInterrupt:
        return 130
    return command()


if __name__ == "__main__":
    sys.exit(main())
