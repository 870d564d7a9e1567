"""The `layercheck` command: a thin layer over the package's public interface.

Data goes to standard output, everything else to standard error. `import layercheck` does not import this
package.
"""

from __future__ import annotations

from layercheck.cli.main import main

__all__ = ["main"]
