"""`progress=True` in a real Jupyter kernel, with and without the libraries for widgets."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from layercheck.testing import LocalEcr

# The kernel runs in a process of its own, and so does its client, whose libraries warn.
CLIENT = """
    import json, sys
    import nbformat
    from nbclient import NotebookClient

    cells = [nbformat.v4.new_code_cell(text) for text in json.loads(sys.argv[1])]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3").execute()
    print(json.dumps([cell.outputs for cell in notebook.cells]))
"""
SETUP = """
    import os, sys
    for name in {hidden!r}:
        sys.modules[name] = None
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1")
    import layercheck as lc
    rows = ["sha256:" + f"{{number:064x}}" for number in range(3000)]
"""


@pytest.mark.parametrize("hidden", [[], ["ipywidgets"], ["tqdm", "rich", "ipywidgets"]], ids=str)
def test_a_kernel_shows_one_bar_that_ends_full(hidden: list[str], tmp_path: Path) -> None:
    with LocalEcr({"app": []}, latency_ms=20) as ecr:
        check = f"report = lc.check(rows, 'app', endpoint_url={ecr.endpoint_url!r}, progress=True)"
        cells = [textwrap.dedent(SETUP).format(hidden=hidden), check, "report.complete"]
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(CLIENT), json.dumps(cells)],
            stdout=subprocess.PIPE,
            cwd=tmp_path,
            check=True,
        )
    setup, bar, complete = json.loads(done.stdout)
    assert setup == []
    assert complete[0]["data"]["text/plain"] == "True"
    # One output that was replaced, and nothing on standard error.
    assert [output["output_type"] for output in bar] == ["display_data"]
    assert bar[0]["data"]["text/plain"].startswith("checked 3,000 of 3,000 digests (100 %)")
    assert "3,000 unavailable" in bar[0]["data"]["text/html"]
    assert 'aria-valuenow="100"' in bar[0]["data"]["text/html"]
