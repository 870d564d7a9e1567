"""`python -m layercheck`: the same as the `layercheck` command."""

from __future__ import annotations

import sys

from layercheck.cli import main

if __name__ == "__main__":
    sys.exit(main())
