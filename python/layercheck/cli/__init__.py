"""The `layercheck` command: a thin shell over the package's public interface.

Data goes to standard output, everything else to standard error. Nothing here is
imported by `import layercheck`.
"""

from __future__ import annotations

from layercheck.cli.main import main

__all__ = ["main"]
