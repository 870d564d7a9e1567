"""Executes the notebooks of `docs/examples` and stores what they show: `python docs/notebooks.py`.

`tests/python/docs/test_notebooks.py` executes them too, and compares.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent / "examples"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
VARIES = "varies"
"""The tag of a cell that shows times, so that each execution shows something else."""


def executed(path: Path) -> Any:
    """The notebook with the outputs of an execution in a new kernel, and without traces of the machine."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, kernel_name="python3", timeout=120, resources={"metadata": {"path": str(FOLDER)}}
    )
    client.record_timing = False
    asyncio.run(client.async_execute())
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    return notebook


def text_of(notebook: Any) -> str:
    """The notebook as the text of its file."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def main() -> None:
    """Execute each notebook, and write it with its outputs."""
    for path in NOTEBOOKS:
        path.write_text(text_of(executed(path)))


if __name__ == "__main__":
    main()
