"""`python -m layercheck`, and the entry point of the `layercheck` command."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs the command. Ctrl-C during the imports ends it silently, with the exit code of an interruption."""
    try:
        from layercheck.cli.streams import mend_streams

        mend_streams()
        from layercheck.cli import main as command
    except KeyboardInterrupt:
        return 130
    return command()


if __name__ == "__main__":
    sys.exit(main())
