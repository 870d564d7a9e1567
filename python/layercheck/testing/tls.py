"""The TLS mode: which certificate the server presents, and the file by which clients trust it."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Literal, TypeAlias

Certificate: TypeAlias = Literal["valid", "wrong_host", "expired"]
"""The certificate of a server with TLS: for 127.0.0.1 and localhost, for another host, or expired."""


class CaFile:
    """A PEM file in a temporary folder of its own; `remove` or the garbage collector deletes both."""

    def __init__(self, pem: str) -> None:
        folder = Path(tempfile.mkdtemp(prefix="local-ecr-"))
        # A child made by fork leaves the file alone, because its parent still needs it.
        self.remove = weakref.finalize(self, _remove, folder, os.getpid())
        self.path = folder / "ca.pem"
        self.path.write_text(pem)


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
