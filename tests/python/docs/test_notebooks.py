"""The example notebooks run, and the outputs that they are stored with are those of this version."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from docs.pages import ROOT

# Executed in a process of its own, because the libraries of the client warn.
CLIENT = """
    import importlib.util, sys
    spec = importlib.util.spec_from_file_location("notebooks", sys.argv[1])
    notebooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(notebooks)
    from pathlib import Path
    print(notebooks.text_of(notebooks.executed(Path(sys.argv[2]))))
"""
NOTEBOOKS = sorted((ROOT / "docs" / "examples").glob("*.ipynb"))


def shown(cell: dict[str, Any]) -> Any:
    """What a cell shows, without what differs from execution to execution."""
    outputs = cell.get("outputs", [])
    if "varies" in cell["metadata"].get("tags", []):
        return [sorted(output.get("data", ())) for output in outputs]
    return outputs


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_and_its_stored_outputs_are_fresh(path: Path) -> None:
    program = "\n".join(line.removeprefix("    ") for line in CLIENT.splitlines())
    command = [sys.executable, "-c", program, str(ROOT / "docs" / "notebooks.py"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    fresh, stored = json.loads(done.stdout), json.loads(path.read_text())
    assert len(fresh["cells"]) == len(stored["cells"])
    for now, kept in zip(fresh["cells"], stored["cells"], strict=True):
        assert now["source"] == kept["source"]
        assert shown(now) == shown(kept), "store the outputs again: make notebooks"
    assert fresh["metadata"] == stored["metadata"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_stored_outputs_of_a_notebook_are_pictures_and_texts_without_scripts_or_paths(path: Path) -> None:
    text = path.read_text()
    assert str(Path.home()) not in text
    assert tempfile.gettempdir() not in text
    kinds = set()
    for cell in json.loads(text)["cells"]:
        for output in cell.get("outputs", []):
            assert output["output_type"] != "error"
            for kind, content in output.get("data", {}).items():
                kinds.add(kind)
                whole = "".join(content)
                assert "<script" not in whole
                if kind == "image/svg+xml":
                    assert ElementTree.fromstring(whole).attrib["role"] == "img"  # noqa: S314 - our own
    assert kinds == {"image/svg+xml", "text/html", "text/plain"}
    assert len(text) < 300_000
