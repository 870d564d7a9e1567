"""`TimeType`: a point in time on the command line, in UTC unless it names its zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from layercheck.cli.options import ParamType


class TimeType(ParamType):
    """A day or a time of ISO 8601, such as `2026-11-01`, `2026-11-01T12:30:00Z` or one with `+01:00`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, with its zone."""
        if isinstance(value, datetime):
            return value
        try:
            time = datetime.fromisoformat(str(value).strip())
        except ValueError:
            self.fail(
                f"{str(value)!r} is not a time; expected such as 2026-11-01, 2026-11-01T12:30:00Z or "
                "2026-11-01T12:30:00+01:00; without a zone it is UTC",
                param,
                ctx,
            )
        return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
