"""A new interpreter that runs one statement: the cost of an import for a user."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

HEAVY = ("boto3", "botocore", "numpy", "pyarrow", "pandas", "polars", "click", "rich")
LOOK = f"import json, sys; print(json.dumps([len(sys.modules), sorted(set({HEAVY}) & set(sys.modules))]))"


def process(statement: str) -> str:
    subprocess.run([sys.executable, "-c", statement], check=True)
    return statement


def answer(statement: str) -> dict[str, Any]:
    """The number of modules that it loaded, and the heavy modules among them."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{LOOK}"], check=True, capture_output=True, text=True
    )
    modules, heavy = json.loads(done.stdout)
    return {"modules": modules, "heavy": heavy}
