"""Run a program of the benchmarks: `python bench MODULE [ARGUMENT ...]`.

For instance: `python bench studies.pacing`. Python puts this folder on the import path, so that the
benchmarks import each other from one root.
"""

from __future__ import annotations

import runpy
import sys

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
