"""`RunRecord`: says which audit uses a path, so that another one is noticed before it asks."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

from layercheck.errors import JournalError
from layercheck.shard.folder import Folder
from layercheck.shard.manifest import FORMAT, Fields, target_of

NAME = "run.json"

Target = Mapping[str, str | bool | None]


def refuse_another(folder: Folder, target: Target) -> None:
    """Check that no audit of another target began at this path.

    Raises:
        JournalError: One did; the message says what differs.
    """
    found = _read(folder)
    differing = [] if found is None else differences(found[0], target)
    if differing:
        raise JournalError(
            f"{folder!r}/{NAME} belongs to another run: it has {', '.join(differing)}; "
            "pass what that run had to go on, or another path to begin anew"
        )


def differences(found: Target, wanted: Target) -> list[str]:
    """Return what differs between two targets, as text."""
    return [
        f"{name} {found.get(name)!r} instead of {own!r}"
        for name, own in wanted.items()
        if found.get(name) != own
    ]


class RunRecord:
    """The record of this run. The run that began last has the path.

    Args:
        folder: Where it is.
        target: Account, registry, region, endpoint, repository.

    Raises:
        JournalError: An audit of another target began here.
    """

    def __init__(self, folder: Folder, target: Target) -> None:
        refuse_another(folder, target)
        self._folder = folder
        self._target = dict(target)
        self._run: str | None = None

    def begin(self) -> None:
        """Write the record, once. A run that finds everything done asks nothing, and does not begin."""
        if self._run is None:
            self._run = uuid.uuid4().hex
            values = {"format": FORMAT, "target": self._target, "run": self._run}
            self._folder.write(NAME, (json.dumps(values) + "\n").encode())

    def check(self) -> None:
        """Make sure that no other audit began here since.

        Raises:
            JournalError: One did.
        """
        if self._run is None:
            return
        found = _read(self._folder)
        if found is None or found[1] != self._run:
            raise JournalError(
                f"another audit used {self._folder!r} at the same time: it began later, and {NAME} is "
                "its own; run each again with a path of its own"
            )


def _read(folder: Folder) -> tuple[Target, str] | None:
    content = folder.read(NAME)
    if content is None:
        return None
    fields = Fields.of_json(content, f"{folder!r}/{NAME}")
    return target_of(fields.fields("target")), fields.text("run")
