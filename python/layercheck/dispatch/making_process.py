"""`MakingProcess`: tells the process that made an object from a child of it, made by fork.

A child has a copy of all objects and none of the threads. So nothing there would ever end a run, and a lock
that another thread held at the fork is held for ever.
"""

from __future__ import annotations

import os

from layercheck.errors import LayercheckError


class MakingProcess:
    """The process that made an object of this kind.

    Args:
        what: The object, for messages.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._number = os.getpid()

    @property
    def is_another(self) -> bool:
        """Whether this process is a child of the process that made the object."""
        return os.getpid() != self._number

    def error(self) -> LayercheckError:
        """Return the exception for a use in a child."""
        return LayercheckError(
            f"this {self._what} was made in process {self._number}; make one in each process, after the fork"
        )

    def check(self) -> None:
        """Raise in a child.

        Raises:
            LayercheckError: This process is a child of the process that made the object.
        """
        if self.is_another:
            raise self.error()
