"""Imports libraries that an extra of this package installs."""

from __future__ import annotations

import importlib
from typing import Any


def imported(name: str, purpose: str, *, extra: str) -> Any:
    """Import an optional library.

    Raises:
        ImportError: If it is not installed, with the command that installs it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ModuleNotFoundError(
            f"{purpose} needs {name}, which is not installed: pip install 'layercheck[{extra}]'", name=name
        ) from error
